//! Facts that a client carries for the gateway: sealed, so that nobody reads or changes them, and opened by every gateway that
//! has the key. A seal says what it is for; one made for something else does not open.

mod fields;
mod sealer;

pub use fields::{Fields, Malformed};
pub use sealer::{Sealer, Unsealed, WeakKey};
