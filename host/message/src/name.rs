//! Names that carry their server: `<server>_<native>`, never longer than MCP clients take.

use std::fmt;

use sha2::{Digest, Sha256};

/// The longest joined name, in characters: what every client and model provider takes.
pub const MAX_NAME: usize = 64;

const SEPARATOR: char = '_';
const HASH_DIGITS: usize = 8;

/// The name of a server in this gateway: 1 to 24 of `a-z`, `0-9` and `-`. It has no `_`, so the first `_` of a joined name
/// always ends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName(String);

/// Why a text is no server name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server's name is 1 to 24 characters of `a-z`, `0-9` and `-`")]
pub struct NameFault;

impl ServerName {
    /// The longest name of a server.
    pub const MAX: usize = 24;

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, NameFault> {
        if is_server_name(text) { Ok(Self(text.to_owned())) } else { Err(NameFault) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ServerName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The name under which clients see what a server calls `native`. Above [`MAX_NAME`] characters the tail is cut and
/// replaced by `-` and 8 hex digits of the SHA-256 of the full name: the same each time, on every machine.
pub fn join(server: &ServerName, native: &str) -> String {
    let full = format!("{server}{SEPARATOR}{native}");
    if full.chars().count() <= MAX_NAME {
        return full;
    }
    let digest = Sha256::digest(full.as_bytes());
    let head = full.chars().take(MAX_NAME - HASH_DIGITS - 1);
    let hash = digest.iter().take(HASH_DIGITS / 2).map(|byte| format!("{byte:02x}"));
    head.collect::<String>() + "-" + &hash.collect::<String>()
}

/// The server and the rest of a joined name, split at the first `_`. None if there is no server's name before it, or
/// nothing after it. The rest is the native name unless the name [`is_shortened`].
pub fn split(name: &str) -> Option<(&str, &str)> {
    name.split_once(SEPARATOR).filter(|(server, native)| is_server_name(server) && !native.is_empty())
}

/// True if a name has the look of one that [`join`] shortened: then its native name must be looked up among those the
/// server offers, by joining each. A native name can have that look by chance.
pub fn is_shortened(name: &str) -> bool {
    let hash = name.rsplit_once('-').map_or("", |(_, hash)| hash);
    name.chars().count() == MAX_NAME
        && hash.len() == HASH_DIGITS
        && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_server_name(text: &str) -> bool {
    (1..=ServerName::MAX).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn server(text: &str) -> ServerName {
        ServerName::parse(text).unwrap()
    }

    #[test]
    fn a_server_name_is_short_and_plain() {
        assert_eq!(server("git-2").as_str(), "git-2");
        for bad in ["", "Git", "a_b", "a.b", "é", "a b", &"x".repeat(25)] {
            assert_eq!(ServerName::parse(bad), Err(NameFault), "{bad}");
        }
    }

    #[test]
    fn the_first_underscore_splits() {
        assert_eq!(join(&server("git"), "read_file"), "git_read_file");
        assert_eq!(split("git_read_file"), Some(("git", "read_file")));
        assert_eq!(split("git__x"), Some(("git", "_x")));
        for bad in ["git", "_x", "git_", "Git_x", ""] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn long_names_are_cut_the_same_each_time() {
        let native = "n".repeat(60);
        assert_eq!(join(&server("abc"), &native), format!("abc_{native}"), "64 characters are not too many");
        // The hash is of the full name: computed once with another tool and written down.
        assert_eq!(join(&server("abcd"), &native), format!("abcd_{}-523aab89", "n".repeat(50)));
        assert!(is_shortened(&join(&server("abcd"), &native)));
        assert!(!is_shortened(&join(&server("abc"), &native)));
        assert_ne!(join(&server("abcd"), &format!("{native}x")), join(&server("abcd"), &format!("{native}y")));
    }

    #[test]
    fn cutting_counts_characters() {
        let joined = join(&server("a"), &"é".repeat(80));
        assert_eq!(joined.chars().count(), MAX_NAME);
        assert!(is_shortened(&joined));
    }
}
