//! What a subscription of 2026-07-28 is for: the filter of `subscriptions/listen` and of its acknowledgement.

use serde_json::{Map, Value, json};

use crate::{Notification, Pointer, json as text};

/// Which news are wanted, or honoured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `toolsListChanged`
    pub tools: bool,
    /// `promptsListChanged`
    pub prompts: bool,
    /// `resourcesListChanged`
    pub resources: bool,
    /// `resourceSubscriptions`: URIs whose updates are told.
    pub uris: Vec<String>,
    /// `taskIds` of the tasks extension.
    pub tasks: Vec<String>,
}

const TOOLS: &str = "toolsListChanged";
const PROMPTS: &str = "promptsListChanged";
const RESOURCES: &str = "resourcesListChanged";
const URIS: &str = "resourceSubscriptions";
const TASKS: &str = "taskIds";

impl Filter {
    /// The filter in the `params` of a `subscriptions/listen` or of its acknowledgement. What nobody knows is left out.
    pub fn of(params: &[u8]) -> Self {
        let Some(span) = text::find(params, &Pointer::root().child("notifications")) else { return Self::default() };
        let said: Value = serde_json::from_slice(&params[span]).unwrap_or_default();
        let flag = |key: &str| said[key] == true;
        let texts = |key: &str| {
            let texts = said[key].as_array().map(Vec::as_slice).unwrap_or_default().iter();
            texts.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            tools: flag(TOOLS),
            prompts: flag(PROMPTS),
            resources: flag(RESOURCES),
            uris: texts(URIS),
            tasks: texts(TASKS),
        }
    }

    /// The `params` that hold it, without `_meta`.
    pub fn to_params(&self) -> Vec<u8> {
        let mut notifications = Map::new();
        for (key, wanted) in [(TOOLS, self.tools), (PROMPTS, self.prompts), (RESOURCES, self.resources)] {
            if wanted {
                notifications.insert(key.to_owned(), true.into());
            }
        }
        for (key, texts) in [(URIS, &self.uris), (TASKS, &self.tasks)] {
            if !texts.is_empty() {
                notifications.insert(key.to_owned(), texts.clone().into());
            }
        }
        json!({ "notifications": notifications }).to_string().into_bytes()
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it wants a notification.
    pub fn wants(&self, notification: &Notification) -> bool {
        let named = |key: &str, texts: &[String]| {
            let params = notification.params().unwrap_or_default();
            text::member_str(&params, key).is_some_and(|text| texts.iter().any(|wanted| *wanted == text))
        };
        match notification.method.as_str() {
            "notifications/tools/list_changed" => self.tools,
            "notifications/prompts/list_changed" => self.prompts,
            "notifications/resources/list_changed" => self.resources,
            "notifications/resources/updated" => named("uri", &self.uris),
            "notifications/tasks" => named("taskId", &self.tasks),
            _ => false,
        }
    }

    /// What both want.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let shared =
            |ours: &[String], theirs: &[String]| ours.iter().filter(|text| theirs.contains(text)).cloned().collect();
        Self {
            tools: self.tools && other.tools,
            prompts: self.prompts && other.prompts,
            resources: self.resources && other.resources,
            uris: shared(&self.uris, &other.uris),
            tasks: shared(&self.tasks, &other.tasks),
        }
    }

    /// What either wants.
    pub fn add(&mut self, other: &Self) {
        self.tools |= other.tools;
        self.prompts |= other.prompts;
        self.resources |= other.resources;
        for (ours, theirs) in [(&mut self.uris, &other.uris), (&mut self.tasks, &other.tasks)] {
            let new: Vec<_> = theirs.iter().filter(|text| !ours.contains(text)).cloned().collect();
            ours.extend(new);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::{Message, compose};

    #[test]
    fn a_filter_is_read_and_written_and_what_is_not_known_left_out() {
        let text = br#"{"notifications":{"resourceSubscriptions":["a:b"],"toolsListChanged":true,"x":1,"promptsListChanged":"yes"}}"#;
        let filter = Filter::of(text);
        assert_eq!(filter, Filter { tools: true, uris: vec!["a:b".into()], ..Filter::default() });
        assert_eq!(Filter::of(&filter.to_params()), filter);
        assert!(Filter::of(b"{}").is_empty() && Filter::of(b"7").is_empty());
    }

    #[test]
    fn a_filter_wants_what_it_names() {
        let note =
            |method: &str, params: &str| match Message::parse(compose::notification(method, Some(params.as_bytes())))
                .unwrap()
            {
                Message::Notification(notification) => notification,
                other => panic!("{other:?}"),
            };
        let filter = Filter { prompts: true, uris: vec!["a:b".into()], tasks: vec!["t".into()], ..Filter::default() };
        for (method, params, wanted) in [
            ("notifications/prompts/list_changed", "{}", true),
            ("notifications/tools/list_changed", "{}", false),
            ("notifications/resources/updated", r#"{"uri":"a:b"}"#, true),
            ("notifications/resources/updated", r#"{"uri":"a:c"}"#, false),
            ("notifications/tasks", r#"{"taskId":"t"}"#, true),
            ("notifications/message", "{}", false),
        ] {
            assert_eq!(filter.wants(&note(method, params)), wanted, "{method} {params}");
        }
        let both = filter.and(&Filter { prompts: true, uris: vec!["a:c".into()], ..Filter::default() });
        assert_eq!(both, Filter { prompts: true, ..Filter::default() });
        let mut either = both;
        either.add(&filter);
        assert_eq!(either, filter);
    }
}
