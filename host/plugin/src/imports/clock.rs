//! `clock`: one moment per hook.

use wasmtime::Result;

use crate::bindings::cardea::plugin::clock::Host;
use crate::guest::Guest;

impl Host for Guest {
    fn now_ms(&mut self) -> Result<u64> {
        self.charge()?;
        Ok(Self::now_ms(self))
    }
}
