//! `secret`: what the host does with a secret in the plugin's name, and, where that is granted, the secret itself.

use cardea_chain::Import;
use cardea_grant::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Result;

use crate::bindings::cardea::plugin::secret::Host;
use crate::bindings::cardea::plugin::types::HostError;
use crate::guest::Guest;

impl Host for Guest {
    fn hmac_sha256(&mut self, name: String, data: Vec<u8>) -> Result<Result<Vec<u8>, HostError>> {
        self.charge(Import::Secret)?;
        Ok(self.secret(&name).and_then(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
                .map_err(|fault| HostError::Invalid(format!("`{name}` is no key: {fault}")))?;
            mac.update(&data);
            Ok(mac.finalize().into_bytes().to_vec())
        }))
    }

    fn reveal(&mut self, name: String) -> Result<Result<Vec<u8>, HostError>> {
        self.charge(Import::Secret)?;
        if !self.facts.allowed.scope.reveal.contains(&name) {
            return Ok(Err(HostError::Denied(format!("`{name}` is not in `grant.secret.reveal` of this stage"))));
        }
        Ok(self.secret(&name).map(|secret| secret.reveal().as_bytes().to_vec()))
    }
}

impl Guest {
    /// A secret of this stage.
    pub(super) fn secret(&self, name: &str) -> Result<&Secret, HostError> {
        let denied = || HostError::Denied(format!("`{name}` is not in `grant.secret.values` of this stage"));
        self.facts.allowed.secrets.get(name).ok_or_else(denied)
    }
}
