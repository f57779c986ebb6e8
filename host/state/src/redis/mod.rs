//! State that gateways share, in Redis or what speaks like it (Valkey).
//!
//! Every change is one script, so it is atomic for all gateways, and goes by the clock of the server. A request that cannot be
//! answered fails after `patience`, and at once while the breaker is open ([`link`]); nothing is retried, since a script that
//! was sent may have run.

mod keys;
mod limits;
mod link;
mod slots;
mod values;

use std::sync::Arc;
use std::time::Duration;

use redis::{Client, Script};

use keys::Names;
use link::Link;
use slots::{Held, Slot};

/// Where the state is shared, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address, which may hold a password: `redis://`, `rediss://` (TLS) or `unix://`.
    pub address: String,
    /// What every key begins with: gateways with the same prefix share.
    pub prefix: String,
    /// Longest wait for an answer.
    pub patience: Duration,
    /// What a namespace may hold, beside its quota.
    pub bounds: crate::Bounds,
}

/// State in Redis.
pub struct Redis(Arc<Backing>);

struct Backing {
    link: Link,
    prefix: String,
    bounds: crate::Bounds,
    held: Arc<Held>,
    limits: Script,
    slots: Script,
    values: Script,
}

/// Why an address is none of a Redis. It does not repeat the address, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no address of a Redis: {0}; write it like \"redis://localhost:6379/0\", or \"rediss://…\" for TLS")]
pub struct WrongAddress(String);

impl Redis {
    /// Whether an address can be used.
    pub fn check(address: &str) -> Result<(), WrongAddress> {
        client(address).map(drop)
    }

    /// Connects, and reconnects for as long as this lives. A Redis that is down is no error: it may come back.
    pub async fn open(settings: Settings) -> Result<Self, WrongAddress> {
        let client = client(&settings.address)?;
        let Settings { prefix, patience, bounds, .. } = settings;
        let link = Link::open(client, patience, format!("{prefix}:proof")).await;
        let (held, released) = Held::new();
        let backing = Arc::new(Backing {
            link,
            prefix,
            bounds,
            held,
            limits: Script::new(include_str!("limits.lua")),
            slots: Script::new(include_str!("slots.lua")),
            values: Script::new(include_str!("values.lua")),
        });
        tokio::spawn(slots::tend(Arc::downgrade(&backing), released));
        Ok(Self(backing))
    }
}

impl Backing {
    fn names(&self, space: &str) -> Names {
        Names::new(&self.prefix, space)
    }

    /// Says something of a slot. If it is not heard, the slot comes free when it is not renewed.
    async fn tell_slot(&self, verb: &str, slot: &Slot) {
        let told = self.link.ask(async |mut connection| {
            let mut script = self.slots.prepare_invoke();
            script.key(&slot.holders).key(&slot.count).arg(verb).arg(&slot.holder);
            script.arg(slots::HELD.as_millis() as u64).invoke_async::<()>(&mut connection).await
        });
        if let Err(fault) = told.await {
            tracing::debug!("cannot {verb} a concurrent slot: {fault}");
        }
    }
}

fn client(address: &str) -> Result<Client, WrongAddress> {
    Client::open(address).map_err(|error| WrongAddress(error.to_string()))
}
