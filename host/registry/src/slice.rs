//! All items of one kind that one server offers one caller.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cardea_chain::{Call, Fault, ItemKind, Offered};
use cardea_message::{Mark, Pointer, json, name};

use crate::all::list_method;
use crate::ask;
use crate::registry::Known;

/// The items in the server's order.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    items: Vec<Listed>,
    by_joined: HashMap<String, usize>,
    /// The same as stages judge it, made when one asks.
    offered: OnceLock<Arc<Offered>>,
}

#[derive(Debug)]
struct Listed {
    native: String,
    /// As the server gave it, but for the joined name in place of its own.
    definition: Bytes,
    marks: Arc<[Mark]>,
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
                return Ok(slice);
            }
            if next == cursor {
                return Err(ask::bad_reply(server, "it gives out the same cursor again and again"));
            }
            cursor = next;
        }
        Err(ask::bad_reply(server, &format!("its lists have more than {MAX_PAGES} pages")))
    }

    /// The definitions under their joined names, in order.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Bytes> {
        self.items.iter().map(|item| &item.definition)
    }

    /// The definitions under the server's own names, for stages that judge them.
    pub(crate) fn offered(&self, server: &Arc<str>, kind: ItemKind) -> Arc<Offered> {
        let item = |item: &Listed| Some((item.native.clone(), renamed(&item.definition, &item.native)?));
        let offered = || Arc::new(Offered::new(server, kind, self.items.iter().filter_map(item)));
        Arc::clone(self.offered.get_or_init(offered))
    }

    /// The name the server knows for a joined one.
    pub(crate) fn native_name(&self, joined: &str) -> Option<&str> {
        self.by_joined.get(joined).map(|&at| self.items[at].native.as_str())
    }

    /// The definition under a joined name, as clients of all servers see it.
    pub(crate) fn joined(&self, joined: &str) -> Option<Bytes> {
        self.by_joined.get(joined).map(|&at| self.items[at].definition.clone())
    }

    /// The definition under the server's own name, as its own clients see it.
    pub(crate) fn native(&self, native: &str) -> Option<Bytes> {
        let item = self.items.iter().find(|item| item.native == native)?;
        renamed(&item.definition, native)
    }

    /// The marks of the tool under a joined name.
    pub(crate) fn marks_of_joined(&self, joined: &str) -> Option<Arc<[Mark]>> {
        self.by_joined.get(joined).map(|&at| Arc::clone(&self.items[at].marks))
    }

    fn add(&mut self, server: &Known, kind: ItemKind, page: &Bytes) -> Result<(), Fault> {
        let array = json::find(page, &Pointer::root().child(kind.member()));
        let array = array.map(|span| page.slice(span)).unwrap_or_default();
        let spans = json::elements(&array)
            .ok_or_else(|| ask::bad_reply(server, &format!("its list has no array `{}`", kind.member())))?;
        for span in spans {
            if !self.add_item(server, kind, &array[span]) {
                tracing::warn!(server = %server.name, "an item of a list has no name, or one that was there before: left out");
            }
        }
        Ok(())
    }

    /// Takes in an item. The name at this endpoint is also how it is called, so an item without one cannot be listed.
    fn add_item(&mut self, server: &Known, kind: ItemKind, definition: &[u8]) -> bool {
        let Some(native) = json::find_str(definition, &Pointer::root().child("name")) else { return false };
        let joined = name::join(&server.prefix, &native);
        let Some(definition) = renamed(definition, &joined).filter(|_| !self.by_joined.contains_key(&joined)) else {
            return false;
        };
        let marks: Arc<[Mark]> = if kind == ItemKind::Tool { Mark::all_in(&definition).into() } else { Arc::default() };
        if !marks.is_empty() {
            server.marks.store(true, Ordering::Relaxed);
        }
        self.by_joined.insert(joined, self.items.len());
        self.items.push(Listed { native, definition, marks });
        true
    }
}

fn renamed(definition: &[u8], name: &str) -> Option<Bytes> {
    let quoted = serde_json::Value::from(name).to_string();
    json::set(definition, &Pointer::root().child("name"), quoted.as_bytes()).ok().map(Bytes::from)
}
