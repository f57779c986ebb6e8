//! What list items and methods have to do with each other.

use cardea_sdk::{Glob, ItemKind};

/// Methods that list. They pass: their items are judged one by one.
pub(crate) const LISTS: [&str; 4] = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

/// Methods whose calls carry arguments; only the first is about tools.
pub(crate) const WITH_ARGUMENTS: [&str; 2] = ["tools/call", "prompts/get"];

/// Methods whose calls name nothing.
pub(crate) const NAMELESS: [&str; 10] = [
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "initialize",
    "server/discover",
    "ping",
    "logging/setLevel",
    "completion/complete",
    "subscriptions/listen",
];

/// The method that calls an item.
pub(crate) fn call_method(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "tools/call",
        ItemKind::Prompt => "prompts/get",
        ItemKind::Resource | ItemKind::ResourceTemplate => "resources/read",
    }
}

/// What a method calls.
pub(crate) fn item_kind(method: &str) -> ItemKind {
    match method {
        "prompts/get" => ItemKind::Prompt,
        "resources/read" => ItemKind::Resource,
        _ => ItemKind::Tool,
    }
}

/// The method by which it is decided whether the named thing is listed.
pub(crate) fn visibility_method(method: &str) -> &str {
    match method {
        "resources/subscribe" | "resources/unsubscribe" => "resources/read",
        other => other,
    }
}

/// A pattern for every URI that a template (RFC 6570) can become: each expression can become anything.
pub(crate) fn template_glob(template: &str) -> Glob {
    let mut pattern = String::new();
    let mut rest = template;
    while let Some((literal, expression)) = rest.split_once('{') {
        pattern.push_str(Glob::literal(literal).as_str());
        pattern.push('*');
        rest = expression.split_once('}').map_or("", |(_, behind)| behind);
    }
    pattern.push_str(Glob::literal(rest).as_str());
    // Only an empty pattern is an error, and an empty template can become nothing else.
    Glob::new(&pattern).unwrap_or_else(|_| Glob::literal(template))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn templates_become_patterns() {
        assert_eq!(template_glob("notes://{id}").as_str(), "notes://*");
        assert_eq!(template_glob("notes://{a}/x{?b,c}").as_str(), "notes://*/x*");
        assert_eq!(template_glob("notes://a?b*").as_str(), r"notes://a\?b\*");
        assert_eq!(template_glob("notes://{id").as_str(), "notes://*");
    }

    proptest! {
        #[test]
        fn every_expansion_matches(before in "[a-z:/?*.]{0,8}", value in ".{0,8}", after in "[a-z/]{0,8}") {
            let glob = template_glob(&format!("{before}{{x}}{after}"));
            let expansion = format!("{before}{value}{after}");
            prop_assert!(glob.matches(&expansion));
        }

        #[test]
        fn any_text_makes_a_pattern(template in ".{0,40}") {
            template_glob(&template);
        }
    }
}
