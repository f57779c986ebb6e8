//! A guest that does as much as it is told: nothing, some pointer reads, all of the arguments, or more than it may.

use cardea_sdk::prelude::*;

/// What it is told.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub struct Told {
    reads: u32,
    whole: bool,
    spins: bool,
}

/// The guest.
pub struct Measured(Told);

#[cardea_sdk::plugin]
impl Plugin for Measured {
    type Config = Told;

    fn new(told: Told) -> Result<Self, String> {
        Ok(Self(told))
    }

    fn on_call(&self) -> CallVerdict {
        let Told { reads, whole, spins } = self.0;
        let read = (0..reads).filter(|_| call::text("/arguments/path").is_some()).count();
        let seen = if whole { call::get("/arguments").map_or(0, |arguments| arguments.len()) } else { 0 };
        let mut turns = read + seen;
        if spins && call::text("/arguments/path").as_deref() == Some("/spin") {
            loop {
                turns = std::hint::black_box(turns.wrapping_add(1));
            }
        }
        std::hint::black_box(turns);
        CallVerdict::Pass
    }
}
