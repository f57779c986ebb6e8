//! What the manifest says about one address of a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cardea_seal::Replica;
use http::{HeaderMap, Uri};

/// A server behind a URL.
#[derive(Clone, Debug)]
pub struct HttpSpec {
    /// Its name in the manifest.
    pub server: Arc<str>,
    /// Where it listens.
    pub url: Uri,
    /// Headers of every request. Secret values are marked [sensitive](http::HeaderValue::set_sensitive).
    pub headers: HeaderMap,
    /// Who shares a session with it.
    pub session: SessionPolicy,
    /// Which protocol it speaks.
    pub protocol: Protocol,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long the first exchange of messages may take: the probe of its era, and `initialize`.
    pub start_timeout: Duration,
    /// How long a session may lie unused.
    pub idle_timeout: Duration,
    /// How many sessions may be open at once.
    pub max_sessions: usize,
    /// The largest message taken from it.
    pub max_message_bytes: usize,
    /// Who seals the states of calls that wait for an answer.
    pub replica: Arc<Replica>,
}

/// A server that is a program, talked to over its standard input and output.
#[derive(Clone, Debug)]
pub struct ChildSpec {
    /// Its name in the manifest.
    pub server: Arc<str>,
    /// The program: a path, or a name to look for in the `PATH` of [`env`](Self::env).
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its working directory; the gateway's own if none.
    pub cwd: Option<PathBuf>,
    /// Its whole environment: nothing is inherited, so that the gateway's secrets stay with the gateway.
    pub env: Vec<(String, String)>,
    /// Who shares a process.
    pub session: SessionPolicy,
    /// Which protocol it speaks.
    pub protocol: Protocol,
    /// How many processes may run at once.
    pub max_children: usize,
    /// How long a process may lie unused.
    pub idle_timeout: Duration,
    /// How long a process may take until it has answered its first message.
    pub start_timeout: Duration,
    /// How long the probe of its era waits before the server is taken for one that passes over what it does not know.
    pub probe_timeout: Duration,
    /// The largest message taken from it.
    pub max_message_bytes: usize,
    /// Who seals the states of calls that wait for an answer.
    pub replica: Arc<Replica>,
}

/// Who shares a session with a legacy server. A modern server has none: all share one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SessionPolicy {
    /// Every session of a client has its own; clients without sessions share by identity and capabilities.
    #[default]
    Client,
    /// All clients of one subject share one.
    Subject,
    /// Everybody shares one.
    Shared,
    /// Every call has its own.
    Call,
}

/// Which protocol a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Ask it.
    #[default]
    Auto,
    /// 2026-07-28.
    Modern,
    /// 2025-11-25 and earlier.
    Legacy,
}

impl HttpSpec {
    /// A server at a URL, all else at its default.
    pub fn new(server: impl Into<Arc<str>>, url: Uri) -> Self {
        Self {
            server: server.into(),
            url,
            headers: HeaderMap::new(),
            session: SessionPolicy::default(),
            protocol: Protocol::default(),
            connect_timeout: Duration::from_secs(10),
            start_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            max_sessions: 1024,
            max_message_bytes: MAX_MESSAGE_BYTES,
            replica: Arc::default(),
        }
    }
}

impl ChildSpec {
    /// A server that is a program, all else at its default.
    pub fn new(server: impl Into<Arc<str>>, command: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            command: command.into(),
            args: Vec::new(),
            cwd: None,
            env: Vec::new(),
            session: SessionPolicy::default(),
            protocol: Protocol::default(),
            max_children: 32,
            idle_timeout: Duration::from_secs(600),
            start_timeout: Duration::from_secs(60),
            probe_timeout: Duration::from_secs(5),
            max_message_bytes: MAX_MESSAGE_BYTES,
            replica: Arc::default(),
        }
    }
}

/// 16 MiB, as the SDKs have it.
const MAX_MESSAGE_BYTES: usize = 16 << 20;
