//! What an operator may do to the gateway.

use std::pin::Pin;

use serde_json::Value;

/// Changes generations, and tells of them.
pub trait Operator: Send + Sync + 'static {
    /// The generations there are, and the runs that have ended: `generations` and `runs`, the latest first. Asked for a request,
    /// so it must not wait for anything.
    fn generations(&self) -> Value;

    /// How versions of stages that run beside them compare, stage by stage. It must not wait either.
    fn shadows(&self) -> Value;

    /// Asks for the manifest to be read again.
    fn reload(&self) -> Ran;

    /// Asks for what served before.
    fn roll_back(&self) -> Ran;
}

/// A run that was asked for.
pub struct Ran {
    /// Its number, by which the runs of [`Operator::generations`] know it.
    pub id: u64,
    /// How it ended, with an `outcome`; none if the gateway stops before.
    pub ended: Pin<Box<dyn Future<Output = Option<Value>> + Send>>,
}
