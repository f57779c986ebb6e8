//! What a plugin does beside its hooks: as it asks for it, as it is granted, and as it holds.

use crate::{Grants, HttpRule, Mask, Quota};

/// What a plugin does beside its hooks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Keys with values that outlive calls, and how much of them.
    pub kv: Option<Quota>,
    /// Limits.
    pub limiter: bool,
    /// The audit journal.
    pub journal: bool,
    /// Outgoing requests.
    pub http: Vec<HttpRule>,
    /// Verification of signed tokens.
    pub jose: bool,
    /// Whose, by the issuers' identifiers; a plugin asks without naming them.
    pub issuers: Vec<String>,
    /// Secrets it uses, by name.
    pub secrets: Vec<String>,
    /// Those it reads, and does not only use.
    pub reveal: Vec<String>,
    /// What of a call it reads; none for what its role needs.
    pub read: Option<Mask>,
    /// What of a call it edits; none for what its role needs.
    pub edit: Option<Mask>,
}

impl Scope {
    /// One line for each thing, for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.kv.map(|quota| format!("kv{}", words(quota))));
        lines.extend(self.limiter.then(|| "limiter".to_owned()));
        lines.extend(self.journal.then(|| "journal".to_owned()));
        lines.extend(self.http.iter().map(|rule| format!("http {rule}")));
        lines.extend((self.jose && self.issuers.is_empty()).then(|| "jose".to_owned()));
        lines.extend(self.issuers.iter().map(|issuer| format!("jose {issuer}")));
        lines.extend(self.secrets.iter().map(|name| format!("secret {name}")));
        lines.extend(self.reveal.iter().map(|name| format!("reveal {name}")));
        lines.extend(self.read.iter().map(|mask| format!("read {mask}")));
        lines.extend(self.edit.iter().map(|mask| format!("edit {mask}")));
        lines
    }
}

impl From<&Grants> for Scope {
    fn from(grants: &Grants) -> Self {
        Self {
            kv: grants.kv.then_some(grants.kv_quota),
            limiter: grants.limiter,
            journal: grants.journal,
            http: grants.http.clone().unwrap_or_default(),
            jose: !grants.issuers.is_empty(),
            issuers: grants.issuers.iter().map(|issuer| issuer.id.clone()).collect(),
            secrets: grants.secrets.keys().cloned().collect(),
            reveal: grants.reveal.clone().unwrap_or_default(),
            read: grants.read.clone(),
            edit: grants.edit.clone(),
        }
    }
}

fn words(quota: Quota) -> String {
    let bytes = quota.bytes.map(|bytes| format!("{bytes} bytes"));
    let keys = quota.keys.map(|keys| format!("{keys} keys"));
    let words: Vec<String> = bytes.into_iter().chain(keys).collect();
    if words.is_empty() { String::new() } else { format!(" of at most {}", words.join(" and ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn every_grant_is_shown_and_no_secret_is() {
        let grants = Grants {
            kv: true,
            kv_quota: Quota { bytes: Some(10), keys: Some(2) },
            http: Some(vec!["GET https://a.example/*".parse().unwrap()]),
            secrets: [("hook".to_owned(), Secret::new("do-not-print-me"))].into(),
            read: Some(["header:via".parse().unwrap()].into_iter().collect()),
            edit: Some(Mask::default()),
            ..Grants::default()
        };
        let lines = Scope::from(&grants).lines();
        let expected = [
            "kv of at most 10 bytes and 2 keys",
            "http GET https://a.example/*",
            "secret hook",
            "read header:via",
            "edit nothing",
        ];
        assert_eq!(lines, expected);
    }
}
