//! Servers that are programs: messages as lines on standard input and output.

mod connection;
mod lines;
mod process;
mod restart;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_chain::{Call, Exchange, Fault, Health, Upstream};
use cardea_message::Notification;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::ChildSpec;
use crate::blame::Blame;
use crate::child::connection::ChildConnection;
use crate::child::process::Nursery;
use crate::child::restart::Restart;
use crate::door::{Door, Terms};
use crate::greeting::Greeting;
use crate::probe::Opening;
use crate::wire::Transport;

/// A server that is a program, started when it is first needed.
pub struct ChildServer {
    door: Arc<Door<ChildTransport>>,
    nursery: Nursery,
}

struct ChildTransport {
    spec: ChildSpec,
    blame: Blame,
    restart: Arc<Restart>,
    nursery: Nursery,
}

impl ChildServer {
    /// A server that has not been started yet.
    pub fn new(spec: ChildSpec) -> Self {
        let blame = Blame::new(&spec.server);
        let terms = Terms {
            opening: Opening {
                protocol: spec.protocol,
                start_timeout: spec.start_timeout,
                probe_timeout: spec.probe_timeout.min(spec.start_timeout),
                trace_in_meta: true,
                blame: blame.clone(),
            },
            policy: spec.session,
            replica: Arc::clone(&spec.replica),
            idle_timeout: spec.idle_timeout,
            max_sessions: spec.max_children,
        };
        let nursery = Nursery::default();
        let transport = ChildTransport { spec, blame, restart: Arc::default(), nursery: nursery.clone() };
        Self { door: Door::new(transport, terms), nursery }
    }

    /// Ends every process and waits until none is left: closed input first, then SIGTERM, then SIGKILL. None is started
    /// after that.
    pub async fn shut(&self) {
        self.door.shut().await;
        // Those of single calls, and those that are ending already, are nobody's session.
        self.nursery.empty().await;
    }
}

impl Upstream for ChildServer {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        self.door.open(call).boxed()
    }

    fn health(&self) -> Health {
        self.door.health()
    }

    fn revision(&self) -> u64 {
        self.door.revision()
    }

    fn session_ended(&self, session: &str) {
        self.door.session_ended(session);
    }

    fn told(&self, session: &str, notification: &Notification) {
        self.door.told(session, notification);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.shut().boxed()
    }
}

/// A program does not change its protocol while it runs, and one that ends is asked again. So this is for programs that are
/// replaced on disk and started anew for each session.
const BELIEVED: Duration = Duration::from_secs(24 * 3600);

impl Transport for ChildTransport {
    type Connection = ChildConnection;

    const SILENCE_IS_LEGACY: bool = true;

    fn connect(&self) -> BoxFuture<'_, Result<ChildConnection, Fault>> {
        async { ChildConnection::start(&self.spec, &self.blame, &self.restart, &self.nursery) }.boxed()
    }

    fn believe_until(&self, _greeting: &Greeting) -> Instant {
        Instant::now() + BELIEVED
    }
}
