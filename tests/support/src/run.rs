//! Runs a case: every step against the real binary, in a folder of its own.

mod judge;
mod place;

use std::process::Stdio;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::case::{self, Action, Case, Content, Form, Message, Step, Stream};
use crate::expect::{Strictness, differences};
use crate::gateway::{self, MANIFEST};
use crate::variables::Variables;
use crate::{DEADLINE, Gateway, Lines, Outcome, Programs, Reply, Request, until};
use place::Place;

/// Why a case failed, and where its file says so.
#[derive(Debug)]
pub struct Failure {
    /// Line, from 1.
    pub line: usize,
    /// What was expected and what came.
    pub what: String,
}

/// Runs a case from its first step to its last. Whatever it started has ended when this comes back.
pub async fn run(case: &Case, programs: &Programs) -> Result<(), Failure> {
    let first = |what| Failure { line: 1, what };
    let mut scene = Scene::new(programs).map_err(first)?;
    for Step { line, action } in &case.steps {
        scene.step(action).await.map_err(|what| Failure { line: *line, what: scene.with_log(what) })?;
    }
    let last = case.steps.last().map_or(1, |step| step.line);
    scene.stop().await.map_err(|what| Failure { line: last, what })
}

/// What a case has set up so far.
struct Scene<'p> {
    programs: &'p Programs,
    place: Place,
    variables: Variables,
    environment: Vec<(String, String)>,
    /// HTTP servers of the case; each ends when its standard input is closed.
    servers: Vec<Child>,
    gateway: Option<Gateway>,
    log: Option<Lines>,
    /// The last reply, with the id of the request it answers.
    reply: Option<(u64, Reply)>,
    begun: Option<(u64, JoinHandle<Outcome<Reply>>)>,
    output: Option<std::process::Output>,
    /// Requests sent so far: the last one's id.
    sent: u64,
    /// Everything clients were told.
    told: String,
}

impl<'p> Scene<'p> {
    fn new(programs: &'p Programs) -> Outcome<Self> {
        let place = Place::new()?;
        let mut variables = Variables::default();
        variables.set("folder", place.path().to_string_lossy());
        variables.set("guests", programs.guests().to_string_lossy());
        Ok(Self {
            programs,
            place,
            variables,
            environment: Vec::new(),
            servers: Vec::new(),
            gateway: None,
            log: None,
            reply: None,
            begun: None,
            output: None,
            sent: 0,
            told: String::new(),
        })
    }

    async fn step(&mut self, action: &Action) -> Outcome<()> {
        match action {
            Action::Proves => {}
            Action::Environment(variables) => self.environment.extend(variables.iter().cloned()),
            Action::File { name, content: Content::Text(text) } => {
                self.place.write(name, self.variables.fill(text)?.as_bytes())?;
            }
            Action::File { name, content: Content::Bytes(bytes) } => self.place.write(name, bytes)?,
            Action::FakeServer { name, arguments } => self.start_server(name, arguments).await?,
            Action::Manifest(text) => self.manifest(text).await?,
            Action::Cardea(arguments) => self.cardea(arguments).await?,
            Action::Exit(code) => self.exited(*code)?,
            Action::Output { stream, lines } => self.printed(*stream, lines)?,
            Action::Send(message) => {
                let (address, request) = self.request(message).await?;
                let reply = request.send(address).await?;
                self.keep(self.sent, reply);
            }
            Action::Begin(message) => {
                let (address, request) = self.request(message).await?;
                self.begun = Some((self.sent, tokio::spawn(request.send(address))));
            }
            Action::End => {
                let (id, begun) = self.begun.take().ok_or("nothing was begun")?;
                let reply = begun.await.map_err(|error| format!("the begun request failed: {error}"))??;
                self.keep(id, reply);
            }
            Action::HangUp => self.begun.take().ok_or("nothing was begun")?.1.abort(),
            Action::Session { target, version, headers } => self.session(target, version, headers).await?,
            Action::Expect(expected) => {
                let (id, reply) = self.reply.as_ref().ok_or("there is no reply")?;
                judge::reply(expected, reply, *id, &mut self.variables)?;
            }
            Action::AwaitFile { name, lines } => {
                let wanted = self.filled(lines)?;
                let what = format!("{name} with {wanted:?}");
                let look =
                    || self.place.read(name).filter(|text| wanted.iter().all(|line| text.contains(line.as_str())));
                until(&what, || look().map(drop)).await?;
            }
            Action::Stop => self.gateway.as_mut().ok_or("the gateway does not run")?.terminate()?,
            Action::Journal(records) => self.journal(records).await?,
            Action::Log(lines) => self.logged(lines).await?,
            Action::Nowhere(words) => self.nowhere(words).await?,
        }
        Ok(())
    }

    /// The first manifest is written, and served once something is sent; a later one is put in its place and taken in.
    async fn manifest(&mut self, text: &str) -> Outcome<()> {
        let text = self.variables.fill(text)?;
        match &self.gateway {
            Some(gateway) => gateway.change_manifest(&text).await.map(drop),
            None => self.place.write(MANIFEST, text.as_bytes()),
        }
    }

    async fn start_server(&mut self, name: &str, arguments: &[String]) -> Outcome<()> {
        let mut command = Command::new(self.programs.fake_server());
        // Not in the case's folder: what still runs there in the end is the gateway's doing.
        command.arg("--http").args(self.filled(arguments)?).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("cannot start the server: {error}"))?;
        let mut url = String::new();
        let said = child.stdout.take().ok_or("the server has no output")?;
        let read = timeout(DEADLINE, BufReader::new(said).read_line(&mut url)).await;
        if !matches!(read, Ok(Ok(length)) if length > 0) {
            return Err("the server did not say its URL".to_owned());
        }
        self.variables.set(name, url.trim());
        self.servers.push(child);
        Ok(())
    }

    async fn cardea(&mut self, arguments: &[String]) -> Outcome<()> {
        gateway::keep_code(self.programs, self.place.path())?;
        let mut command = Command::new(&self.programs.cardea);
        command.args(self.filled(arguments)?).current_dir(self.place.path()).env("PATH", self.programs.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output =
            timeout(DEADLINE, command.output()).await.map_err(|_| format!("it did not end within {DEADLINE:?}"))?;
        self.output = Some(output.map_err(|error| format!("cannot be run: {error}"))?);
        Ok(())
    }

    fn exited(&self, code: i32) -> Outcome<()> {
        let output = self.output.as_ref().ok_or("nothing was run")?;
        if output.status.code() == Some(code) {
            return Ok(());
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Err(format!(
            "it ended with {}\nstdout:\n{}\nstderr:\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        ))
    }

    fn printed(&self, stream: Stream, lines: &[String]) -> Outcome<()> {
        let output = self.output.as_ref().ok_or("nothing was run")?;
        let bytes = match stream {
            Stream::Out => &output.stdout,
            Stream::Err => &output.stderr,
        };
        judge::in_order(&self.filled(lines)?, &String::from_utf8_lossy(bytes))
    }

    /// Opens a legacy session: `initialize`, then `notifications/initialized`.
    async fn session(&mut self, target: &str, version: &str, headers: &[(String, String)]) -> Outcome<()> {
        let address = self.serving().await?.address();
        let headers = self.filled_pairs(headers)?;
        let greeting =
            json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "case", "version": "1" } });
        let id = self.next_id();
        let request = case::legacy(target, "initialize", &id, &case::members(&greeting.to_string())?, None);
        let reply = case::overridden(request, &headers).send(address).await?;
        let session = reply.headers.get("mcp-session-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let Some(session) = session.filter(|_| reply.status == 200) else {
            return Err(format!("no session was opened:\n{}", judge::shown(&reply)));
        };
        let request =
            case::legacy(target, "notifications/initialized", "0", &case::members("")?, Some((&session, version)));
        let told = case::overridden(request, &headers).send(address).await?;
        self.variables.set("session", session);
        self.variables.set("session-version", version);
        if told.status == 202 { Ok(()) } else { Err(format!("expected 202, got:\n{}", judge::shown(&told))) }
    }

    async fn request(&mut self, message: &Message) -> Outcome<(std::net::SocketAddr, Request)> {
        let gateway = self.serving().await?;
        let (address, admin) = (gateway.address(), gateway.admin());
        let (body, headers) = (self.variables.fill(&message.body)?, self.filled_pairs(&message.headers)?);
        let session = self.variables.value("session").map(str::to_owned);
        let version = self.variables.value("session-version").unwrap_or("2025-11-25").to_owned();
        let request = match &message.form {
            Form::Admin { method, target } => {
                let request = Request { method: method.clone(), target: target.clone(), headers, body: body.into() };
                return Ok((admin?, request));
            }
            Form::Raw { method, target } => {
                self.next_id();
                Request { method: method.clone(), target: self.variables.fill(target)?, headers, body: body.into() }
            }
            Form::Modern { method, target } => {
                let id = self.next_id();
                case::overridden(case::modern(target, method, &id, &case::modern_params(&body)?), &headers)
            }
            Form::Legacy { method, target } => {
                let id = if method.starts_with("notifications/") { self.sent.to_string() } else { self.next_id() };
                let session = session.as_deref().map(|session| (session, version.as_str()));
                case::overridden(case::legacy(target, method, &id, &case::members(&body)?, session), &headers)
            }
        };
        Ok((address, request))
    }

    /// The gateway, started now if it was not.
    async fn serving(&mut self) -> Outcome<&Gateway> {
        if self.gateway.is_none() {
            let manifest = self.place.read(MANIFEST).ok_or("there is no manifest to serve")?;
            let gateway = Gateway::start(self.programs, self.place.path(), &manifest, &self.environment).await?;
            self.variables.set("address", gateway.address().to_string());
            self.variables.set("port", gateway.address().port().to_string());
            self.log = Some(gateway.log().clone());
            self.gateway = Some(gateway);
        }
        self.gateway.as_ref().ok_or_else(|| "the gateway does not run".to_owned())
    }

    async fn stop(&mut self) -> Outcome<()> {
        match self.gateway.take() {
            Some(gateway) => gateway.stop().await,
            None => Ok(()),
        }
    }

    /// The journal must hold these records and no others, in this order; each may say more than is expected of it.
    async fn journal(&mut self, records: &str) -> Outcome<()> {
        self.stop().await?;
        let expected = judge::documents(&self.variables.fill(records)?)?;
        let text = self.place.read(".cardea/journal/00000000000000000000.jsonl").unwrap_or_default();
        let written: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let found = differences(&expected.into(), &written.into(), Strictness::Subset, &mut self.variables);
        if found.is_empty() {
            Ok(())
        } else {
            Err(format!("the journal differs\n  {}\ngot:\n{text}", found.join("\n  ")))
        }
    }

    async fn logged(&self, lines: &[String]) -> Outcome<()> {
        let log = self.log.as_ref().ok_or("the gateway did not run")?;
        for wanted in self.filled(lines)? {
            log.find(&format!("`{wanted}` in the log"), 0, |line| line.contains(&wanted).then_some(())).await?;
        }
        Ok(())
    }

    /// Words that must stand in no file of the data directory, no line of the log and no reply.
    async fn nowhere(&mut self, words: &[String]) -> Outcome<()> {
        self.stop().await?;
        let log = self.log.as_ref().map(Lines::text).unwrap_or_default();
        for word in &self.filled(words)? {
            let mut found = self.place.files_with(".cardea", word)?;
            found.extend(log.contains(word.as_str()).then(|| "the log".to_owned()));
            found.extend(self.told.contains(word.as_str()).then(|| "a reply".to_owned()));
            if !found.is_empty() {
                return Err(format!("`{word}` stands in {}", found.join(", ")));
            }
        }
        Ok(())
    }

    fn keep(&mut self, id: u64, reply: Reply) {
        self.told.push_str(&judge::shown(&reply));
        self.reply = Some((id, reply));
    }

    fn next_id(&mut self) -> String {
        self.sent += 1;
        self.variables.set("id", self.sent.to_string());
        self.sent.to_string()
    }

    fn filled(&self, texts: &[String]) -> Outcome<Vec<String>> {
        texts.iter().map(|text| self.variables.fill(text)).collect()
    }

    fn filled_pairs(&self, pairs: &[(String, String)]) -> Outcome<Vec<(String, String)>> {
        pairs.iter().map(|(name, value)| Ok((name.clone(), self.variables.fill(value)?))).collect()
    }

    /// What the gateway said of itself is half of the answer to what went wrong.
    fn with_log(&self, what: String) -> String {
        match &self.log {
            Some(log) if !what.contains(&log.text()) => {
                format!("{what}\nthe gateway logged:\n{}", readable(&log.text()))
            }
            _ => what,
        }
    }
}

/// JSON lines of a log with what a reader looks for first.
fn readable(log: &str) -> String {
    let line = |line: &str| match serde_json::from_str::<Map<String, Value>>(line) {
        Ok(mut fields) => {
            let mut word =
                |key: &str| fields.remove(key).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
            let (level, message) = (word("level"), word("message"));
            fields.remove("timestamp");
            format!("  {level} {message} {}", Value::Object(fields))
        }
        Err(_) => format!("  {line}"),
    };
    log.lines().map(line).collect::<Vec<_>>().join("\n")
}
