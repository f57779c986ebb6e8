//! Masks personal and secret data in what servers send back: results, errors, and what passes before the end.

#![allow(
    clippy::result_large_err,
    reason = "a refusal crosses the component boundary by value; boxing it would help nobody"
)]

mod reply_document;

use cardea_mask::{Config, Policy, Stop, mask_document};
use cardea_sdk::prelude::*;
use cardea_sdk::secret;

use reply_document::ReplyDocument;

/// Name of the secret that hashes are made with.
const KEY: &str = "mask-key";
/// Bytes of a hash that are shown: enough to tell values apart, too few to look one up by.
const HASH_BYTES: usize = 6;

/// What is masked, how, and for whom.
pub struct Mask {
    policy: Policy,
}

#[cardea_sdk::plugin]
impl Plugin for Mask {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self { policy: config.into_policy(&hash)? })
    }

    fn on_message(&self, _kind: MessageKind) -> MessageVerdict {
        self.mask().map_or_else(MessageVerdict::Refuse, |()| MessageVerdict::Pass)
    }

    fn on_reply(&self) -> ReplyVerdict {
        self.mask().map_or_else(ReplyVerdict::Refuse, |()| ReplyVerdict::Pass)
    }
}

impl Mask {
    fn mask(&self) -> Result<(), Refusal> {
        let roles = if self.policy.asks_for_roles() { subject::roles() } else { Vec::new() };
        match mask_document(&ReplyDocument, &self.policy, &roles, &hash) {
            Ok(0) => Ok(()),
            Ok(masked) => {
                metric::count("masked", masked);
                Ok(())
            }
            Err(stop) => {
                metric::count("refused", 1);
                Err(refusal(stop))
            }
        }
    }
}

fn hash(value: &str) -> Result<String, String> {
    let hash = secret::hmac_sha256(KEY, value.as_bytes()).map_err(|error| error.to_string())?;
    Ok(hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect())
}

/// What the client is told says what sort of data it is, and nothing of the data.
fn refusal(stop: Stop) -> Refusal {
    match stop {
        Stop::Refused(kind) => Refusal::forbidden(format!("It was withheld: it holds data of the kind `{kind}`."))
            .reason(format!("a rule refuses `{kind}`")),
        Stop::Fixed { kind, why } => {
            Refusal::forbidden("It was withheld: it holds data that cannot be masked where it is.")
                .reason(format!("a {kind} to be masked stands where no stage may edit: {why}"))
        }
        Stop::TooLarge(size) => {
            Refusal::forbidden("It was withheld: it is too large to be checked for personal and secret data.")
                .reason(format!("{size} bytes; `max-bytes` of the stage is less"))
        }
        Stop::NotHashed(why) => {
            Refusal::unavailable("Personal and secret data cannot be masked at the moment; try again later.")
                .reason(format!("the host did not hash: {why}"))
        }
    }
}
