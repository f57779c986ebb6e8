//! What a server hears that its client can be asked in the middle of a call, and which asks that allows.

use bytes::Bytes;
use cardea_chain::{Ask, Call, Client};
use cardea_message::json;

use crate::SessionPolicy;

/// The capabilities a server is told: those of the one client behind the call, as far as the gateway bridges them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Introduction(Bytes);

impl Introduction {
    /// Nobody in particular, who can be asked nothing.
    pub(crate) const fn nobody() -> Self {
        Self(Bytes::from_static(b"{}"))
    }

    /// Of a client.
    pub(crate) fn of(client: &Client) -> Self {
        let declared = |kind: &str| {
            let value = json::member(&client.capabilities, kind).map(|span| &client.capabilities[span]);
            value.filter(|value| value.starts_with(b"{"))
        };
        let mut text = Vec::new();
        for kind in ["elicitation", "sampling", "roots"] {
            let Some(value) = declared(kind) else { continue };
            // A change of the roots is told in a session; without one, none is promised.
            let value = if kind == "roots" && client.session.is_none() { b"{}" } else { value };
            text.extend_from_slice(if text.is_empty() { b"{" } else { b"," });
            text.extend_from_slice(format!(r#""{kind}":"#).as_bytes());
            text.extend_from_slice(value);
        }
        if text.is_empty() {
            return Self::nobody();
        }
        text.push(b'}');
        Self(text.into())
    }

    /// Of the client whose session with a legacy server a call is made in. One that several clients share is nobody's.
    pub(crate) fn within(policy: SessionPolicy, call: &Call) -> Self {
        match policy {
            SessionPolicy::Client | SessionPolicy::Call => Self::of(&call.client),
            SessionPolicy::Subject | SessionPolicy::Shared => Self::nobody(),
        }
    }

    /// As a JSON object.
    pub(crate) fn as_json(&self) -> &Bytes {
        &self.0
    }

    /// Whether the client has roots.
    pub(crate) fn has_roots(&self) -> bool {
        self.declares("roots").is_some()
    }

    /// Whether nothing can be asked.
    pub(crate) fn is_nobody(&self) -> bool {
        self.0 == "{}"
    }

    /// Whether a server that was told this may ask that.
    pub(crate) fn allows(&self, ask: &Ask) -> bool {
        let params = ask.params.as_deref().unwrap_or(b"{}");
        match ask.method.as_str() {
            "roots/list" => self.declares("roots").is_some(),
            "sampling/createMessage" => self.declares("sampling").is_some_and(|sampling| {
                let with_tools = ["tools", "toolChoice"].iter().any(|key| json::member(params, key).is_some());
                !with_tools || json::member(sampling, "tools").is_some()
            }),
            "elicitation/create" => self.declares("elicitation").is_some_and(|elicitation| {
                let has = |mode: &str| json::member(elicitation, mode).is_some();
                match json::member_str(params, "mode").as_deref() {
                    Some("url") => has("url"),
                    // Before there were two modes, none was named.
                    _ => has("form") || !has("url"),
                }
            }),
            _ => false,
        }
    }

    fn declares(&self, kind: &str) -> Option<&[u8]> {
        json::member(&self.0, kind).map(|span| &self.0[span])
    }
}

#[cfg(test)]
mod tests {
    use cardea_message::{Method, Version};

    use super::*;

    fn of(capabilities: &'static str) -> Introduction {
        Introduction::of(&Client {
            version: Version::LATEST,
            capabilities: capabilities.into(),
            info: None,
            log_level: None,
            progress_token: None,
            session: None,
        })
    }

    #[test]
    fn a_server_hears_what_is_bridged_and_nothing_else() {
        for (declared, told) in [
            ("{}", "{}"),
            (r#"{"experimental":{"a":{}},"tasks":{},"extensions":{}}"#, "{}"),
            (r#"{"roots":{"listChanged":true},"elicitation":{"url":{}}}"#, r#"{"elicitation":{"url":{}},"roots":{}}"#),
            (r#"{"sampling":{"tools":{}},"roots":7}"#, r#"{"sampling":{"tools":{}}}"#),
        ] {
            assert_eq!(of(declared).as_json(), told, "{declared}");
        }
    }

    #[test]
    fn only_what_was_declared_may_be_asked() {
        let ask = |method: Method, params: &'static str| Ask::new(method, Some(params.into())).0;
        let form = || ask(Method::ELICITATION_CREATE, r#"{"message":"?"}"#);
        let url = || ask(Method::ELICITATION_CREATE, r#"{"mode":"url","url":"https://a"}"#);
        let sample = || ask(Method::SAMPLING_CREATE_MESSAGE, "{}");
        let with_tools = || ask(Method::SAMPLING_CREATE_MESSAGE, r#"{"tools":[]}"#);
        let roots = || ask(Method::ROOTS_LIST, "{}");
        for (declared, allowed) in [
            ("{}", [false, false, false, false, false]),
            (r#"{"elicitation":{}}"#, [true, false, false, false, false]),
            (r#"{"elicitation":{"url":{}}}"#, [false, true, false, false, false]),
            (r#"{"elicitation":{"form":{},"url":{}},"roots":{}}"#, [true, true, false, false, true]),
            (r#"{"sampling":{}}"#, [false, false, true, false, false]),
            (r#"{"sampling":{"tools":{}}}"#, [false, false, true, true, false]),
        ] {
            let told = of(declared);
            let may = [form(), url(), sample(), with_tools(), roots()].map(|ask| told.allows(&ask));
            assert_eq!(may, allowed, "{declared}");
        }
    }
}
