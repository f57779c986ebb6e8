//! `obligation`: conditions under which a rights stage lets the call pass.

use std::sync::Arc;

use cardea_chain::{Condition, Hook, Import, Role};
use wasmtime::Result;

use crate::bindings::cardea::plugin::obligation::{Duty, Host};
use crate::bindings::cardea::plugin::types::HostError;
use crate::guest::Guest;

impl Host for Guest {
    fn add(&mut self, kind: String, json: String) -> Result<Result<u32, HostError>> {
        self.charge(Import::Obligation)?;
        Ok(self.add_condition(kind, json))
    }

    fn pending(&mut self) -> Result<Vec<Duty>> {
        self.charge(Import::Obligation)?;
        let duties = self.visit.call.as_ref().map(|call| &call.duties);
        let open = duties.into_iter().flat_map(cardea_chain::Duties::open);
        let before =
            open.filter(|duty| !self.effects.fulfilled.contains(&duty.id)).map(|duty| shown(duty.id, &duty.condition));
        let first = duties.map_or(0, cardea_chain::Duties::next_id);
        let new = (first..).zip(&self.effects.conditions).map(|(id, condition)| shown(id, condition));
        Ok(before.chain(new).collect())
    }

    fn fulfil(&mut self, id: u32) -> Result<Result<(), HostError>> {
        self.charge(Import::Obligation)?;
        Ok(self.fulfil_duty(id))
    }
}

impl Guest {
    fn add_condition(&mut self, kind: String, json: String) -> Result<u32, HostError> {
        let (Some(Hook::Call), Role::Rights, Some(call)) = (self.visit.hook, self.facts.role, &self.visit.call) else {
            return Err(HostError::Denied("conditions are set by the role `rights`, in `on-call`".to_owned()));
        };
        let condition = Condition::read(kind, json).map_err(HostError::Invalid)?;
        // Judging again, a stage sets the conditions that it has set before.
        if let Some(id) = call.duties.id_of(&self.facts.stage, &condition) {
            return Ok(id);
        }
        let new = self.effects.conditions.len();
        if !call.duties.has_room_for(new + 1) {
            return Err(HostError::Busy);
        }
        let id = call.duties.next_id() + new as u32;
        self.effects.conditions.push(Arc::new(condition));
        Ok(id)
    }

    fn fulfil_duty(&mut self, id: u32) -> Result<(), HostError> {
        if !matches!(self.visit.hook, Some(Hook::Call | Hook::Reply)) {
            return Err(HostError::Denied("conditions are fulfilled in `on-call` and `on-reply`".to_owned()));
        }
        let mut open = self.visit.call.iter().flat_map(|call| call.duties.open());
        let duty = open.find(|duty| duty.id == id).filter(|_| !self.effects.fulfilled.contains(&id));
        let duty = duty.ok_or(HostError::NotFound)?;
        if duty.condition.is_of_house() {
            let kind = duty.condition.kind();
            return Err(HostError::Denied(format!("the gateway itself fulfils `{kind}`, and nobody can for it")));
        }
        self.effects.fulfilled.push(id);
        Ok(())
    }
}

fn shown(id: u32, condition: &Condition) -> Duty {
    Duty { id, kind: condition.kind().to_owned(), json: condition.json().to_owned() }
}
