//! The methods of MCP: which era has them, what names their target, which of them list.

use std::{borrow::Cow, fmt};

use crate::Era;

/// A JSON-RPC method: one of MCP's, or one this crate has never heard of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Method(Cow<'static, str>);

/// The member of `params` that names a request's target, and that `Mcp-Name` mirrors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameField {
    /// `params.name`
    Name,
    /// `params.uri`
    Uri,
    /// `params.taskId`
    TaskId,
}

/// Whether an era has a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Membership {
    /// The era defines it, in some version of it or in an official extension.
    Member,
    /// Only the other era defines it as a message of its own.
    Foreign,
    /// No era defines it: an extension or a later version may.
    Unknown,
}

#[derive(Clone, Copy)]
enum Eras {
    Both,
    LegacyOnly,
    ModernOnly,
}

macro_rules! methods {
    ($($constant:ident $text:literal $eras:ident)*) => {
        impl Method {
            $(#[doc = concat!("`", $text, "`")] pub const $constant: Self = Self(Cow::Borrowed($text));)*
        }

        fn known(text: &str) -> Option<(&'static str, Eras)> {
            match text {
                $($text => Some(($text, Eras::$eras)),)*
                _ => None,
            }
        }

        #[cfg(test)]
        const KNOWN: &[&str] = &[$($text),*];
    };
}

// `tasks/*` of 2026-07-28 are the official extension. The three asks (`sampling/createMessage`, `roots/list`,
// `elicitation/create`) are messages in the legacy era only: the modern one carries them inside results.
methods! {
    INITIALIZE "initialize" LegacyOnly
    SERVER_DISCOVER "server/discover" ModernOnly
    PING "ping" LegacyOnly
    TOOLS_LIST "tools/list" Both
    TOOLS_CALL "tools/call" Both
    PROMPTS_LIST "prompts/list" Both
    PROMPTS_GET "prompts/get" Both
    RESOURCES_LIST "resources/list" Both
    RESOURCES_TEMPLATES_LIST "resources/templates/list" Both
    RESOURCES_READ "resources/read" Both
    RESOURCES_SUBSCRIBE "resources/subscribe" LegacyOnly
    RESOURCES_UNSUBSCRIBE "resources/unsubscribe" LegacyOnly
    SUBSCRIPTIONS_LISTEN "subscriptions/listen" ModernOnly
    COMPLETION_COMPLETE "completion/complete" Both
    LOGGING_SET_LEVEL "logging/setLevel" LegacyOnly
    SAMPLING_CREATE_MESSAGE "sampling/createMessage" LegacyOnly
    ROOTS_LIST "roots/list" LegacyOnly
    ELICITATION_CREATE "elicitation/create" LegacyOnly
    TASKS_GET "tasks/get" Both
    TASKS_CANCEL "tasks/cancel" Both
    TASKS_UPDATE "tasks/update" ModernOnly
    TASKS_RESULT "tasks/result" LegacyOnly
    TASKS_LIST "tasks/list" LegacyOnly
    INITIALIZED "notifications/initialized" LegacyOnly
    CANCELLED "notifications/cancelled" Both
    PROGRESS "notifications/progress" Both
    LOG_MESSAGE "notifications/message" Both
    TOOLS_LIST_CHANGED "notifications/tools/list_changed" Both
    PROMPTS_LIST_CHANGED "notifications/prompts/list_changed" Both
    RESOURCES_LIST_CHANGED "notifications/resources/list_changed" Both
    RESOURCES_UPDATED "notifications/resources/updated" Both
    ROOTS_LIST_CHANGED "notifications/roots/list_changed" LegacyOnly
    ELICITATION_COMPLETE "notifications/elicitation/complete" LegacyOnly
    TASKS_STATUS "notifications/tasks/status" LegacyOnly
    TASKS "notifications/tasks" ModernOnly
    SUBSCRIPTIONS_ACKNOWLEDGED "notifications/subscriptions/acknowledged" ModernOnly
}

impl Method {
    /// The method of that name; one of MCP's is held without a copy.
    pub fn parse(text: &str) -> Self {
        Self(known(text).map_or_else(|| Cow::Owned(text.to_owned()), |(known, _)| Cow::Borrowed(known)))
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the name on the wire is `other`.
    pub fn is(&self, other: impl AsRef<str>) -> bool {
        self.0 == other.as_ref()
    }

    /// True for the name of a notification; such a message has no id.
    pub fn is_notification(&self) -> bool {
        self.0.starts_with("notifications/")
    }

    /// True for what says that a list of a server has changed.
    pub fn is_list_changed(&self) -> bool {
        matches!(
            self.as_str(),
            "notifications/tools/list_changed"
                | "notifications/prompts/list_changed"
                | "notifications/resources/list_changed"
        )
    }

    /// True for what a server asks of a client: sampling, roots, elicitation.
    pub fn is_ask(&self) -> bool {
        matches!(self.as_str(), "sampling/createMessage" | "roots/list" | "elicitation/create")
    }

    /// The member of `params` that names the target; none for methods without one.
    pub fn named_by(&self) -> Option<NameField> {
        match self.as_str() {
            "tools/call" | "prompts/get" => Some(NameField::Name),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some(NameField::Uri),
            "tasks/get" | "tasks/update" | "tasks/cancel" | "tasks/result" => Some(NameField::TaskId),
            _ => None,
        }
    }

    /// True for the four methods that list what a server offers.
    pub fn is_list(&self) -> bool {
        self.list_key().is_some()
    }

    /// The member of the result that holds the list; none for methods that do not list what a server offers.
    pub fn list_key(&self) -> Option<&'static str> {
        match self.as_str() {
            "tools/list" => Some("tools"),
            "prompts/list" => Some("prompts"),
            "resources/list" => Some("resources"),
            "resources/templates/list" => Some("resourceTemplates"),
            _ => None,
        }
    }

    /// Whether an era has this method as a message of its own.
    pub fn membership(&self, era: Era) -> Membership {
        match (known(self.as_str()), era) {
            (None, _) => Membership::Unknown,
            (Some((_, Eras::LegacyOnly)), Era::Modern) | (Some((_, Eras::ModernOnly)), Era::Legacy) => {
                Membership::Foreign
            }
            _ => Membership::Member,
        }
    }

    /// True if an era is known to have this method; see [`membership`](Self::membership) for those nobody knows.
    pub fn in_era(&self, era: Era) -> bool {
        self.membership(era) == Membership::Member
    }
}

impl NameField {
    /// The member's key.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Uri => "uri",
            Self::TaskId => "taskId",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Method {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_held_without_a_copy_and_others_kept() {
        for name in KNOWN {
            assert!(matches!(Method::parse(name).0, Cow::Borrowed(_)), "{name}");
        }
        assert_eq!(Method::parse("tools/call"), Method::TOOLS_CALL);
        assert_eq!(Method::parse("Tools/Call").as_str(), "Tools/Call");
        assert_ne!(Method::parse("Tools/Call"), Method::TOOLS_CALL);
    }

    #[test]
    fn an_era_has_its_own_methods_and_nobody_knows_the_rest() {
        assert_eq!(Method::INITIALIZE.membership(Era::Modern), Membership::Foreign);
        assert_eq!(Method::SERVER_DISCOVER.membership(Era::Legacy), Membership::Foreign);
        assert_eq!(Method::parse("skills/list").membership(Era::Modern), Membership::Unknown);
        assert!(Method::TOOLS_CALL.in_era(Era::Legacy) && Method::TOOLS_CALL.in_era(Era::Modern));
        assert!(!Method::parse("skills/list").in_era(Era::Modern));
        assert!(KNOWN.iter().all(|name| {
            let method = Method::parse(name);
            method.in_era(Era::Legacy) || method.in_era(Era::Modern)
        }));
    }

    #[test]
    fn every_list_has_its_key() {
        let keys: Vec<_> = KNOWN.iter().filter_map(|name| Method::parse(name).list_key()).collect();
        assert_eq!(keys, ["tools", "prompts", "resources", "resourceTemplates"]);
        assert!(!Method::TASKS_LIST.is_list() && !Method::ROOTS_LIST.is_list());
    }
}
