//! What every server offers every caller, as last seen.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use cardea_chain::{Call, Fault, ItemKind, Offered};
use cardea_message::{Mark, Pointer, json, mark};
use tokio::time::timeout;

use crate::account::Account;
use crate::ask;
use crate::learned::Learned;
use crate::registry::Known;
use crate::shelf::{Kept, Shelf};
use crate::slice::Slice;

/// Keeps answers by server and by everything an answer may depend on.
pub(crate) struct Catalog {
    accounts: Shelf<(Arc<str>, Viewer), Account>,
    /// Each of a revision of its server: a list that has changed is not taken from here once more.
    slices: Shelf<(Arc<str>, u64, ItemKind, Viewer), Slice>,
    /// Tools as they were shown at the endpoint of their server alone.
    learned: Learned<(Arc<str>, Viewer)>,
    no_marks: Arc<[Mark]>,
}

/// Who looks: what a server shows may differ with each of these, so answers are never shared across them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Viewer {
    subject: String,
    session: Option<Arc<str>>,
    version: cardea_message::Version,
    capabilities: Bytes,
}

/// The longest capabilities that a viewer is told apart by for long.
const MAX_CAPABILITIES: usize = 4096;

impl Default for Catalog {
    fn default() -> Self {
        Self { accounts: Shelf::new(), slices: Shelf::new(), learned: Learned::new(), no_marks: Arc::default() }
    }
}

impl Catalog {
    /// What a server says of itself to the caller.
    pub(crate) fn account(&self, server: &Arc<Known>, call: &Call) -> Kept<Account> {
        let key = (Arc::clone(&server.name), Viewer::of(call));
        self.accounts.take(key, || {
            let (server, call) = (Arc::clone(server), ask::of(call));
            async move { in_time(&server, Account::fetch(&server, &call)).await }
        })
    }

    /// What a server offers the caller.
    pub(crate) fn slice(self: &Arc<Self>, server: &Arc<Known>, kind: ItemKind, call: &Call) -> Kept<Slice> {
        let key = (Arc::clone(&server.name), server.revision(), kind, Viewer::of(call));
        self.slices.take(key, || Arc::clone(self).fetch(Arc::clone(server), kind, call.clone()))
    }

    /// The same, asked again since `seen`.
    pub(crate) fn newer(
        self: &Arc<Self>,
        server: &Arc<Known>,
        kind: ItemKind,
        call: &Call,
        seen: &Kept<Slice>,
    ) -> Kept<Slice> {
        let key = (Arc::clone(&server.name), server.revision(), kind, Viewer::of(call));
        self.slices.newer(key, seen, || Arc::clone(self).fetch(Arc::clone(server), kind, call.clone()))
    }

    /// What a server offers the caller, as stages judge it; asked again if what is known may be old.
    pub(crate) async fn offered(
        self: &Arc<Self>,
        server: &Arc<Known>,
        kind: ItemKind,
        call: &Call,
        fresh: bool,
    ) -> Result<Arc<Offered>, Fault> {
        let known = self.slice(server, kind, call);
        let slice = if fresh { self.newer(server, kind, call, &known).wait().await? } else { known.wait().await? };
        Ok(slice.offered(&server.name, kind))
    }

    /// The same, if it is known already.
    pub(crate) fn peek(&self, server: &Known, kind: ItemKind, call: &Call) -> Option<Arc<Slice>> {
        self.slices.peek(&(Arc::clone(&server.name), server.revision(), kind, Viewer::of(call)))
    }

    /// The caller was shown a page of the server's tools: the result of a `tools/list`.
    pub(crate) fn learn(&self, server: &Known, call: &Call, result: &Bytes) {
        let Some((viewer, page)) = Viewer::of(call).detached().zip(server.pages.read(result)) else { return };
        if page.is_marked() {
            server.marks.store(true, Ordering::Relaxed);
        }
        let cursor = json::find_str(call.params(), &Pointer::root().child("cursor"));
        self.learned.add((Arc::clone(&server.name), viewer), cursor, page);
    }

    /// The definition of a tool, as the caller was shown it.
    pub(crate) fn learned(&self, server: &Known, call: &Call, name: &str) -> Option<Bytes> {
        self.learned.definition(&(Arc::clone(&server.name), Viewer::of(call)), name)
    }

    /// The marks of a tool, as the caller was shown it.
    pub(crate) fn learned_marks(&self, server: &Known, call: &Call, name: &str) -> Option<Arc<[Mark]>> {
        self.learned.marks(&(Arc::clone(&server.name), Viewer::of(call)), name)
    }

    /// The marks of the tool that a call is for, as `look_up` finds them in what the server offers the caller. While the server
    /// has never marked an argument and the caller sends no such header, every tool is as good as one without marks, and the
    /// shelf, which is slow to ask, is left alone.
    pub(crate) fn marks(
        &self,
        server: &Known,
        call: &Call,
        look_up: impl FnOnce() -> Option<Arc<[Mark]>>,
    ) -> Option<Arc<[Mark]>> {
        let sent = || call.headers.keys().any(|name| name.as_str().starts_with(mark::PREFIX));
        if !server.marks.load(Ordering::Relaxed) && !sent() {
            return Some(Arc::clone(&self.no_marks));
        }
        look_up()
    }

    async fn fetch(self: Arc<Self>, server: Arc<Known>, kind: ItemKind, call: Call) -> Result<Slice, Fault> {
        if !self.account(&server, &call).wait().await?.offers(kind) {
            server.claims.note(kind, std::iter::empty());
            return Ok(Slice::default());
        }
        in_time(&server, Slice::fetch(&server, &ask::of(&call), kind)).await
    }
}

impl Viewer {
    fn of(call: &Call) -> Self {
        Self {
            subject: call.subject.key(),
            session: call.client.session.as_ref().map(|session| Arc::clone(session.id())),
            version: call.client.version,
            capabilities: call.client.capabilities.clone(),
        }
    }

    /// The same, without a hold on the memory of the request it came with; none if it says more than is kept for an hour.
    fn detached(self) -> Option<Self> {
        let capabilities = Bytes::copy_from_slice(&self.capabilities);
        (capabilities.len() <= MAX_CAPABILITIES).then_some(Self { capabilities, ..self })
    }
}

async fn in_time<V>(server: &Known, work: impl Future<Output = Result<V, Fault>>) -> Result<V, Fault> {
    timeout(ask::PATIENCE, work).await.unwrap_or_else(|_| Err(Fault::deadline(&server.name)))
}
