//! Facts that a client carries for the gateway: sealed, so that nobody reads or changes them, and opened by every gateway that
//! has the key. By such a ticket a client finds back to the gateway that keeps something for it. A seal says what it is for; one made for something else does not open.

mod fields;
mod replica;
mod sealer;

pub use fields::{Fields, Malformed};
pub use replica::{Binding, NoTicket, Purpose, Replica, Ticket, now_ms};
pub use sealer::{Sealer, Unsealed, WeakKey};
