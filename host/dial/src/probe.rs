//! The first words with a server: which of the two protocols it speaks, and what it says of itself.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::Fault;
use cardea_message::{ErrorObject, Method, Pointer, Response, Version, compose, error, json, meta};
use tokio::time::timeout;

use crate::Protocol;
use crate::blame::Blame;
use crate::greeting::{Greeting, legacy_version};
use crate::introduction::Introduction;
use crate::mirror;
use crate::session::{Line, Session};
use crate::wire::{Connection, Failure, FailureKind, Headers, Transport};

/// How a server is first spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) protocol: Protocol,
    /// How long each first answer may take.
    pub(crate) start_timeout: Duration,
    /// How long silence is borne before it counts as not knowing `server/discover`.
    pub(crate) probe_timeout: Duration,
    pub(crate) trace_in_meta: bool,
    pub(crate) blame: Blame,
}

/// What the answer to `server/discover` proves.
enum Evidence {
    Modern(Box<Greeting>),
    Legacy,
}

type Spoken<T> = Result<Session<<T as Transport>::Connection>, Fault>;

impl Opening {
    /// Finds out what the server speaks and says the first words in it.
    pub(crate) async fn probe<T: Transport>(&self, transport: &T, whose: &Introduction) -> Spoken<T> {
        transport.ask_anew();
        match self.protocol {
            Protocol::Auto => self.find_out(transport, whose).await,
            Protocol::Modern => self.modern(transport).await,
            Protocol::Legacy => self.legacy(transport, whose).await,
        }
    }

    /// A session with a server known to be a legacy one, for the client it is introduced to.
    pub(crate) async fn legacy<T: Transport>(&self, transport: &T, whose: &Introduction) -> Spoken<T> {
        self.introduce(transport, self.connect(transport).await?, whose).await
    }

    /// A connection to a server known to be a modern one, with what it said of itself before.
    pub(crate) async fn known<T: Transport>(&self, transport: &T, greeting: &Greeting) -> Spoken<T> {
        Ok(self.session(self.connect(transport).await?, greeting.clone()))
    }

    async fn modern<T: Transport>(&self, transport: &T) -> Spoken<T> {
        let line = self.connect(transport).await?;
        let answer = self.within("server/discover", discover(Arc::clone(&line), self.blame.clone())).await?;
        match self.judge(answer.map_err(|failure| failure.fault)?)? {
            Evidence::Modern(greeting) => Ok(self.session(line, *greeting)),
            Evidence::Legacy => {
                Err(self.blame.bad_reply("`protocol = \"modern\"`, but it does not know server/discover"))
            }
        }
    }

    async fn find_out<T: Transport>(&self, transport: &T, whose: &Introduction) -> Spoken<T> {
        let line = self.connect(transport).await?;
        let mut discovery = Box::pin(discover(Arc::clone(&line), self.blame.clone()));
        let patience = if T::SILENCE_IS_LEGACY { self.probe_timeout } else { self.start_timeout };
        let answer = match timeout(patience, &mut discovery).await {
            Ok(answer) => answer,
            Err(_) if T::SILENCE_IS_LEGACY => return self.after_silence(transport, line, discovery, whose).await,
            Err(_) => return Err(self.blame.silent("server/discover")),
        };
        drop(discovery);
        match answer {
            Ok(response) => match self.judge(response)? {
                Evidence::Modern(greeting) => Ok(self.session(line, *greeting)),
                Evidence::Legacy => self.introduce(transport, line, whose).await,
            },
            Err(Failure { kind: FailureKind::Rejected | FailureKind::SessionUnknown, .. }) => {
                self.introduce(transport, line, whose).await
            }
            // Some old servers end at the first word that is not `initialize`.
            Err(Failure { kind: FailureKind::Gone, .. }) if T::SILENCE_IS_LEGACY => self.legacy(transport, whose).await,
            Err(failure) => Err(failure.fault),
        }
    }

    /// A silent server is an old one that passes over what it does not know, or one that is still starting. Both get
    /// `initialize`; whichever they answer tells them apart.
    async fn after_silence<T: Transport>(
        &self,
        transport: &T,
        line: Arc<Line<T::Connection>>,
        mut discovery: impl Future<Output = Result<Response, Failure>> + Unpin,
        whose: &Introduction,
    ) -> Spoken<T> {
        let mut initialized = Box::pin(self.introduce(transport, line, whose));
        let discovered = tokio::select! {
            session = &mut initialized => return session,
            answer = &mut discovery => answer,
        };
        match discovered.map(|response| self.judge(response)) {
            Ok(Ok(Evidence::Modern(greeting))) => {
                // A server of both eras may have been bound to the old one by `initialize`: it gets a fresh start.
                drop(initialized);
                self.known(transport, &greeting).await
            }
            _ => initialized.await,
        }
    }

    /// `initialize`, on the way servers were reached before where the present one does not lead to this one.
    async fn introduce<T: Transport>(
        &self,
        transport: &T,
        line: Arc<Line<T::Connection>>,
        whose: &Introduction,
    ) -> Spoken<T> {
        let failure = match self.initialize(line, whose).await {
            Ok(session) => return Ok(session),
            Err(failure) => failure,
        };
        let older = if failure.kind == FailureKind::Rejected { transport.connect_older() } else { None };
        let Some(older) = older else { return Err(failure.fault) };
        let connection = older.await.map_err(|fault| {
            let (new, old) = (&failure.fault.inside, &fault.inside);
            self.blame.bad_reply(format!("neither streamable HTTP ({new}) nor HTTP+SSE ({old})"))
        })?;
        self.initialize(Arc::new(Line::new(connection)), whose).await.map_err(|failure| failure.fault)
    }

    async fn initialize<C: Connection>(&self, line: Arc<Line<C>>, whose: &Introduction) -> Result<Session<C>, Failure> {
        let version = Version::LATEST_LEGACY.as_str();
        let ours = format!(r#"{{"name":"cardea","version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
        let capabilities = String::from_utf8_lossy(whose.as_json());
        let params = format!(r#"{{"protocolVersion":"{version}","capabilities":{capabilities},"clientInfo":{ours}}}"#);
        let asked = line.request(Method::INITIALIZE, Some(params.as_bytes()), Headers::new(), &self.blame);
        let other = |fault| FailureKind::Other.with(fault);
        let response = self.within("initialize", asked).await.map_err(other)??;
        let Some(result) = response.result() else {
            let error = response.error().unwrap_or_default();
            return Err(other(self.blame.bad_reply(format!("initialize was refused: {}", shown(&error)))));
        };
        let Some((greeting, version)) = Greeting::of_initialize(&result) else {
            let told = format!("the result of initialize is not usable: {}", shown(&result));
            return Err(other(self.blame.bad_reply(told)));
        };
        line.connection.settle(version);
        let initialized = compose::notification(Method::INITIALIZED.as_str(), None);
        let told = self.within("notifications/initialized", line.connection.tell(initialized)).await;
        told.and_then(|told| told).map_err(other)?;
        if !whose.is_nobody() {
            line.connection.listen().await;
        }
        let mut session = self.session(line, greeting);
        session.introduced = whose.clone();
        Ok(session)
    }

    fn judge(&self, response: Response) -> Result<Evidence, Fault> {
        if let Some(result) = response.result() {
            let Some(greeting) = Greeting::of_discover(&result) else { return Ok(Evidence::Legacy) };
            return self.by_versions(&versions(&result, "/supportedVersions"), greeting);
        }
        let error = response.error().and_then(|error| ErrorObject::parse(&error).ok());
        let Some(greeting) = Greeting::none_given() else { return Ok(Evidence::Legacy) };
        match error {
            Some(error) if error.code == error::UNSUPPORTED_VERSION => {
                let data = error.data.map(|data| data.get().to_owned()).unwrap_or_default();
                self.by_versions(&versions(data.as_bytes(), "/supported"), greeting)
            }
            Some(ErrorObject { code: error::HEADER_MISMATCH | error::MISSING_CAPABILITY, .. }) => {
                Ok(Evidence::Modern(Box::new(greeting)))
            }
            _ => Ok(Evidence::Legacy),
        }
    }

    fn by_versions(&self, named: &[String], greeting: Greeting) -> Result<Evidence, Fault> {
        if named.is_empty() || named.iter().any(|version| version == Version::LATEST.as_str()) {
            return Ok(Evidence::Modern(Box::new(greeting)));
        }
        if named.iter().any(|version| legacy_version(version).is_some()) {
            return Ok(Evidence::Legacy);
        }
        Err(self.blame.bad_reply(format!("it speaks only {}, which the gateway does not", named.join(", "))))
    }

    async fn connect<T: Transport>(&self, transport: &T) -> Result<Arc<Line<T::Connection>>, Fault> {
        transport.connect().await.map(|connection| Arc::new(Line::new(connection)))
    }

    fn session<C: Connection>(&self, line: Arc<Line<C>>, greeting: Greeting) -> Session<C> {
        Session::new(line, greeting, self.trace_in_meta, &self.blame)
    }

    async fn within<F: Future>(&self, what: &str, work: F) -> Result<F::Output, Fault> {
        timeout(self.start_timeout, work).await.map_err(|_| self.blame.silent(what))
    }
}

async fn discover<C: Connection>(line: Arc<Line<C>>, blame: Blame) -> Result<Response, Failure> {
    let params: Bytes = serde_json::json!({ "_meta": {
        meta::PROTOCOL_VERSION: Version::LATEST.as_str(),
        meta::CLIENT_CAPABILITIES: {},
        meta::CLIENT_INFO: { "name": "cardea", "version": env!("CARGO_PKG_VERSION") },
    }})
    .to_string()
    .into();
    let headers = mirror::headers(&Method::SERVER_DISCOVER, Some(&params));
    line.request(Method::SERVER_DISCOVER, Some(&params), headers, &blame).await
}

fn versions(text: &[u8], path: &str) -> Vec<String> {
    let array = Pointer::parse(path).ok().and_then(|pointer| json::find(text, &pointer));
    array.and_then(|span| serde_json::from_slice(&text[span]).ok()).unwrap_or_default()
}

/// The beginning of a text, for the log.
fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(300)]).escape_debug().to_string()
}
