//! A guest for tests of what happens when generations change. It notes the number `stamp` of its configuration at every call,
//! writes it into the result under `key`, which is its stage's name, and refuses a reply whose call bears another: it would
//! have met two generations. A `fragile` one panics where the arguments say `trap`; one with `work` takes its time over every
//! call.

use std::hint::black_box;

use cardea_sdk::prelude::*;
use serde_json::Value;

/// What the configuration says.
pub struct Stamp {
    key: String,
    stamp: String,
    fragile: bool,
    work: u64,
}

#[cardea_sdk::plugin]
impl Plugin for Stamp {
    type Config = Value;

    fn new(config: Value) -> Result<Self, String> {
        Ok(Self {
            key: config["key"].as_str().unwrap_or_default().to_owned(),
            stamp: config["stamp"].to_string(),
            fragile: config["fragile"] == true,
            work: config["work"].as_u64().unwrap_or_default(),
        })
    }

    fn on_call(&self) -> CallVerdict {
        assert!(!(self.fragile && call::get("/arguments/trap").is_some()), "told to");
        black_box((0..self.work).fold(0_u64, |sum, turn| black_box(sum ^ turn)));
        match scratch::put("stamp", self.stamp.as_bytes()) {
            Ok(()) => CallVerdict::Pass,
            Err(error) => CallVerdict::Refuse(Refusal::invalid(error.name())),
        }
    }

    fn on_reply(&self) -> ReplyVerdict {
        if scratch::get(&self.key, "stamp").is_none_or(|stamp| stamp != self.stamp.as_bytes()) {
            return ReplyVerdict::Refuse(Refusal::unavailable("the call met two generations"));
        }
        match reply::set(&format!("/{}", self.key), &self.stamp) {
            Ok(()) => ReplyVerdict::Pass,
            Err(error) => ReplyVerdict::Refuse(Refusal::invalid(error.name())),
        }
    }
}
