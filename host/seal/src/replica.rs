//! One of several gateways, and the tickets by which clients find back to it.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use crate::{Fields, Malformed, Sealer, Unsealed};

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A session of a legacy client: its `Mcp-Session-Id`.
    Session,
    /// A call that waits for its client's answer: its `requestState`.
    ParkedCall,
    /// A request that one gateway hands to another.
    Handover,
}

/// What leads a client back to what a gateway keeps for it, and to nobody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Under what it is kept.
    pub place: String,
    /// The gateway that keeps it, by the address the others reach it at; empty if there are no others.
    pub owner: String,
    /// A digest of everything the ticket is only good for.
    pub bound_to: Binding,
    /// When it ends, in milliseconds since the epoch.
    pub expires_ms: u64,
}

/// A digest of facts, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding([u8; SHA256_OUTPUT_LEN]);

/// This gateway among those that share its key.
#[derive(Debug)]
pub struct Replica {
    sealer: Sealer,
    address: String,
}

/// Why a ticket is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTicket {
    /// It does not open.
    #[error(transparent)]
    Unsealed(#[from] Unsealed),
    /// It opens, and was written by another version.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its time is over.
    #[error("its time is over")]
    Expired,
}

impl Replica {
    /// A gateway that others reach at `address`.
    pub fn new(sealer: Sealer, address: impl Into<String>) -> Self {
        Self { sealer, address: address.into() }
    }

    /// The address; empty if there are no others.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A ticket for what is kept here.
    pub fn ticket(&self, place: impl Into<String>, bound_to: Binding, expires_ms: u64) -> Ticket {
        Ticket { place: place.into(), owner: self.address.clone(), bound_to, expires_ms }
    }

    /// Seals a ticket. What comes out may stand in a header.
    pub fn seal(&self, purpose: Purpose, ticket: &Ticket) -> String {
        let facts = Fields::join(&[
            ticket.place.as_bytes(),
            ticket.owner.as_bytes(),
            &ticket.bound_to.0,
            &ticket.expires_ms.to_be_bytes(),
        ]);
        self.sealer.seal(purpose.as_str(), &facts)
    }

    /// Opens a ticket that has not expired. Whether it is good for whoever shows it, its binding says.
    pub fn open(&self, purpose: Purpose, sealed: &str) -> Result<Ticket, NoTicket> {
        let facts = self.sealer.open(purpose.as_str(), sealed)?;
        let mut fields = Fields::of(&facts);
        let (place, owner) = (fields.text()?.to_owned(), fields.text()?.to_owned());
        let bound_to = Binding(fields.bytes()?.try_into().map_err(|_| Malformed)?);
        let expires_ms = fields.number()?;
        fields.end()?;
        if expires_ms <= now_ms() {
            return Err(NoTicket::Expired);
        }
        Ok(Ticket { place, owner, bound_to, expires_ms })
    }

    /// The owner of a ticket, if that is another gateway.
    pub fn elsewhere(&self, purpose: Purpose, sealed: &str) -> Option<Ticket> {
        self.open(purpose, sealed).ok().filter(|ticket| ticket.owner != self.address && !ticket.owner.is_empty())
    }
}

impl Default for Replica {
    /// A gateway on its own, with a key on its own.
    fn default() -> Self {
        Self::new(Sealer::of_this_process(), "")
    }
}

impl Binding {
    /// Binds to facts.
    pub fn to(facts: &[&[u8]]) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, &Fields::join(facts)).as_ref());
        Self(bytes)
    }
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::ParkedCall => "parked call",
            Self::Handover => "handover",
        }
    }
}

/// Milliseconds since the epoch.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
