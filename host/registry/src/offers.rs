//! What the servers of an endpoint offer one caller together: asked of all at once, and found by name.

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{Call, Fault, ItemKind};
use futures_util::future::join_all;
use tokio::time::{timeout, timeout_at};

use crate::catalog::Catalog;
use crate::naming::{Naming, Native, Owner};
use crate::registry::Known;
use crate::shelf::Kept;
use crate::slice::Slice;

/// How long a call waits for servers that only may have what it names.
const GLANCE: Duration = Duration::from_secs(5);
/// How long anything that asks several waits for one that failed the last time.
const DOUBT: Duration = Duration::from_secs(1);

/// The servers of an endpoint, under its names.
pub(crate) struct Offers {
    pub(crate) naming: Naming,
    pub(crate) catalog: Arc<Catalog>,
}

/// An item of one of the servers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The server's place.
    pub(crate) at: usize,
    /// What it calls the item.
    pub(crate) native: String,
}

/// What each server answered, in the order of the endpoint.
pub(crate) type Answers<V> = Vec<Result<Arc<V>, Fault>>;

impl Offers {
    pub(crate) fn server(&self, at: usize) -> &Arc<Known> {
        &self.naming.servers[at]
    }

    /// Asks every server at once, and waits no longer than `patience` for any of them. What comes later is kept for the next
    /// who asks.
    pub(crate) async fn ask_all<V: Send + Sync + 'static>(
        &self,
        patience: Duration,
        ask: impl Fn(&Arc<Known>) -> Kept<V>,
    ) -> Answers<V> {
        let asked = self.naming.servers.iter().map(|server| {
            let kept = ask(server);
            let patience = if server.is_healthy() { patience } else { patience.min(DOUBT) };
            async move { timeout(patience, kept.wait()).await.unwrap_or_else(|_| Err(Fault::deadline(&server.name))) }
        });
        join_all(asked).await
    }

    /// The same for a list or an introduction, which a server that fails is missing from and fails nobody else: with their places.
    pub(crate) async fn ask_present<V: Send + Sync + 'static>(
        &self,
        call: &Call,
        ask: impl Fn(&Arc<Known>) -> Kept<V>,
    ) -> Vec<(usize, Arc<V>)> {
        // Whoever waits for all of them still has time to be answered.
        let answers = self.ask_all(call.deadline.remaining() * 3 / 4, ask).await;
        let mut present = Vec::new();
        for (at, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(answer) => present.push((at, answer)),
                Err(fault) => {
                    let server = &self.server(at).name;
                    tracing::warn!(%server, fault = fault.word(), "left out of a list: {}", fault.inside);
                }
            }
        }
        present
    }

    /// The items of a kind, as each server offers them to the caller.
    pub(crate) async fn glance(&self, call: &Call, kind: ItemKind) -> Answers<Slice> {
        self.ask_all(glance(call), |server| self.catalog.slice(server, kind, call)).await
    }

    /// The item that a name stands for. One that is not listed gets its server asked once more.
    pub(crate) async fn named(&self, call: &Call, kind: ItemKind, asked: &str) -> Result<Option<Found>, Fault> {
        let mut missing = None;
        if self.naming.is_shared(kind) && self.naming.servers.iter().any(|server| !server.claims.knows(kind)) {
            missing = failed(&self.glance(call, kind).await);
        }
        if let Some(owner) = self.naming.locate(kind, asked) {
            return self.confirmed(call, kind, asked, owner).await;
        }
        if !self.naming.is_shared(kind) {
            return Ok(None);
        }
        let seen: Vec<_> = self.naming.servers.iter().map(|server| self.catalog.slice(server, kind, call)).collect();
        let newer =
            self.naming.servers.iter().zip(&seen).map(|(server, seen)| {
                let newer = self.catalog.newer(server, kind, call, seen);
                async move {
                    timeout(glance(call), newer.wait()).await.unwrap_or_else(|_| Err(Fault::deadline(&server.name)))
                }
            });
        let answers = join_all(newer).await;
        match (self.naming.locate(kind, asked), failed(&answers).or(missing)) {
            (Some(owner), _) => self.confirmed(call, kind, asked, owner).await,
            // It may be one of those that did not answer: whether the name is unknown is not known.
            (None, Some(fault)) => Err(fault),
            (None, None) => Ok(None),
        }
    }

    /// The same, if it is known already.
    pub(crate) fn known(&self, call: &Call, kind: ItemKind, asked: &str) -> Option<Found> {
        let Owner { at, native } = self.naming.locate(kind, asked)?;
        let native = match native {
            Native::Is(native) => native.into_owned(),
            Native::Joined(joined) => {
                let slice = self.catalog.peek(self.server(at), kind, call);
                match slice.as_ref().and_then(|slice| slice.native_of_joined(joined)) {
                    Some(native) => native.to_owned(),
                    None if cardea_message::name::is_shortened(joined) => return None,
                    None => cardea_message::name::split(joined)?.1.to_owned(),
                }
            }
        };
        self.naming.leads_to(at, kind, &native, asked).then_some(Found { at, native })
    }

    async fn confirmed(
        &self,
        call: &Call,
        kind: ItemKind,
        asked: &str,
        Owner { at, native }: Owner<'_>,
    ) -> Result<Option<Found>, Fault> {
        let server = self.server(at);
        let find = |slice: &Slice| {
            let native = match &native {
                Native::Is(native) => slice.has(native).then(|| native.to_string()),
                Native::Joined(joined) => slice.native_of_joined(joined).map(str::to_owned),
            };
            native.filter(|native| self.naming.leads_to(at, kind, native, asked)).map(|native| Found { at, native })
        };
        let search = async {
            let listed = self.catalog.slice(server, kind, call);
            if let Some(found) = find(&*listed.wait().await?) {
                return Ok(Some(found));
            }
            Ok(find(&*self.catalog.newer(server, kind, call, &listed).wait().await?))
        };
        timeout_at(call.deadline.at(), search).await.map_err(|_| Fault::deadline(&server.name))?
    }
}

/// Why some server did not answer, if one did not.
pub(crate) fn failed<V>(answers: &Answers<V>) -> Option<Fault> {
    answers.iter().find_map(|answer| answer.as_ref().err().cloned())
}

fn glance(call: &Call) -> Duration {
    GLANCE.min(call.deadline.remaining() * 3 / 4)
}
