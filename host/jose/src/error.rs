//! Why a token is not good. The texts are for the operator; none of them repeats what the token says.

/// Why a token is not good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not a token at all.
    #[error("{0}")]
    Malformed(String),
    /// A token, and not acceptable.
    #[error("{0}")]
    Rejected(String),
    /// The issuer's keys cannot be had.
    #[error("{0}")]
    Unavailable(String),
}

impl TokenFault {
    pub(crate) fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed(why.into())
    }

    pub(crate) fn rejected(why: impl Into<String>) -> Self {
        Self::Rejected(why.into())
    }
}
