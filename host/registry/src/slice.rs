//! All items of one kind that one server offers one caller.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cardea_chain::{Call, Fault, ItemKind, Offered};
use cardea_message::{Mark, Method, Pointer, json, name};

use crate::ask;
use crate::naming::is_named;
use crate::registry::Known;
use crate::template::Template;

/// The items in the server's order.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    items: Vec<Listed>,
    by_native: HashMap<String, usize>,
    /// Of the joined names, those that had to be shortened.
    shortened: HashMap<String, usize>,
    /// The same as stages judge it, made when one asks.
    offered: OnceLock<Arc<Offered>>,
}

/// One item.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Name or URI, as the server knows it.
    pub(crate) native: String,
    /// As the server gave it, but for the joined name in place of its own if it has a name.
    definition: Bytes,
    joined: Option<String>,
    marks: Arc<[Mark]>,
    /// What the URIs look like that a template stands for.
    template: Option<Template>,
}

/// Bounds on what a server may list.
const MAX_PAGES: usize = 1000;
const MAX_BYTES: usize = 32 << 20;

impl Slice {
    /// Asks the server for every page. `call` is one of the gateway's own.
    pub(crate) async fn fetch(server: &Known, call: &Call, kind: ItemKind) -> Result<Self, Fault> {
        let mut slice = Self::default();
        let mut cursor: Option<String> = None;
        let mut bytes = 0;
        for _ in 0..MAX_PAGES {
            let params = cursor.as_deref().map(|cursor| serde_json::json!({ "cursor": cursor }).to_string().into());
            let page = ask::result(server, call, list_method(kind), params).await?;
            bytes += page.len();
            if bytes > MAX_BYTES {
                return Err(ask::bad_reply(server, &format!("its lists are larger than {MAX_BYTES} bytes")));
            }
            slice.add(server, kind, &page)?;
            let next = json::find_str(&page, &Pointer::root().child("nextCursor"));
            if next.is_none() {
                server.claims.note(kind, slice.items.iter().map(|item| &*item.native));
                return Ok(slice);
            }
            if next == cursor {
                return Err(ask::bad_reply(server, "it gives out the same cursor again and again"));
            }
            cursor = next;
        }
        Err(ask::bad_reply(server, &format!("its lists have more than {MAX_PAGES} pages")))
    }

    /// The items, in the server's order.
    pub(crate) fn items(&self) -> &[Listed] {
        &self.items
    }

    /// Whether the server offers this.
    pub(crate) fn has(&self, native: &str) -> bool {
        self.by_native.contains_key(native)
    }

    /// The definitions under the server's own names, for stages that judge them.
    pub(crate) fn offered(&self, server: &Arc<str>, kind: ItemKind) -> Arc<Offered> {
        let item = |item: &Listed| Some((item.native.clone(), item.called(&item.native)?));
        let offered = || Arc::new(Offered::new(server, kind, self.items.iter().filter_map(item)));
        Arc::clone(self.offered.get_or_init(offered))
    }

    /// The name the server knows for a joined one.
    pub(crate) fn native_of_joined(&self, joined: &str) -> Option<&str> {
        let at = self.shortened.get(joined).or_else(|| self.by_native.get(name::split(joined)?.1))?;
        let item = &self.items[*at];
        (item.joined.as_deref() == Some(joined)).then_some(&item.native)
    }

    /// The definition of an item under a name that it has at an endpoint; a URI is always the server's own.
    pub(crate) fn definition(&self, native: &str, name: &str) -> Option<Bytes> {
        self.items[*self.by_native.get(native)?].called(name)
    }

    /// The marks of a tool.
    pub(crate) fn marks(&self, native: &str) -> Option<Arc<[Mark]>> {
        self.by_native.get(native).map(|&at| Arc::clone(&self.items[at].marks))
    }

    /// How well a URI fits the templates among them, and which fits best.
    pub(crate) fn fit(&self, uri: &str) -> Option<(usize, &str)> {
        let fits = |item: &'_ Listed| item.template.as_ref()?.fit(uri);
        self.items.iter().filter_map(|item| Some((fits(item)?, &*item.native))).max_by_key(|(fit, _)| *fit)
    }

    fn add(&mut self, server: &Known, kind: ItemKind, page: &Bytes) -> Result<(), Fault> {
        let array = json::find(page, &Pointer::root().child(kind.member()));
        let array = array.map(|span| page.slice(span)).unwrap_or_default();
        let spans = json::elements(&array)
            .ok_or_else(|| ask::bad_reply(server, &format!("its list has no array `{}`", kind.member())))?;
        for span in spans {
            if !self.add_item(server, kind, &array[span]) {
                tracing::warn!(server = %server.name, "an item of a list has no name or URI, or one that was there before: left out");
            }
        }
        Ok(())
    }

    /// Takes in an item. What it is called is also how it is asked for, so an item without a name or URI cannot be listed.
    fn add_item(&mut self, server: &Known, kind: ItemKind, definition: &[u8]) -> bool {
        let Some(native) = json::find_str(definition, &Pointer::root().child(kind.key())) else { return false };
        if self.by_native.contains_key(&native) {
            return false;
        }
        let joined = is_named(kind).then(|| name::join(&server.prefix, &native));
        let definition = match &joined {
            Some(joined) => renamed(definition, joined),
            None => Some(Bytes::copy_from_slice(definition)),
        };
        let Some(definition) = definition else { return false };
        let marks: Arc<[Mark]> = if kind == ItemKind::Tool { Mark::all_in(&definition).into() } else { Arc::default() };
        if !marks.is_empty() {
            server.marks.store(true, Ordering::Relaxed);
        }
        if let Some(joined) = joined.as_ref().filter(|joined| name::is_shortened(joined)) {
            self.shortened.insert(joined.clone(), self.items.len());
        }
        let template = if kind == ItemKind::ResourceTemplate { Template::parse(&native) } else { None };
        self.by_native.insert(native.clone(), self.items.len());
        self.items.push(Listed { native, definition, joined, marks, template });
        true
    }
}

impl Listed {
    /// The definition under a name that it has at an endpoint.
    pub(crate) fn called(&self, name: &str) -> Option<Bytes> {
        match &self.joined {
            Some(joined) if joined != name => renamed(&self.definition, name),
            _ => Some(self.definition.clone()),
        }
    }
}

/// The method that lists items of a kind.
fn list_method(kind: ItemKind) -> Method {
    match kind {
        ItemKind::Tool => Method::TOOLS_LIST,
        ItemKind::Prompt => Method::PROMPTS_LIST,
        ItemKind::Resource => Method::RESOURCES_LIST,
        ItemKind::ResourceTemplate => Method::RESOURCES_TEMPLATES_LIST,
    }
}

fn renamed(definition: &[u8], name: &str) -> Option<Bytes> {
    let quoted = serde_json::Value::from(name).to_string();
    json::set(definition, &Pointer::root().child("name"), quoted.as_bytes()).ok().map(Bytes::from)
}
