//! The items of a list result: read for the stages, and thinned out by what they keep.

use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use cardea_message::{Method, Pointer, json};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::Call;

/// One page of a list as a server, or the gateway, answered it.
pub struct Listing {
    /// What it lists.
    pub kind: ItemKind,
    /// The items, in the order of the page.
    pub items: Vec<Item>,
    result: Bytes,
    array: Range<usize>,
    spans: Vec<Range<usize>>,
}

/// What a list item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// From `tools/list`.
    Tool,
    /// From `prompts/list`.
    Prompt,
    /// From `resources/list`.
    Resource,
    /// From `resources/templates/list`.
    ResourceTemplate,
}

/// What stages see of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Tool, prompt, resource or template.
    pub kind: ItemKind,
    /// Name or URI as the client sees it.
    pub id: String,
    /// Name or URI as the server knows it.
    pub native_id: String,
    /// The server.
    pub server: Arc<str>,
    /// SHA-256 of the definition's bytes, lower-case hex.
    pub digest: String,
    /// The server's own hints.
    pub hints: Hints,
}

/// What a server claims of its tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hints {
    /// `readOnlyHint`
    #[serde(rename = "readOnlyHint")]
    pub read_only: bool,
    /// `destructiveHint`
    #[serde(rename = "destructiveHint")]
    pub destructive: bool,
    /// `idempotentHint`
    #[serde(rename = "idempotentHint")]
    pub idempotent: bool,
    /// `openWorldHint`
    #[serde(rename = "openWorldHint")]
    pub open_world: bool,
}

impl ItemKind {
    /// What a list method lists.
    pub fn of_method(method: &Method) -> Option<Self> {
        match method.as_str() {
            "tools/list" => Some(Self::Tool),
            "prompts/list" => Some(Self::Prompt),
            "resources/list" => Some(Self::Resource),
            "resources/templates/list" => Some(Self::ResourceTemplate),
            _ => None,
        }
    }

    /// The member of the result that holds the items.
    pub fn member(self) -> &'static str {
        match self {
            Self::Tool => "tools",
            Self::Prompt => "prompts",
            Self::Resource => "resources",
            Self::ResourceTemplate => "resourceTemplates",
        }
    }

    /// The member of an item that identifies it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt => "name",
            Self::Resource => "uri",
            Self::ResourceTemplate => "uriTemplate",
        }
    }
}

impl Listing {
    /// Reads a list result. None if it has no array where one belongs; an item without an id cannot be judged and is
    /// an item with an empty one, which no policy names.
    pub fn read(call: &Call, kind: ItemKind, result: Bytes) -> Option<Self> {
        let (_, array) = json::members(&result)?.into_iter().find(|(key, _)| key == kind.member())?;
        let spans: Vec<_> = json::elements(&result[array.clone()])?
            .into_iter()
            .map(|span| span.start + array.start..span.end + array.start)
            .collect();
        let items = spans.iter().map(|span| item(call, kind, &result[span.clone()])).collect();
        Some(Self { kind, items, result, array, spans })
    }

    /// The same page cut into pages of at most `size` items, for the stages; one `Arc` again if it is small enough.
    pub(crate) fn batches(page: &Arc<Self>, size: usize) -> Vec<Arc<Self>> {
        if page.items.len() <= size {
            return vec![Arc::clone(page)];
        }
        let cut = |(items, spans): (&[Item], &[Range<usize>])| Self {
            kind: page.kind,
            items: items.to_vec(),
            result: page.result.clone(),
            array: page.array.clone(),
            spans: spans.to_vec(),
        };
        page.items.chunks(size).zip(page.spans.chunks(size)).map(|chunk| Arc::new(cut(chunk))).collect()
    }

    /// Bytes of the page it was read from.
    pub fn bytes(&self) -> usize {
        self.result.len()
    }

    /// The raw definition of an item.
    pub fn definition(&self, id: &str) -> Option<Bytes> {
        let at = self.items.iter().position(|item| item.id == id)?;
        Some(self.result.slice(self.spans[at].clone()))
    }

    /// The raw definition at a place of the page.
    pub(crate) fn definition_at(&self, at: usize) -> Bytes {
        self.result.slice(self.spans[at].clone())
    }

    /// The raw result with these items in the place of its own, none left out; all bytes outside the array stay.
    pub(crate) fn rewritten(&self, items: &[Option<Bytes>]) -> Bytes {
        let kept: Vec<&Bytes> = items.iter().flatten().collect();
        if kept.len() == self.spans.len()
            && kept.iter().zip(&self.spans).all(|(new, span)| **new == self.result[span.clone()])
        {
            return self.result.clone();
        }
        let mut out = BytesMut::with_capacity(self.result.len());
        out.put_slice(&self.result[..self.array.start]);
        out.put_u8(b'[');
        for (position, item) in kept.into_iter().enumerate() {
            if position > 0 {
                out.put_u8(b',');
            }
            out.put_slice(item);
        }
        out.put_u8(b']');
        out.put_slice(&self.result[self.array.end..]);
        out.freeze()
    }

    /// The raw result with only the items kept; all bytes outside the array stay. What differs by subject must not be
    /// shared between subjects, so `cacheScope` becomes `private` (2026-07-28, caching).
    pub fn retain(&self, keep: &[bool]) -> Bytes {
        let private = private_scope(&self.result);
        if private.is_none() && keep.iter().all(|kept| *kept) {
            return self.result.clone();
        }
        let mut out = BytesMut::with_capacity(self.result.len());
        out.put_slice(&self.result[..self.array.start]);
        out.put_u8(b'[');
        let kept = self.spans.iter().zip(keep).filter(|(_, kept)| **kept);
        for (position, (span, _)) in kept.enumerate() {
            if position > 0 {
                out.put_u8(b',');
            }
            out.put_slice(&self.result[span.clone()]);
        }
        out.put_u8(b']');
        out.put_slice(&self.result[self.array.end..]);
        match private_scope(&out) {
            Some(private) => private,
            None => out.freeze(),
        }
    }
}

fn private_scope(result: &[u8]) -> Option<Bytes> {
    let pointer = Pointer::parse("/cacheScope").ok()?;
    (json::find_str(result, &pointer)? == "public").then_some(())?;
    json::set(result, &pointer, br#""private""#).ok().map(Bytes::from)
}

fn item(call: &Call, kind: ItemKind, definition: &[u8]) -> Item {
    #[derive(Deserialize, Default)]
    struct Head {
        #[serde(default)]
        annotations: Option<Hints>,
    }
    let id = Pointer::parse(&format!("/{}", kind.key()))
        .ok()
        .and_then(|pointer| json::find_str(definition, &pointer))
        .unwrap_or_default();
    let head: Head = serde_json::from_slice(definition).unwrap_or_default();
    let (server, native_id) = match call.directory.place(call, kind, &id) {
        Some(place) => (place.server, place.native),
        None => (call.server.clone().unwrap_or_else(|| Arc::from("")), id.clone()),
    };
    let digest = Sha256::digest(definition).iter().map(|byte| format!("{byte:02x}")).collect();
    Item { kind, id, native_id, server, digest, hints: head.annotations.unwrap_or_default() }
}
