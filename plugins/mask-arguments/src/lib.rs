//! Masks personal and secret data in the arguments of calls. Its role is `shape`, so it stands before the stages that judge
//! and count, and what they see is what the server gets.

mod arguments;

use cardea_mask::{Config, Policy, Stop, mask_document};
use cardea_sdk::prelude::*;
use cardea_sdk::secret;

use arguments::Arguments;

/// Name of the secret that hashes are made with.
const KEY: &str = "mask-key";
/// Bytes of a hash that are shown: enough to tell values apart, too few to look one up by.
const HASH_BYTES: usize = 6;

/// What is masked, how, and for whom.
pub struct MaskArguments {
    policy: Policy,
}

#[cardea_sdk::plugin]
impl Plugin for MaskArguments {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self { policy: config.into_policy(&hash)? })
    }

    fn on_call(&self) -> CallVerdict {
        let roles = if self.policy.asks_for_roles() { subject::roles() } else { Vec::new() };
        match mask_document(&Arguments, &self.policy, &roles, &hash) {
            Ok(0) => CallVerdict::Pass,
            Ok(masked) => {
                metric::count("masked", masked);
                CallVerdict::Pass
            }
            Err(stop) => {
                metric::count("refused", 1);
                refusal(stop).into()
            }
        }
    }
}

fn hash(value: &str) -> Result<String, String> {
    let hash = secret::hmac_sha256(KEY, value.as_bytes()).map_err(|error| error.to_string())?;
    Ok(hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect())
}

/// What the client is told says what sort of data it is: a model can then leave it out.
fn refusal(stop: Stop) -> Refusal {
    match stop {
        Stop::Refused(kind) => {
            Refusal::invalid(format!("The arguments hold data of the kind `{kind}`, which may not be sent."))
                .reason(format!("a rule refuses `{kind}`"))
        }
        Stop::Fixed { kind, why } => {
            Refusal::invalid("The arguments hold data that may not be sent, in a place where it cannot be masked.")
                .reason(format!("a {kind} to be masked stands where no stage may edit: {why}"))
        }
        Stop::TooLarge(size) => {
            Refusal::invalid("The arguments are too large to be checked for personal and secret data.")
                .reason(format!("{size} bytes; `max-bytes` of the stage is less"))
        }
        Stop::NotHashed(why) => {
            Refusal::unavailable("Personal and secret data cannot be masked at the moment; try again later.")
                .reason(format!("the host did not hash: {why}"))
        }
    }
}
