//! TLS of the front door: one certificate, replaced while connections live.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate new handshakes get.
pub struct Certificate {
    current: ArcSwap<CertifiedKey>,
    provider: Arc<CryptoProvider>,
}

/// Why a certificate cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum TlsError {
    /// The certificate file holds no readable certificate.
    Certificate(String),
    /// The key file holds no readable private key.
    Key(String),
    /// Key and certificate do not belong together, or the key's kind is not supported.
    Pair(String),
    /// The TLS library refuses the settings.
    Settings(String),
}

impl Certificate {
    /// Reads a certificate chain, leaf first, and its private key from PEM text.
    pub fn load(cert_pem: &[u8], key_pem: &[u8]) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = ArcSwap::from_pointee(certified(cert_pem, key_pem, &provider)?);
        Ok(Arc::new(Self { current, provider }))
    }

    /// Puts another certificate in its place. Connections that stand keep theirs; on error nothing changes.
    pub fn replace(&self, cert_pem: &[u8], key_pem: &[u8]) -> Result<(), TlsError> {
        self.current.store(Arc::new(certified(cert_pem, key_pem, &self.provider)?));
        Ok(())
    }

    /// Settings of a TLS server that hands out this certificate: TLS 1.2 and 1.3, HTTP/2 before HTTP/1.1.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Settings(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certified(cert_pem: &[u8], key_pem: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(cert_pem)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate("no CERTIFICATE section".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|error| TlsError::Key(error.to_string()))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| TlsError::Pair(error.to_string()))
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(why) => {
                write!(f, "the certificate cannot be read: {why}; it must be PEM, the server's own certificate first")
            }
            Self::Key(why) => write!(f, "the private key cannot be read: {why}; it must be PEM and not encrypted"),
            Self::Pair(why) => write!(f, "certificate and private key cannot be used together: {why}"),
            Self::Settings(why) => write!(f, "TLS cannot be set up: {why}"),
        }
    }
}

impl std::error::Error for TlsError {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn pair(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_key_of_another_certificate_is_refused_and_changes_nothing() {
        let (cert, key) = pair("localhost");
        let (other, _) = pair("localhost");
        let certificate = Certificate::load(cert.as_bytes(), key.as_bytes()).unwrap();
        let before = certificate.current.load_full();
        assert!(matches!(certificate.replace(other.as_bytes(), key.as_bytes()), Err(TlsError::Pair(_))));
        assert!(Arc::ptr_eq(&before, &certificate.current.load_full()));
    }

    #[test]
    fn errors_say_which_file_is_wrong() {
        let (cert, key) = pair("localhost");
        assert!(matches!(Certificate::load(b"", key.as_bytes()), Err(TlsError::Certificate(_))));
        assert!(matches!(Certificate::load(cert.as_bytes(), b""), Err(TlsError::Key(_))));
    }
}
