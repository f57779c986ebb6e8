//! The name of a counter: the limit and what it counts apart.

use std::fmt::Write as _;

use cardea_sdk::prelude::{Deserialize, call, subject};

/// Most bytes of a method or a tool's name in a key. Longer ones that begin alike share a counter, which is only
/// stricter.
const PART: usize = 128;

/// What has a counter of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Per {
    Tenant,
    Server,
    Method,
    Tool,
    /// The value of an argument, by its JSON pointer.
    Argument(String),
    /// The credential, of which a subject may have several.
    Key,
    // Last, because `subject.key` stands in the key as it is, whatever is in it.
    Subject,
}

impl Per {
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Server => "server",
            Self::Method => "method",
            Self::Tool => "tool",
            Self::Argument(_) => "argument",
            Self::Key => "key",
            Self::Subject => "subject",
        }
    }

    fn value(&self, method: &str) -> String {
        match self {
            Self::Tenant => plain(&subject::tenant()),
            Self::Server => plain(&call::server()),
            Self::Method => plain(method),
            // Other methods name prompts, or URIs without end: these share one counter.
            Self::Tool if method == "tools/call" => plain(&call::native_name().unwrap_or_default()),
            Self::Tool => String::new(),
            // Calls without it share one counter, and so do all of a stage that may not read arguments.
            Self::Argument(pointer) => plain(&call::get(pointer).unwrap_or_default()),
            Self::Key => plain(&subject::current().map(|subject| subject.credential_id).unwrap_or_default()),
            Self::Subject => subject::key(),
        }
    }
}

impl TryFrom<String> for Per {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        Ok(match word.as_str() {
            "tenant" => Self::Tenant,
            "server" => Self::Server,
            "method" => Self::Method,
            "tool" => Self::Tool,
            "key" => Self::Key,
            "subject" => Self::Subject,
            other => match other.strip_prefix("argument:") {
                Some(pointer) if pointer.len() > 1 && pointer.starts_with('/') => {
                    Self::Argument(format!("/arguments{pointer}"))
                }
                _ => {
                    return Err(format!(
                        "unknown variant `{word}`, expected one of subject, key, tenant, server, tool, method, or argument:/name"
                    ));
                }
            },
        })
    }
}

/// The key for the current call. No two combinations share one but those cut at `PART`.
pub(crate) fn key(limit: &str, per: &[Per], method: &str) -> String {
    let mut key = limit.to_owned();
    for per in per {
        let _ = write!(key, "|{}={}", per.as_str(), per.value(method));
    }
    key
}

/// A value that cannot be taken for the end of itself.
fn plain(value: &str) -> String {
    let cut = (0..=value.len().min(PART)).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
    value[..cut].replace('%', "%25").replace('|', "%7C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_stay_apart(one in "[a|%=é]{0,20}", other in "[a|%=é]{0,20}") {
            prop_assert_eq!(plain(&one) == plain(&other), one == other);
            prop_assert!(!plain(&one).contains('|'));
        }

        #[test]
        fn long_values_are_cut_between_characters(value in ".{100,200}") {
            prop_assert!(plain(&value).len() <= 3 * PART);
        }
    }
}
