//! `scratch`: notes that live as long as the call.

use bytes::Bytes;
use cardea_chain::Import;
use wasmtime::Result;

use crate::bindings::cardea::plugin::scratch::Host;
use crate::bindings::cardea::plugin::types::HostError;
use crate::guest::Guest;

/// Bytes of keys and values a stage may leave in one call, all its hooks together.
const MOST_BYTES: usize = 64 << 10;

impl Host for Guest {
    fn get(&mut self, plugin: String, key: String) -> Result<Option<Vec<u8>>> {
        self.charge(Import::Scratch)?;
        let own = (*plugin == *self.facts.stage).then_some(&self.effects.scratch).into_iter().flatten();
        let mine = own.rev().find(|(name, _)| *name == key).map(|(_, value)| value);
        let written = || self.visit.call.as_ref().and_then(|call| call.scratch.read(&plugin, &key));
        Ok(mine.or_else(written).map(|value| value.to_vec()))
    }

    fn put(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), HostError>> {
        self.charge(Import::Scratch)?;
        if self.visit.call.is_none() {
            return Ok(Err(HostError::Denied("there is no call to leave notes in".to_owned())));
        }
        let replaced = |name: &str| name == key || self.effects.scratch.iter().any(|(written, _)| written == name);
        let of_hooks_before = self.visit.call.as_ref().map_or(0, |call| call.scratch.held(&self.facts.stage, replaced));
        let of_this_hook = self.effects.scratch.iter().filter(|(name, _)| *name != key);
        let held: usize = of_this_hook.map(|(key, value)| key.len() + value.len()).sum();
        if of_hooks_before + held + key.len() + value.len() > MOST_BYTES {
            return Ok(Err(HostError::TooLarge));
        }
        self.effects.scratch.retain(|(name, _)| *name != key);
        self.effects.scratch.push((key, Bytes::from(value)));
        Ok(Ok(()))
    }
}
