//! Knows callers by API keys. The configuration holds SHA-256 digests; a key itself is nowhere but in the request.

mod keyring;
mod presented;

use cardea_sdk::prelude::*;

use keyring::{KeyConfig, Keyring};
use presented::{Presented, presented};

/// Challenge for a request without a credential (RFC 6750 section 3).
const CHALLENGE: &str = "Bearer";
/// Challenge for a credential that is not good.
const CHALLENGE_INVALID: &str = r#"Bearer error="invalid_token""#;

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    keys: Vec<KeyConfig>,
    #[serde(default = "default_headers")]
    headers: Vec<String>,
    #[serde(default)]
    prefix: Option<String>,
    #[serde(default)]
    optional: bool,
}

fn default_headers() -> Vec<String> {
    vec!["authorization".to_owned(), "x-api-key".to_owned()]
}

/// The authenticator.
pub struct ApiKey {
    keyring: Keyring,
    headers: Vec<String>,
    prefix: Option<String>,
    optional: bool,
}

#[cardea_sdk::plugin]
impl Plugin for ApiKey {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        if config.headers.is_empty() {
            return Err("headers: is empty, so no request could carry a key".to_owned());
        }
        let upper = |header: &String| header.chars().any(|character| character.is_ascii_uppercase());
        if let Some(header) = config.headers.iter().find(|header| upper(header)) {
            return Err(format!("headers: write `{header}` in lower case"));
        }
        if config.prefix.as_deref() == Some("") {
            return Err("prefix: is empty; leave it out if your keys have none".to_owned());
        }
        let Config { keys, headers, prefix, optional } = config;
        Ok(Self { keyring: Keyring::new(keys)?, headers, prefix, optional })
    }

    fn on_authenticate(&self) -> Finding {
        match presented(&self.headers) {
            Presented::Nothing | Presented::Foreign if self.optional => Finding::None,
            Presented::Nothing => refuse("An API key is needed.", "the request carries no credential", CHALLENGE),
            Presented::Foreign => {
                refuse("An API key is needed.", "the authorization header is not of the scheme Bearer", CHALLENGE)
            }
            Presented::Several => Refusal::invalid("The request carries more than one credential; send exactly one.")
                .reason("the configured headers carry different credentials")
                .into(),
            Presented::Key(key) if self.is_foreign(&key) => Finding::None,
            Presented::Key(key) => self.judge(&key),
        }
    }
}

impl ApiKey {
    fn is_foreign(&self, key: &str) -> bool {
        self.prefix.as_deref().is_some_and(|prefix| !key.starts_with(prefix))
    }

    fn judge(&self, key: &str) -> Finding {
        let Some(entry) = self.keyring.find(key) else {
            return refuse("The API key is not valid.", "no configured key has this SHA-256", CHALLENGE_INVALID);
        };
        let now = clock::now_ms();
        match entry.subject.expires_ms {
            Some(end) if end <= now => {
                let reason = format!("key `{}` expired {} s ago", entry.subject.id, (now - end) / 1000);
                refuse("The API key has expired.", &reason, CHALLENGE_INVALID)
            }
            _ => entry.subject.clone().into(),
        }
    }
}

fn refuse(message: &str, reason: &str, challenge: &str) -> Finding {
    Refusal::unauthenticated(message).reason(reason).header("www-authenticate", challenge).into()
}
