//! What a server says of its own tools, and rules that go by it.

use cardea_sdk::prelude::Deserialize;

/// The four hints of MCP, in MCP's names. In a rule: what each must be. From a server: what it says, which may be nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Annotations {
    read_only_hint: Option<bool>,
    destructive_hint: Option<bool>,
    idempotent_hint: Option<bool>,
    open_world_hint: Option<bool>,
}

impl Annotations {
    /// True if a rule says nothing with it.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Reads `annotations` of a tool's definition. What is not there, or is no boolean, was not said.
    pub(crate) fn of_definition(json: Option<&str>) -> Self {
        let value: serde_json::Value = json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let hint = |name: &str| value.get(name).and_then(serde_json::Value::as_bool);
        Self {
            read_only_hint: hint("readOnlyHint"),
            destructive_hint: hint("destructiveHint"),
            idempotent_hint: hint("idempotentHint"),
            open_world_hint: hint("openWorldHint"),
        }
    }

    /// True if a tool of which its server says `said` is as this rule wants it. What was not said is what MCP takes it
    /// for, which is the worse each time; a tool that only reads destroys nothing.
    pub(crate) fn fit(self, said: Self) -> bool {
        let read_only = said.read_only_hint.unwrap_or(false);
        let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|wanted| wanted == found);
        is(self.read_only_hint, read_only)
            && is(self.destructive_hint, !read_only && said.destructive_hint.unwrap_or(true))
            && is(self.idempotent_hint, said.idempotent_hint.unwrap_or(false))
            && is(self.open_world_hint, said.open_world_hint.unwrap_or(true))
    }

    /// True if every tool that `other` fits is one that this fits.
    pub(crate) fn cover(self, other: Self) -> bool {
        let covers = |mine: Option<bool>, theirs: Option<bool>| mine.is_none() || mine == theirs;
        covers(self.read_only_hint, other.read_only_hint)
            && covers(self.destructive_hint, other.destructive_hint)
            && covers(self.idempotent_hint, other.idempotent_hint)
            && covers(self.open_world_hint, other.open_world_hint)
    }

    /// True if no tool can be as this rule wants it.
    pub(crate) fn is_impossible(self) -> bool {
        self.read_only_hint == Some(true) && self.destructive_hint == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> Annotations {
        Annotations::of_definition(Some(json))
    }

    #[test]
    fn what_was_not_said_is_the_worse() {
        let read_only = Annotations { read_only_hint: Some(true), ..Annotations::default() };
        let destructive = Annotations { destructive_hint: Some(true), ..Annotations::default() };
        let harmless = Annotations { destructive_hint: Some(false), ..Annotations::default() };
        for nothing in [Annotations::of_definition(None), said("{}"), said("[]"), said(r#"{"readOnlyHint":"true"}"#)] {
            assert!(!read_only.fit(nothing) && destructive.fit(nothing) && !harmless.fit(nothing));
        }
        let reads = said(r#"{"readOnlyHint":true,"destructiveHint":true,"title":"x"}"#);
        assert!(read_only.fit(reads) && !destructive.fit(reads) && harmless.fit(reads));
        let adds = said(r#"{"destructiveHint":false}"#);
        assert!(!read_only.fit(adds) && harmless.fit(adds));
    }
}
