//! `credential`: what the client presented, in `on-authenticate` only.

use cardea_chain::{Credential, Import};
use wasmtime::Result;

use crate::bindings::cardea::plugin::credential::{Host, Peer};
use crate::guest::Guest;

impl Host for Guest {
    fn header(&mut self, name: String) -> Result<Vec<String>> {
        let name = name.to_ascii_lowercase();
        if !self.facts.allowed.read.covers_header(&name) {
            self.charge(Import::Credential)?;
            return Ok(Vec::new());
        }
        self.of_credential(|credential| {
            let values = credential.headers.get_all(name).iter();
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
        })
    }

    fn http_method(&mut self) -> Result<String> {
        self.of_credential(|credential| credential.method.as_str().to_owned())
    }

    fn uri(&mut self) -> Result<String> {
        self.of_credential(|credential| credential.uri.clone())
    }

    fn endpoint(&mut self) -> Result<String> {
        self.of_credential(|credential| credential.endpoint.as_ref().to_owned())
    }

    fn tls_peer(&mut self) -> Result<Option<Peer>> {
        self.of_credential(|credential| {
            let peer = credential.peer.as_ref()?;
            Some(Peer { digest: peer.digest.clone(), names: peer.names.clone(), ext_json: None })
        })
    }
}

impl Guest {
    fn of_credential<T: Default>(&mut self, read: impl FnOnce(&Credential) -> T) -> Result<T> {
        self.charge(Import::Credential)?;
        Ok(self.visit.credential.as_deref().map(read).unwrap_or_default())
    }
}
