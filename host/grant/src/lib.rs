//! What a plugin may ask for and a manifest may grant, as values: masks over a call, rules of outgoing requests, quotas, secrets.
//!
//! Both sides write the same words ([`Mask`], [`HttpRule`], [`Quota`]); what holds is what both say: `meet`. This crate does
//! no I/O and knows neither TOML nor wasm, so the manifest's reader and the plugin host judge by the same code.

mod http;
mod issuer;
mod mask;
mod quota;
mod scope;
mod secret;

pub use crate::http::{HttpRule, Target};
pub use ipnet::IpNet;
pub use issuer::{Algorithm, Issuer, check_source};
pub use mask::{Mask, Pattern};
pub use quota::Quota;
pub use scope::Scope;
pub use secret::Secret;

use std::collections::BTreeMap;

/// What the manifest grants a stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    /// Keys with values that outlive calls.
    pub kv: bool,
    /// How much of them, for one tenant.
    pub kv_quota: Quota,
    /// Limits.
    pub limiter: bool,
    /// The audit journal.
    pub journal: bool,
    /// Outgoing requests; none if the key was not written.
    pub http: Option<Vec<HttpRule>>,
    /// Issuers whose tokens are verified in the plugin's name.
    pub issuers: Vec<Issuer>,
    /// Addresses outside the public internet that those requests, and those for an issuer's keys, may reach.
    pub private_addresses: Vec<IpNet>,
    /// Secrets the host uses in the plugin's name.
    pub secrets: BTreeMap<String, Secret>,
    /// Those of them the plugin may read; none if the key was not written.
    pub reveal: Option<Vec<String>>,
    /// What of a call may be read; none for what the role needs.
    pub read: Option<Mask>,
    /// What of a call may be edited; none for what the role needs.
    pub edit: Option<Mask>,
}

/// Whether a text can be the name of a secret: 1 to 64 of `a`-`z`, `0`-`9`, `_` and `-`.
pub fn is_secret_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}
