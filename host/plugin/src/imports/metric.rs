//! `metric`: numbers for the operator.

use cardea_chain::Import;
use wasmtime::Result;

use crate::bindings::cardea::plugin::metric::Host;
use crate::guest::Guest;

impl Host for Guest {
    fn count(&mut self, name: String, by: u64) -> Result<()> {
        self.charge(Import::Metric)?;
        self.facts.metrics.count(name, by);
        Ok(())
    }

    fn observe(&mut self, name: String, value: f64) -> Result<()> {
        self.charge(Import::Metric)?;
        self.facts.metrics.observe(name, value);
        Ok(())
    }
}
