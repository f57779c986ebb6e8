//! The directory of one server's own endpoint: names and pages are the server's.

use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Call, Directory, Fault, ItemKind, Offered, Place, Target};
use cardea_message::{Mark, Notification};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::catalog::Catalog;
use crate::refusals::{is_unbridged, required_name};
use crate::registry::Known;
use crate::tasks;

/// `/servers/<name>/mcp`.
pub(crate) struct OneServer {
    server: Arc<Known>,
    catalog: Arc<Catalog>,
}

impl OneServer {
    pub(crate) fn new(server: Arc<Known>, catalog: Arc<Catalog>) -> Self {
        Self { server, catalog }
    }

    fn target(&self, call: &Call) -> Result<Target, Fault> {
        if is_unbridged(call) {
            return Err(Fault::unknown_method(&call.method));
        }
        required_name(call)?;
        let (native_name, params) = match tasks::is_about_one(&call.method) {
            false => (call.name.clone(), None),
            true => self.task(call)?,
        };
        Ok(Target {
            server: Some(Arc::clone(&self.server.name)),
            native_name,
            params,
            endpoints: Arc::clone(&self.server.endpoints),
            call_timeout: self.server.call_timeout,
        })
    }
}

impl OneServer {
    /// What the server calls a task, by the id the caller has for it, and `params` that say so.
    fn task(&self, call: &Call) -> Result<(Option<Box<str>>, Option<Bytes>), Fault> {
        let name = call.name.as_deref().unwrap_or_default();
        match tasks::asked_for(call)? {
            (Some(task), _) if *task.server != *self.server.name => Err(Fault::unknown_name(&call.method, name)),
            (Some(task), params) => Ok((Some(task.native.into()), Some(params))),
            (None, params) => Ok((call.name.clone(), Some(params))),
        }
    }
}

impl Directory for OneServer {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        ready(self.target(call)).boxed()
    }

    fn place(&self, _call: &Call, _kind: ItemKind, id: &str) -> Option<Place> {
        Some(Place { server: Arc::clone(&self.server.name), native: id.to_owned() })
    }

    fn definition(&self, call: &Call, kind: ItemKind, id: &str) -> Option<Bytes> {
        let learned = (kind == ItemKind::Tool).then(|| self.catalog.learned(&self.server, call, id)).flatten();
        learned.or_else(|| self.catalog.peek(&self.server, kind, call)?.definition(id, id))
    }

    fn offers<'a>(
        &'a self,
        call: &'a Arc<Call>,
        server: &'a str,
        kind: ItemKind,
        fresh: bool,
    ) -> BoxFuture<'a, Result<Arc<Offered>, Fault>> {
        let is_other = *server != *self.server.name;
        if is_other {
            return ready(Ok(Arc::default())).boxed();
        }
        self.catalog.offered(&self.server, kind, call, fresh).boxed()
    }

    fn marks(&self, call: &Call) -> Option<Arc<[Mark]>> {
        // Only what the caller was shown: a tool it may not see must not answer otherwise than one that is not there.
        self.catalog.marks(&self.server, call, || self.catalog.learned_marks(&self.server, call, call.name.as_deref()?))
    }

    fn listed(&self, call: &Call, result: &Bytes) {
        self.catalog.learn(&self.server, call, result);
    }

    fn session_ended(&self, session: &str) {
        self.server.session_ended(session);
    }

    fn told(&self, session: &str, notification: &Notification) {
        self.server.told(session, notification);
    }
}
