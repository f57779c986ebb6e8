//! Faults of one server, with its manifest name outside and everything else inside.

use std::fmt::Display;
use std::sync::Arc;

use cardea_chain::{Fault, FaultKind, Side};

/// Words the faults of one server.
#[derive(Clone, Debug)]
pub(crate) struct Blame {
    server: Arc<str>,
}

impl Blame {
    pub(crate) fn new(server: &Arc<str>) -> Self {
        Self { server: Arc::clone(server) }
    }

    /// The server's name in the manifest.
    pub(crate) fn server(&self) -> &Arc<str> {
        &self.server
    }

    /// It cannot be reached, or went away.
    pub(crate) fn unreachable(&self, inside: impl Display) -> Fault {
        self.fault(FaultKind::Unreachable, "cannot be reached", inside)
    }

    /// What it says is not MCP.
    pub(crate) fn bad_reply(&self, inside: impl Display) -> Fault {
        self.fault(FaultKind::BadReply, "did not answer as an MCP server does", inside)
    }

    /// It wants credentials the gateway does not have.
    pub(crate) fn refused_us(&self, inside: impl Display) -> Fault {
        self.fault(FaultKind::ServerAuth, "does not let the gateway in", inside)
    }

    /// It has too much to do, or the house has opened all it may towards it.
    pub(crate) fn overloaded(&self, side: Side, inside: impl Display) -> Fault {
        Fault { side, ..self.fault(FaultKind::Overloaded, "takes no more calls at the moment", inside) }
    }

    /// It said more than the house takes.
    pub(crate) fn too_large(&self, limit: usize) -> Fault {
        let inside = format!("a message is larger than the {limit} bytes of `max-message-bytes`");
        self.fault(FaultKind::TooLarge, "answered with a message larger than the gateway takes", inside)
    }

    /// It did not answer its first message in time.
    pub(crate) fn silent(&self, what: &str) -> Fault {
        self.fault(FaultKind::Deadline, "did not answer in time", format!("no answer to {what}"))
    }

    /// It wants to ask a legacy client something that client never said it can answer.
    pub(crate) fn cannot_ask(&self) -> Fault {
        self.fault(
            FaultKind::BadReply,
            "asks for input that this client did not declare it can give",
            "the result is `input_required`, and the client cannot be asked that",
        )
    }

    /// It asked the client something, and got no answer.
    pub(crate) fn unanswered(&self) -> Fault {
        let what = "needs an answer that the client did not give";
        let inside = "the client answered an ask with an error, or left";
        Fault { side: Side::Client, ..self.fault(FaultKind::InvalidParams, what, inside) }
    }

    /// A bug of ours.
    pub(crate) fn internal(&self, inside: impl Display) -> Fault {
        let inside = format!("{}: {inside}", self.server);
        Fault::new(Side::House, FaultKind::Internal, "The gateway failed", inside)
    }

    fn fault(&self, kind: FaultKind, what: &str, inside: impl Display) -> Fault {
        let server = &self.server;
        Fault::new(Side::Server, kind, format!("Server `{server}` {what}"), format!("{server}: {inside}"))
    }
}
