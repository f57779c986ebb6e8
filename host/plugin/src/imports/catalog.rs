//! `catalog`: definitions as the subject of the call sees them.

use cardea_chain::{Import, ItemKind};
use wasmtime::Result;

use crate::bindings::cardea::plugin::catalog::Host;
use crate::bindings::cardea::plugin::types;
use crate::documents;
use crate::guest::Guest;

impl Host for Guest {
    fn get(&mut self, kind: types::ItemKind, id: String, pointer: String) -> Result<Option<String>> {
        self.charge(Import::Catalog)?;
        let kind = ItemKind::from(kind);
        // In `on-list` the page itself is asked: it may be newer than what the directory has seen.
        let on_page = self.visit.listing.as_ref().filter(|listing| listing.kind == kind);
        let definition = on_page.and_then(|listing| listing.definition(&id)).or_else(|| {
            let call = self.visit.call.as_ref()?;
            call.directory.definition(call, kind, &id)
        });
        Ok(definition.and_then(|definition| documents::get(&definition, &pointer)))
    }
}
