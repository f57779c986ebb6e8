//! The imports that no case can script: they answer `unavailable`. `invoke` no host of 0.1 has; what `http` and `secret`
//! do is tried against the gateway.

use crate::HostError;

fn unavailable<T>() -> Result<T, HostError> {
    Err(HostError::Unavailable("no case can script this".to_owned()))
}

/// Outgoing HTTP.
#[allow(missing_docs, reason = "documented in wit/http.wit")]
pub mod http {
    pub use crate::bindings::base::cardea::plugin::http::{Request, Response};

    use super::{HostError, unavailable};

    pub fn send(_request: &Request) -> Result<Response, HostError> {
        unavailable()
    }

    pub fn send_many(requests: &[Request]) -> Vec<Result<Response, HostError>> {
        requests.iter().map(|_| unavailable()).collect()
    }
}

/// Secrets by name.
#[allow(missing_docs, reason = "documented in wit/secret.wit")]
pub mod secret {
    use super::{HostError, unavailable};

    pub fn hmac_sha256(_name: &str, _data: &[u8]) -> Result<Vec<u8>, HostError> {
        unavailable()
    }

    pub fn reveal(_name: &str) -> Result<Vec<u8>, HostError> {
        unavailable()
    }
}

/// A call of the plugin's own.
#[allow(missing_docs, reason = "documented in wit/invoke.wit")]
pub mod invoke {
    use super::{HostError, unavailable};

    pub fn call(_method: &str, _params_json: &str) -> Result<String, HostError> {
        unavailable()
    }
}
