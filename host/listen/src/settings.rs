//! What a listener is told when it starts, and the generation of the house it serves.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use cardea_chain::{Chain, Directory};
use cardea_seal::Replica;
use tokio_util::sync::CancellationToken;

use crate::front::Front;
use crate::{Limits, Link, Resource};

/// What holds from the start of a listener to its end.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Names the gateway answers to: a host, or a host and port, or `*`. Loopback names are added on a loopback address,
    /// and the host of [`Settings::public_url`] always.
    pub hosts: Vec<String>,
    /// Web origins whose pages may call, such as `https://app.example`. The gateway's own origin always may.
    pub origins: Vec<String>,
    /// TLS; none serves plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How much of everything.
    pub limits: Limits,
    /// The URL under which clients know the gateway, up to the path of an endpoint, if a proxy stands before it.
    pub public_url: Option<String>,
    /// What can be read off the listener once it serves.
    pub gauges: Arc<Gauges>,
    /// Who seals the ids of sessions.
    pub replica: Arc<Replica>,
    /// The way to the replicas that share its key; none if there are no others.
    pub link: Option<Link>,
}

/// Numbers of a listener, as they are now.
#[derive(Debug, Default)]
pub struct Gauges(OnceLock<Weak<Front>>);

impl Gauges {
    /// Sessions that are open.
    pub fn sessions(&self) -> usize {
        self.0.get().and_then(Weak::upgrade).map_or(0, |front| front.sessions.count())
    }

    /// A listener begins to serve; of several with these gauges only the first is read.
    pub(crate) fn read(&self, front: &Arc<Front>) {
        let _ = self.0.set(Arc::downgrade(front));
    }
}

/// What a published manifest serves. Swapped whole; an exchange keeps the one it began with.
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// The stages.
    pub chain: Arc<Chain>,
    /// Who answers at which path. Paths match exactly, byte for byte.
    pub endpoints: HashMap<Arc<str>, Arc<dyn Directory>>,
    /// What clients without a token are told of them, where there is something to tell.
    pub resources: HashMap<Arc<str>, Resource>,
    /// Told when another generation has taken its place: what lasts longer than a call ends then, and begins anew under that one.
    pub retired: CancellationToken,
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation").field("number", &self.number).finish_non_exhaustive()
    }
}
