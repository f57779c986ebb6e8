//! Why a request did not come back, and why none can be sent at all.

use std::net::IpAddr;

/// Why a request did not come back. Whether it took effect is known only of the kinds that say so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressFault {
    /// The name stands for an address that may not be reached. Nothing was sent.
    #[error("{host} stands for {address}, which is not on the public internet and is not listed")]
    Forbidden {
        /// The name, or the address that was written in its place.
        host: String,
        /// The first of its addresses that may not be reached.
        address: IpAddr,
    },
    /// The request itself cannot be sent. Nothing was.
    #[error("{0}")]
    Invalid(String),
    /// The request or the response is larger than it may be.
    #[error("{0}")]
    TooLarge(&'static str),
    /// The time was up.
    #[error("no whole response within {0:?}")]
    Timeout(std::time::Duration),
    /// No connection, or one that broke.
    #[error("{0}")]
    Unreachable(String),
}

/// TLS could not be set up: the machine has no root certificates, mostly.
#[derive(Debug, thiserror::Error)]
#[error("TLS towards other services cannot be set up: {0}; are root certificates installed?")]
pub struct EgressError(#[source] pub(crate) rustls::Error);

/// An address that may not be reached, on its way through the connector's errors.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{host} stands for {address}")]
pub(crate) struct Forbidden {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
}

impl EgressFault {
    /// What a connector's error means: an address that may not be reached is found among its causes.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(Forbidden { host, address }) = error.downcast_ref::<Forbidden>() {
                return Self::Forbidden { host: host.clone(), address: *address };
            }
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::Unreachable(text)
    }
}
