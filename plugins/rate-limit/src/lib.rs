//! Limits how often calls may be made and how many may be under way, before anybody hears of them. What is known only from the
//! reply is counted by `quota`: this stage is asked once a call.

use cardea_limits::{Config, Limits};
use cardea_sdk::prelude::*;

/// The limits in force.
pub struct RateLimit {
    limits: Limits,
}

#[cardea_sdk::plugin]
impl Plugin for RateLimit {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let limits = Limits::new(config)?;
        match limits.settles() {
            Some(at) => {
                Err(format!("limits[{at}].cost.result-bytes: is known from the reply, which the plugin `quota` sees"))
            }
            None => Ok(Self { limits }),
        }
    }

    fn on_call(&self) -> CallVerdict {
        self.limits.take()
    }
}
