//! The configured keys: checked once, searched in a time that does not depend on what is searched.

use cardea_sdk::{Subject, prelude::Deserialize};
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// SHA-256 of a key.
type KeyDigest = [u8; 32];

/// One entry of `keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct KeyConfig {
    id: String,
    sha256: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    client: String,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    User,
    #[default]
    Service,
    Agent,
}

/// A key and who holds it.
#[derive(Debug)]
pub(crate) struct Entry {
    digest: KeyDigest,
    pub(crate) subject: Subject,
}

/// All keys.
#[derive(Debug)]
pub(crate) struct Keyring {
    entries: Vec<Entry>,
}

impl Keyring {
    /// Checks every entry; the error names the one that is wrong.
    pub(crate) fn new(keys: Vec<KeyConfig>) -> Result<Self, String> {
        if keys.is_empty() {
            return Err("keys: is empty, so nobody could come in".to_owned());
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(keys.len());
        for (at, key) in keys.into_iter().enumerate() {
            let place = format!("keys[{at}] (`{}`)", key.id);
            let entry = Entry::new(key).map_err(|error| format!("{place}: {error}"))?;
            if let Some(other) = entries.iter().position(|other| other.subject.id == entry.subject.id) {
                return Err(format!("{place}: id: keys[{other}] has the same; every key needs its own"));
            }
            if let Some(other) = entries.iter().position(|other| other.digest == entry.digest) {
                return Err(format!("{place}: sha256: keys[{other}] has the same, so the two could not be told apart"));
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// The entry of a key. Compares with every entry, whole digests, whichever matches.
    pub(crate) fn find(&self, key: &str) -> Option<&Entry> {
        let presented: KeyDigest = Sha256::digest(key).into();
        let mut found = u32::MAX;
        for (at, entry) in (0..).zip(&self.entries) {
            found.conditional_assign(&at, entry.digest.ct_eq(&presented));
        }
        self.entries.get(usize::try_from(found).ok()?)
    }
}

impl Entry {
    fn new(key: KeyConfig) -> Result<Self, String> {
        if key.id.is_empty() || key.id.chars().any(char::is_control) {
            return Err("id: must be a name without control characters".to_owned());
        }
        let digest = digest(&key.sha256)?;
        let expires_ms = key.expires.as_deref().map(milliseconds).transpose()?;
        let kind = match key.kind {
            Kind::User => "user",
            Kind::Service => "service",
            Kind::Agent => "agent",
        };
        let subject = Subject {
            tenant: key.tenant,
            client: key.client,
            credential_id: key.id.clone(),
            roles: key.roles,
            groups: key.groups,
            scopes: key.scopes,
            expires_ms,
            ..Subject::new("api-key", key.id, kind)
        };
        Ok(Self { digest, subject })
    }
}

fn digest(hex: &str) -> Result<KeyDigest, String> {
    let nibbles: Option<Vec<u8>> =
        hex.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let nibbles = nibbles.filter(|nibbles| nibbles.len() == 64);
    let nibbles =
        nibbles.ok_or("sha256: must be 64 hex digits, the SHA-256 of the whole key (`printf %s KEY | sha256sum`)")?;
    let mut digest = KeyDigest::default();
    for (byte, pair) in digest.iter_mut().zip(nibbles.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |byte, nibble| byte << 4 | nibble);
    }
    if digest == KeyDigest::from(Sha256::digest("")) {
        return Err("sha256: is that of an empty key; was a variable not set?".to_owned());
    }
    Ok(digest)
}

fn milliseconds(text: &str) -> Result<u64, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| format!("expires: `{text}` is no RFC 3339 date-time such as 2027-01-31T00:00:00Z: {error}"))?;
    // What ended before 1970 has ended, however long before.
    Ok(u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn hex(key: &str) -> String {
        Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn entry(id: &str, key: &str) -> KeyConfig {
        KeyConfig {
            id: id.to_owned(),
            sha256: hex(key),
            roles: Vec::new(),
            groups: Vec::new(),
            scopes: Vec::new(),
            tenant: String::new(),
            expires: None,
            kind: Kind::Service,
            client: String::new(),
        }
    }

    #[test]
    fn dates() {
        assert_eq!(milliseconds("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(milliseconds("2026-11-22T17:30:00.25+01:30"), Ok(1_795_363_200_250));
        assert_eq!(milliseconds("1969-12-31T23:59:59Z"), Ok(0));
        for bad in ["", "2026-11-22", "2026-11-22T17:30:00", "2026-13-01T00:00:00Z", "tomorrow"] {
            assert!(milliseconds(bad).unwrap_err().contains("RFC 3339"), "{bad}");
        }
    }

    #[test]
    fn upper_case_hex_is_the_same_digest() {
        assert_eq!(digest(&hex("k").to_uppercase()), digest(&hex("k")));
    }

    proptest! {
        #[test]
        fn each_key_finds_its_own_entry_and_no_other_text_does(
            keys in prop::collection::btree_set("[!-~]{1,20}", 1..20),
            other in "[!-~]{1,20}",
        ) {
            let ring = Keyring::new(keys.iter().map(|key| entry(key, key)).collect()).unwrap();
            for key in &keys {
                prop_assert_eq!(ring.find(key).map(|entry| &entry.subject.id), Some(key));
            }
            prop_assert_eq!(ring.find(&other).is_some(), keys.contains(&other));
        }

        #[test]
        fn any_text_for_a_digest_or_a_date_is_read_or_refused(text in ".{0,80}") {
            let _ = digest(&text);
            let _ = milliseconds(&text);
        }
    }
}
