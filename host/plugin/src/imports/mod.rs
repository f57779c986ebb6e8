//! The host's side of `wit/`: one file an interface.

mod call;
mod catalog;
mod clock;
mod config;
mod credential;
mod http;
mod jose;
mod journal;
mod kv;
mod limiter;
mod log;
mod metric;
mod obligation;
mod reply;
mod scratch;
mod secret;
mod subject;

use cardea_state::StateFault;

use crate::bindings::cardea::plugin::types;
use crate::bindings::cardea::plugin::types::HostError;
use crate::guest::Guest;

impl types::Host for Guest {}

impl Guest {
    /// Whether what outlasts the hook may be changed by it.
    fn may_write(&self) -> Result<(), HostError> {
        match self.visit.again {
            false => Ok(()),
            true => Err(HostError::Denied("a call that is judged again has been counted and noted already".to_owned())),
        }
    }
}

/// What a guest is told of state that failed.
fn host_error(fault: StateFault) -> HostError {
    match fault {
        StateFault::Invalid(why) => HostError::Invalid(why),
        StateFault::Full(why) => {
            tracing::warn!("state is full: {why}");
            HostError::Busy
        }
        StateFault::Timeout(why) => {
            tracing::warn!("state is slow: {why}");
            HostError::Timeout
        }
        StateFault::Unavailable(why) => HostError::Unavailable(why),
    }
}
