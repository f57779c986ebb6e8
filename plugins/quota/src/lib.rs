//! Limits how much calls may use: what `rate-limit` counts, and what only the reply tells, settled once it is there.

use cardea_limits::{Config, Limits};
use cardea_sdk::prelude::*;

/// The limits in force.
pub struct Quota {
    limits: Limits,
}

#[cardea_sdk::plugin]
impl Plugin for Quota {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self { limits: Limits::new(config)? })
    }

    fn on_call(&self) -> CallVerdict {
        self.limits.take()
    }

    fn on_reply(&self) -> ReplyVerdict {
        self.limits.settle();
        ReplyVerdict::Pass
    }
}
