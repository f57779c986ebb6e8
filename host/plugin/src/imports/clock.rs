//! `clock`: one moment per hook.

use cardea_chain::Import;
use wasmtime::Result;

use crate::bindings::cardea::plugin::clock::Host;
use crate::guest::Guest;

impl Host for Guest {
    fn now_ms(&mut self) -> Result<u64> {
        self.charge(Import::Clock)?;
        Ok(Self::now_ms(self))
    }
}
