//! From the component's exports to the one plugin value inside: parses the configuration, keeps the value, hands each
//! hook to it.

use std::cell::OnceCell;
use std::marker::PhantomData;

use crate::bindings::{
    admits::exports::cardea::plugin::on_catalog, authenticates::exports::cardea::plugin::on_authenticate,
    base::exports::cardea::plugin::lifecycle, connects::exports::cardea::plugin::on_connect,
    judges_calls::exports::cardea::plugin::on_call, judges_messages::exports::cardea::plugin::on_message,
    judges_replies::exports::cardea::plugin::on_reply, lists::exports::cardea::plugin::on_list,
    records::exports::cardea::plugin::on_record, routes::exports::cardea::plugin::on_route,
};
use crate::{
    Admission, CallVerdict, Candidate, Choice, ConnectReason, Credentials, Definition, Entry, Finding, Hook, Item,
    MessageKind, MessageVerdict, Plugin, Refusal, ReplyVerdict, config,
};

/// What [`macro@crate::plugin`] knows of a plugin. Do not implement it by hand.
pub trait Described: Plugin {
    /// The hooks that the block defines.
    const HOOKS: &'static [Hook];
    /// The text of `plugin.toml`.
    const MANIFEST: &'static str;
    /// The text of `config.schema.json`.
    const CONFIG_SCHEMA: &'static str;

    /// Acts on the place where this thread keeps its value.
    fn with_slot<R>(act: impl FnOnce(&OnceCell<Self>) -> R) -> R;
}

/// The component around a plugin. The export macros of [`crate::bindings`] take it.
pub struct Component<P>(PhantomData<P>);

impl<P: Described> Component<P> {
    /// Parses the stage's configuration and builds the plugin.
    pub fn build() -> Result<P, String> {
        P::new(parse_config(&config::json())?)
    }

    fn with<R>(act: impl FnOnce(&P) -> R) -> R {
        P::with_slot(|slot| match slot.get() {
            Some(plugin) => act(plugin),
            None => panic!("a hook ran before lifecycle.init"),
        })
    }
}

/// An error that names the key, with the path to it: `keys[2].expires: invalid type: …`.
fn parse_config<C: serde::de::DeserializeOwned>(json: &str) -> Result<C, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let text = error.into_inner().to_string();
        // The line and column are those of JSON the gateway made; the operator wrote TOML.
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        if path == "." { text.to_owned() } else { format!("{path}: {text}") }
    })
}

impl<P: Described> lifecycle::Guest for Component<P> {
    fn init() -> Result<(), String> {
        let plugin = Self::build()?;
        P::with_slot(|slot| slot.set(plugin)).map_err(|_| "lifecycle.init ran twice".to_owned())
    }

    fn selftest() -> Result<(), String> {
        Self::with(P::selftest)
    }
}

impl<P: Described> on_authenticate::Guest for Component<P> {
    fn authenticate() -> Finding {
        Self::with(P::on_authenticate)
    }
}

impl<P: Described> on_catalog::Guest for Component<P> {
    fn admit(definitions: Vec<Definition>) -> Vec<Admission> {
        Self::with(|plugin| plugin.on_catalog(definitions))
    }
}

impl<P: Described> on_list::Guest for Component<P> {
    fn keep(items: Vec<Item>) -> Vec<bool> {
        Self::with(|plugin| plugin.on_list(items))
    }
}

impl<P: Described> on_call::Guest for Component<P> {
    fn judge() -> CallVerdict {
        Self::with(P::on_call)
    }
}

impl<P: Described> on_route::Guest for Component<P> {
    fn choose(candidates: Vec<Candidate>) -> Choice {
        Self::with(|plugin| plugin.on_route(candidates))
    }
}

impl<P: Described> on_connect::Guest for Component<P> {
    fn present(reason: ConnectReason) -> Result<Credentials, Refusal> {
        Self::with(|plugin| plugin.on_connect(reason))
    }
}

impl<P: Described> on_message::Guest for Component<P> {
    fn judge(kind: MessageKind) -> MessageVerdict {
        Self::with(|plugin| plugin.on_message(kind))
    }
}

impl<P: Described> on_reply::Guest for Component<P> {
    fn judge() -> ReplyVerdict {
        Self::with(P::on_reply)
    }
}

impl<P: Described> on_record::Guest for Component<P> {
    fn deliver(batch: Vec<Entry>) -> Result<(), String> {
        Self::with(|plugin| plugin.on_record(batch))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::parse_config;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[allow(dead_code, reason = "only parsed")]
        limits: Vec<Limit>,
    }

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Limit {
        #[allow(dead_code, reason = "only parsed")]
        capacity: u32,
    }

    fn error(json: &str) -> String {
        parse_config::<Config>(json).unwrap_err()
    }

    #[test]
    fn errors_name_the_key_and_no_line() {
        assert_eq!(
            error(r#"{"limits":[{"capacity":"many"}]}"#),
            r#"limits[0].capacity: invalid type: string "many", expected u32"#
        );
        assert_eq!(error("{}"), "missing field `limits`");
        assert_eq!(error(r#"{"limits":[],"limit":1}"#), "limit: unknown field `limit`, expected `limits`");
        assert_eq!(error(r#"{"limits":[{}]}"#), "limits[0]: missing field `capacity`");
    }
}
