//! `obligation`: conditions for a pass. No chain of this version holds any, so nobody can rely on one by mistake: adding is
//! an error, and there are none.

use wasmtime::Result;

use crate::bindings::cardea::plugin::obligation::{Duty, Host};
use crate::bindings::cardea::plugin::types::HostError;
use crate::guest::Guest;

impl Host for Guest {
    fn add(&mut self, _kind: String, _json: String) -> Result<Result<u32, HostError>> {
        self.charge()?;
        Ok(Err(HostError::Denied("this version of the gateway does not enforce obligations".to_owned())))
    }

    fn pending(&mut self) -> Result<Vec<Duty>> {
        self.charge()?;
        Ok(Vec::new())
    }

    fn fulfil(&mut self, _id: u32) -> Result<Result<(), HostError>> {
        self.charge()?;
        Ok(Err(HostError::NotFound))
    }
}
