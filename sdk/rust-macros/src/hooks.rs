//! The hooks a plugin can have: method of the trait, case of `Hook`, world of `wit/worlds.wit`.

/// One hook.
pub(crate) struct HookName {
    /// Method of `cardea_sdk::Plugin`.
    pub(crate) method: &'static str,
    /// Case of `cardea_sdk::Hook`.
    pub(crate) case: &'static str,
    /// Module of `cardea_sdk::bindings` with the export macro.
    pub(crate) bindings: &'static str,
}

/// All hooks, in the order of a call's way through the gateway.
pub(crate) const HOOKS: [HookName; 9] = [
    hook("on_authenticate", "OnAuthenticate", "authenticates"),
    hook("on_catalog", "OnCatalog", "admits"),
    hook("on_list", "OnList", "lists"),
    hook("on_call", "OnCall", "judges_calls"),
    hook("on_route", "OnRoute", "routes"),
    hook("on_connect", "OnConnect", "connects"),
    hook("on_message", "OnMessage", "judges_messages"),
    hook("on_reply", "OnReply", "judges_replies"),
    hook("on_record", "OnRecord", "records"),
];

const fn hook(method: &'static str, case: &'static str, bindings: &'static str) -> HookName {
    HookName { method, case, bindings }
}
