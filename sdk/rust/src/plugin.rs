//! The trait a plugin implements.

use serde::de::DeserializeOwned;

use crate::{
    Admission, CallVerdict, Candidate, Choice, ConnectReason, Credentials, Decision, Definition, Entry, Finding, Item,
    MessageKind, MessageVerdict, Refusal, ReplyVerdict,
};

/// A plugin. Define the hooks it has; [`macro@crate::plugin`] exports those and no others, so what the others would
/// answer here never matters.
///
/// One value serves many calls, one after the other. Keep configuration in it; keep what must outlive a call in
/// [`crate::kv`] or [`crate::limiter`], because an instance may be thrown away at any time.
pub trait Plugin: Sized + 'static {
    /// The `config` table of the stage.
    type Config: DeserializeOwned;

    /// Builds the plugin. The error text is shown to the operator, and the configuration is not put in force: name
    /// the entry and say what to do.
    fn new(config: Self::Config) -> Result<Self, String>;

    /// Checks what can be checked without a call. Runs once per generation, after [`Plugin::new`].
    fn selftest(&self) -> Result<(), String> {
        Ok(())
    }

    /// Looks at the credential of an HTTP exchange.
    fn on_authenticate(&self) -> Finding {
        Finding::None
    }

    /// Judges definitions of a server: one admission each, in the same order.
    fn on_catalog(&self, definitions: Vec<Definition>) -> Vec<Admission> {
        let keep = |_| Admission { decision: Decision::Keep, edits: Vec::new(), reason: String::new(), ext_json: None };
        definitions.into_iter().map(keep).collect()
    }

    /// Decides what a subject may see: one bool each, in the same order; true keeps.
    fn on_list(&self, items: Vec<Item>) -> Vec<bool> {
        vec![true; items.len()]
    }

    /// Judges a call.
    fn on_call(&self) -> CallVerdict {
        CallVerdict::Pass
    }

    /// Orders the endpoints that could take the call.
    fn on_route(&self, candidates: Vec<Candidate>) -> Choice {
        Choice::in_order(candidates.into_iter().map(|candidate| candidate.id))
    }

    /// Supplies credentials for a server.
    fn on_connect(&self, _reason: ConnectReason) -> Result<Credentials, Refusal> {
        Ok(Credentials { headers: Vec::new(), ttl_ms: 0, ext_json: None })
    }

    /// Judges what passes between a call and its end.
    fn on_message(&self, _kind: MessageKind) -> MessageVerdict {
        MessageVerdict::Pass
    }

    /// Judges the reply to a call.
    fn on_reply(&self) -> ReplyVerdict {
        ReplyVerdict::Pass
    }

    /// Takes a batch of journal records. An error brings the same batch again.
    fn on_record(&self, _batch: Vec<Entry>) -> Result<(), String> {
        Ok(())
    }
}
