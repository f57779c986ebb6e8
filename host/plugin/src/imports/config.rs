//! `config`: what the manifest says for this stage.

use cardea_chain::Import;
use wasmtime::Result;

use crate::bindings::cardea::plugin::config::Host;
use crate::documents;
use crate::guest::Guest;

impl Host for Guest {
    fn json(&mut self) -> Result<String> {
        self.charge(Import::Config)?;
        Ok(String::from_utf8_lossy(&self.facts.config).into_owned())
    }

    fn get(&mut self, pointer: String) -> Result<Option<String>> {
        self.charge(Import::Config)?;
        Ok(documents::get(&self.facts.config, &pointer))
    }

    fn generation(&mut self) -> Result<u64> {
        self.charge(Import::Config)?;
        Ok(self.facts.generation)
    }
}
