//! The requests of a modern client that has one line for all of them: each runs by itself until it is answered, or cancelled
//! by its id.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cardea_message::{Era, Id, Message, Method, Request, error};
use futures_util::FutureExt;
use http::StatusCode;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::front::{Front, Posted};
use crate::line::Line;
use crate::respond::{Asked, Rejection};
use crate::visit::Visit;
use crate::walking::{self, Walking};
use crate::{listening, modern};

/// What is under way for one client.
pub(crate) struct Errands {
    running: Running,
    tasks: TaskTracker,
    /// Ends subscriptions, which have no end of their own.
    leaving: CancellationToken,
    line: Line,
}

/// The calls under way, by the client's ids.
type Running = Arc<Mutex<HashMap<Id, CancellationToken>>>;

impl Errands {
    pub(crate) fn new(line: Line) -> Self {
        let leaving = CancellationToken::new();
        Self { running: Running::default(), tasks: TaskTracker::new(), leaving, line }
    }

    /// Begins a request. What the call says, and its end, go out on the line.
    pub(crate) fn run(&self, front: &Front, visit: &Visit, posted: Posted) -> Result<(), Box<Rejection>> {
        let Ok(Message::Request(request)) = posted.message else { return Ok(()) };
        let envelope = posted
            .envelope
            .map_err(|fault| Rejection::new(StatusCode::BAD_REQUEST, error::INVALID_PARAMS, fault.to_string()))?;
        let client = modern::introduced(&request, modern::complete(envelope)?)?;
        let call = visit.call(&request, &posted.meta, client, &front.settings.limits);
        let holds = front.hold(&posted.share)?;
        let Request { id, method, .. } = request;
        let cancelled = self.begin(&id)?;
        let asked = Asked { id, method, name: call.name.clone(), era: Era::Modern };
        let walking = if asked.method == Method::SUBSCRIPTIONS_LISTEN {
            let (walk, notes) = listening::begin(visit, call, &asked, holds, self.leaving.clone());
            Walking { asked, notes, end: walk.map(Some).boxed() }
        } else {
            let (walk, notes) = walking::begin(visit, call, &asked, holds);
            Walking { asked, notes, end: walk.map(Some).boxed() }
        };
        let (line, running, id) = (self.line.clone(), Arc::clone(&self.running), walking.asked.id.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = cancelled.cancelled() => {}
                () = line.bring(walking) => {}
            }
            locked(&running).remove(&id);
        });
        Ok(())
    }

    /// Cancels a request. False if none of that id is under way.
    pub(crate) fn cancel(&self, id: &Id) -> bool {
        locked(&self.running).get(id).inspect(|cancelled| cancelled.cancel()).is_some()
    }

    /// Waits until everything is answered. Subscriptions end.
    pub(crate) async fn answered(&self) {
        self.leaving.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Cancels everything, and waits until it has let go.
    pub(crate) async fn end(&self) {
        locked(&self.running).values().for_each(CancellationToken::cancel);
        self.answered().await;
    }

    fn begin(&self, id: &Id) -> Result<CancellationToken, Box<Rejection>> {
        match locked(&self.running).entry(id.clone()) {
            Entry::Vacant(free) => Ok(free.insert(CancellationToken::new()).clone()),
            Entry::Occupied(_) => {
                Err(Rejection::invalid(StatusCode::BAD_REQUEST, "A request with this id is still running"))
            }
        }
    }
}

fn locked(running: &Running) -> MutexGuard<'_, HashMap<Id, CancellationToken>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
