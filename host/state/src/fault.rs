//! Why state could not be read or changed.

/// Why state could not be read or changed. Nothing was changed, except after [`StateFault::Timeout`], where it is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateFault {
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// No room for another key or value until others expire.
    #[error("{0}")]
    Full(String),
    /// The back end did not answer in time.
    #[error("{0}")]
    Timeout(String),
    /// The back end is down.
    #[error("{0}")]
    Unavailable(String),
}
