//! The names at an endpoint of several servers: which items it shows, what they are called there, and whose a name is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use cardea_chain::ItemKind;
use cardea_message::name;
use wildmatch::WildMatch;

use crate::registry::Known;
use crate::view::{Prefix, View};

/// The servers of an endpoint and its rules of names. Servers are told apart by their place in its order.
pub(crate) struct Naming {
    pub(crate) servers: Arc<[Arc<Known>]>,
    prefix: Prefix,
    include: Vec<WildMatch>,
    exclude: Vec<WildMatch>,
    /// By server: native name to name.
    renamed: Vec<HashMap<String, String>>,
    /// Name to server and native name.
    given: HashMap<String, (usize, String)>,
}

/// Whose a name is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Owner<'n> {
    /// The server's place.
    pub(crate) at: usize,
    /// What it calls the item.
    pub(crate) native: Native<'n>,
}

/// What a server calls an item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Native<'n> {
    /// This.
    Is(Cow<'n, str>),
    /// What this joined name stands for: what comes after the server, unless the name was shortened.
    Joined(&'n str),
}

impl Naming {
    /// The rules of a view. A rename of a server that is not in it has no effect.
    pub(crate) fn new(servers: Arc<[Arc<Known>]>, view: &View) -> Self {
        let compile = |patterns: &[String]| patterns.iter().map(|pattern| WildMatch::new(pattern)).collect();
        let mut renamed = vec![HashMap::new(); servers.len()];
        let mut given = HashMap::new();
        for rename in &view.rename {
            if let Some(at) = servers.iter().position(|server| server.name == rename.server) {
                renamed[at].insert(rename.native.clone(), rename.name.clone());
                given.insert(rename.name.clone(), (at, rename.native.clone()));
            }
        }
        let (include, exclude) = (compile(&view.include), compile(&view.exclude));
        Self { servers, prefix: view.prefix, include, exclude, renamed, given }
    }

    /// Whether whose a name is can depend on what other servers have.
    pub(crate) fn is_shared(&self, kind: ItemKind) -> bool {
        !is_named(kind) || self.prefix != Prefix::Always
    }

    /// Whether something of a server is shown at all.
    pub(crate) fn shows(&self, at: usize, native: &str) -> bool {
        if self.include.is_empty() && self.exclude.is_empty() {
            return true;
        }
        let full = format!("{}/{native}", self.servers[at].name);
        let fits = |patterns: &[WildMatch]| patterns.iter().any(|pattern| pattern.matches(&full));
        (self.include.is_empty() || fits(&self.include)) && !fits(&self.exclude)
    }

    /// What an item is called here; none if it is not shown, or another has its name.
    pub(crate) fn exposed<'n>(&self, at: usize, kind: ItemKind, native: &'n str) -> Option<Cow<'n, str>> {
        if !self.shows(at, native) {
            return None;
        }
        if !is_named(kind) {
            return self.is_owner(at, kind, native).then_some(Cow::Borrowed(native));
        }
        if let Some(name) = self.renamed[at].get(native) {
            return Some(Cow::Owned(name.clone()));
        }
        let joined = || Some(Cow::Owned(name::join(&self.servers[at].prefix, native)));
        let is_free = |name: &Cow<'_, str>| !self.given.contains_key(&**name);
        match self.prefix {
            Prefix::Always => joined().filter(is_free),
            Prefix::Never | Prefix::OnConflict if self.is_owner(at, kind, native) => Some(Cow::Borrowed(native)),
            Prefix::Never => None,
            Prefix::OnConflict => joined().filter(is_free).filter(|name| self.owner(kind, name).is_none()),
        }
    }

    /// Whose a name is, as far as is known: one given by the manifest, then one without a server, then one with its server.
    pub(crate) fn locate<'n>(&'n self, kind: ItemKind, asked: &'n str) -> Option<Owner<'n>> {
        if is_named(kind)
            && let Some((at, native)) = self.given.get(asked)
        {
            return Some(Owner { at: *at, native: Native::Is(Cow::Borrowed(native)) });
        }
        if self.is_shared(kind)
            && let Some(at) = self.owner(kind, asked)
        {
            return Some(Owner { at, native: Native::Is(Cow::Borrowed(asked)) });
        }
        if !is_named(kind) || self.prefix == Prefix::Never {
            return None;
        }
        let (server, _) = name::split(asked)?;
        let at = self.servers.iter().position(|known| *known.name == *server)?;
        Some(Owner { at, native: Native::Joined(asked) })
    }

    /// Whether a name that [`locate`](Self::locate) found really leads to this item.
    pub(crate) fn leads_to(&self, at: usize, kind: ItemKind, native: &str, asked: &str) -> bool {
        if !self.shows(at, native) {
            return false;
        }
        match is_named(kind).then(|| self.renamed[at].get(native)).flatten() {
            Some(name) => name == asked,
            None => true,
        }
    }

    fn is_owner(&self, at: usize, kind: ItemKind, native: &str) -> bool {
        self.owner(kind, native) == Some(at)
    }

    /// The first server that offers something under this name of its own.
    fn owner(&self, kind: ItemKind, native: &str) -> Option<usize> {
        if is_named(kind) && self.given.contains_key(native) {
            return None;
        }
        let is_its_own = |at: usize| !is_named(kind) || !self.renamed[at].contains_key(native);
        let offers = |(at, server): (usize, &Arc<Known>)| {
            (server.claims.holds(kind, native) && is_its_own(at) && self.shows(at, native)).then_some(at)
        };
        self.servers.iter().enumerate().find_map(offers)
    }
}

/// Whether items of a kind have names. Others have URIs, which are never rewritten.
pub(crate) fn is_named(kind: ItemKind) -> bool {
    matches!(kind, ItemKind::Tool | ItemKind::Prompt)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::Server;
    use crate::view::Rename;

    fn naming(view: &View, offered: &[(&str, &[&str])]) -> Naming {
        let known = |(name, tools): &(&str, &[&str])| {
            let server = Server { name: Arc::from(*name), endpoints: Vec::new(), call_timeout: None };
            let known = Arc::new(Known::new(server).unwrap());
            known.claims.note(ItemKind::Tool, tools.iter().copied());
            known
        };
        Naming::new(offered.iter().map(known).collect(), view)
    }

    fn names(naming: &Naming, offered: &[(&str, &[&str])]) -> Vec<String> {
        let all = offered.iter().enumerate().flat_map(|(at, (_, tools))| tools.iter().map(move |tool| (at, *tool)));
        all.filter_map(|(at, tool)| Some(naming.exposed(at, ItemKind::Tool, tool)?.into_owned())).collect()
    }

    const OFFERED: &[(&str, &[&str])] = &[("git", &["log", "web_get"]), ("web", &["get", "log"])];

    #[test]
    fn the_first_server_has_a_name_and_the_others_have_it_with_their_own_before_it() {
        for (prefix, expected) in [
            (Prefix::Always, vec!["git_log", "git_web_get", "web_get", "web_log"]),
            (Prefix::OnConflict, vec!["log", "web_get", "get", "web_log"]),
            (Prefix::Never, vec!["log", "web_get", "get"]),
        ] {
            let naming = naming(&View { prefix, ..View::default() }, OFFERED);
            assert_eq!(names(&naming, OFFERED), expected, "{prefix:?}");
        }
    }

    #[test]
    fn every_name_that_is_shown_leads_back_to_its_item() {
        let rename = vec![Rename { server: "git".into(), native: "log".into(), name: "get".into() }];
        let exclude = vec!["web/l*".to_owned()];
        for prefix in [Prefix::Always, Prefix::OnConflict, Prefix::Never] {
            for view in [
                View { prefix, ..View::default() },
                View { prefix, rename: rename.clone(), ..View::default() },
                View { prefix, exclude: exclude.clone(), ..View::default() },
            ] {
                let naming = naming(&view, OFFERED);
                for (at, (server, tools)) in OFFERED.iter().enumerate() {
                    for tool in *tools {
                        let Some(name) = naming.exposed(at, ItemKind::Tool, tool) else { continue };
                        let owner = naming.locate(ItemKind::Tool, &name).unwrap();
                        assert_eq!(owner.at, at, "{name} of {server} with {view:?}");
                        match owner.native {
                            Native::Is(native) => assert_eq!(native, *tool),
                            Native::Joined(joined) => assert_eq!(joined, format!("{server}_{tool}")),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_name_of_the_manifests_own_comes_before_all_others() {
        let rename = vec![Rename { server: "git".into(), native: "log".into(), name: "get".into() }];
        let naming = naming(&View { prefix: Prefix::OnConflict, rename, ..View::default() }, OFFERED);
        assert_eq!(
            names(&naming, OFFERED),
            ["get", "web_get", "log"],
            "`get` of web is shadowed: both its names are taken"
        );
        assert!(!naming.leads_to(0, ItemKind::Tool, "log", "git_log"), "it has no other name beside");
        assert!(naming.leads_to(0, ItemKind::Tool, "log", "get"));
    }

    #[test]
    fn only_what_is_included_and_not_excluded_is_shown() {
        let view =
            View { include: vec!["git/*".into(), "web/g*".into()], exclude: vec!["*/log".into()], ..View::default() };
        assert_eq!(names(&naming(&view, OFFERED), OFFERED), ["git_web_get", "web_get"]);
    }
}
