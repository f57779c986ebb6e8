//! Where decisions find what they ask for: in the call that is judged, or in any call that could come.

use cardea_sdk::prelude::*;

use crate::annotations::Annotations;
use crate::policy::Source;

/// The call this hook runs for.
pub(crate) struct ThisCall;

/// Every call that an item could get, from somebody who can ask for any scope.
pub(crate) struct AnyCall<'a> {
    pub(crate) kind: ItemKind,
    /// As the client sees it.
    pub(crate) id: &'a str,
}

impl Source for ThisCall {
    fn arguments(&self, pointers: &[&str]) -> Option<Vec<Option<String>>> {
        let pointers: Vec<String> = pointers.iter().map(ToString::to_string).collect();
        Some(call::get_many(&pointers))
    }

    fn annotations(&self) -> Annotations {
        annotations(ItemKind::Tool, &call::name().unwrap_or_default())
    }

    fn scopes(&self) -> Option<Vec<String>> {
        Some(subject::scopes())
    }
}

impl Source for AnyCall<'_> {
    fn arguments(&self, _: &[&str]) -> Option<Vec<Option<String>>> {
        None
    }

    fn annotations(&self) -> Annotations {
        annotations(self.kind, self.id)
    }

    fn scopes(&self) -> Option<Vec<String>> {
        None
    }
}

fn annotations(kind: ItemKind, id: &str) -> Annotations {
    Annotations::of_definition(catalog::get(kind, id, "/annotations").as_deref())
}
