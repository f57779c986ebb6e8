//! The imports that need no grant, but for the two documents.

/// What the client presented.
#[allow(missing_docs, reason = "documented in wit/credential.wit")]
pub mod credential {
    pub use crate::bindings::base::cardea::plugin::credential::Peer;

    use super::super::super::case::Run;
    use super::super::super::given::{GivenCredential, OneOrMany};
    use super::super::super::world::with;

    fn read<R: Default>(act: impl FnOnce(&GivenCredential) -> R) -> R {
        with(|world| {
            if world.in_hook && world.run == Run::OnAuthenticate { act(&world.given.credential) } else { R::default() }
        })
    }

    pub fn header(name: &str) -> Vec<String> {
        read(|credential| credential.headers.get(&name.to_ascii_lowercase()).map(OneOrMany::to_vec).unwrap_or_default())
    }

    pub fn http_method() -> String {
        read(|credential| credential.method.clone())
    }

    pub fn uri() -> String {
        read(|credential| credential.uri.clone())
    }

    pub fn endpoint() -> String {
        read(|credential| credential.endpoint.clone())
    }

    pub fn tls_peer() -> Option<Peer> {
        let peer = |credential: &GivenCredential| {
            let peer = credential.tls_peer.as_ref()?;
            Some(Peer { digest: peer.digest.clone(), names: peer.names.clone(), ext_json: None })
        };
        read(peer)
    }
}

/// Who calls.
#[allow(missing_docs, reason = "documented in wit/subject.wit")]
pub mod subject {
    use super::super::super::case::Json;
    use super::super::super::document::Document;
    use super::super::super::given::GivenSubject;
    use super::super::super::world::with;
    use crate::Subject;

    fn read<R: Default>(act: impl FnOnce(&GivenSubject) -> R) -> R {
        with(|world| world.given.subject.as_ref().filter(|_| world.has_call()).map(act).unwrap_or_default())
    }

    pub fn current() -> Option<Subject> {
        read(|subject| Some(subject.into()))
    }

    pub fn id() -> String {
        read(|subject| subject.id.clone())
    }

    pub fn tenant() -> String {
        read(|subject| subject.tenant.clone())
    }

    pub fn key() -> String {
        with(|world| if world.has_call() { world.subject_key() } else { String::new() })
    }

    pub fn roles() -> Vec<String> {
        read(|subject| subject.roles.clone())
    }

    pub fn groups() -> Vec<String> {
        read(|subject| subject.groups.clone())
    }

    pub fn scopes() -> Vec<String> {
        read(|subject| subject.scopes.clone())
    }

    pub fn claim(pointer: &str) -> Option<String> {
        read(|subject| {
            let Json(claims) = subject.claims.as_ref()?;
            Document::parse(claims).ok()?.at(pointer).map(ToString::to_string)
        })
    }
}

/// Notes that live as long as the call.
#[allow(missing_docs, reason = "documented in wit/scratch.wit")]
pub mod scratch {
    use super::super::super::world::with;
    use crate::HostError;

    pub fn get(plugin: &str, key: &str) -> Option<Vec<u8>> {
        with(|world| {
            let own = world.scratch.get(key).filter(|_| plugin == world.plugin);
            let earlier = || world.given.scratch.get(plugin)?.get(key).map(|text| text.clone().into_bytes());
            own.cloned().or_else(earlier)
        })
    }

    pub fn put(key: &str, value: &[u8]) -> Result<(), HostError> {
        with(|world| {
            if !world.has_call() {
                return Err(HostError::Denied("there is no call to leave notes in".to_owned()));
            }
            world.scratch.insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }
}

/// Conditions under which a call may pass. The gateway checks the parameters of its own kinds; here they are taken as they are.
#[allow(missing_docs, reason = "documented in wit/obligation.wit")]
pub mod obligation {
    pub use crate::bindings::base::cardea::plugin::obligation::Duty;

    use super::super::super::case::Run;
    use super::super::super::world::{World, with};
    use crate::HostError;

    /// Kinds that the gateway itself fulfils.
    const OF_HOUSE: [&str; 3] = ["mask", "remove", "reason"];

    pub fn add(kind: &str, json: &str) -> Result<u32, HostError> {
        with(|world| {
            if world.run != Run::OnCall || !world.in_hook || world.role != "rights" {
                return Err(HostError::Denied("conditions are set by the role `rights`, in `on-call`".to_owned()));
            }
            let id = world.given.obligations.len() + world.conditions.len();
            world.conditions.push((kind.to_owned(), json.to_owned()));
            Ok(id as u32)
        })
    }

    pub fn pending() -> Vec<Duty> {
        with(|world| if world.has_call() { open(world) } else { Vec::new() })
    }

    fn open(world: &World) -> Vec<Duty> {
        let given = world.given.obligations.iter().map(|duty| (duty.kind.clone(), duty.json.0.clone()));
        let all = (0..).zip(given.chain(world.conditions.iter().cloned()));
        all.filter(|(id, _)| !world.fulfilled.contains(id)).map(|(id, (kind, json))| Duty { id, kind, json }).collect()
    }

    pub fn fulfil(id: u32) -> Result<(), HostError> {
        with(|world| {
            if !world.in_hook || !matches!(world.run, Run::OnCall | Run::OnReply) {
                return Err(HostError::Denied("conditions are fulfilled in `on-call` and `on-reply`".to_owned()));
            }
            let given = world.given.obligations.get(id as usize).filter(|_| !world.fulfilled.contains(&id));
            let duty = given.ok_or(HostError::NotFound)?;
            if OF_HOUSE.contains(&duty.kind.as_str()) {
                let kind = &duty.kind;
                return Err(HostError::Denied(format!("the gateway itself fulfils `{kind}`, and nobody can for it")));
            }
            world.fulfilled.push(id);
            Ok(())
        })
    }
}

/// The stage's configuration.
#[allow(missing_docs, reason = "documented in wit/config.wit")]
pub mod config {
    use super::super::super::document::Document;
    use super::super::super::world::with;

    pub fn json() -> String {
        with(|world| world.config.clone())
    }

    pub fn get(pointer: &str) -> Option<String> {
        Document::parse(&json()).ok()?.at(pointer).map(ToString::to_string)
    }

    pub fn generation() -> u64 {
        with(|world| world.given.generation.max(1))
    }
}

/// Definitions of what servers offer.
#[allow(missing_docs, reason = "documented in wit/catalog.wit")]
pub mod catalog {
    use super::super::super::document::Document;
    use super::super::super::world::with;
    use crate::ItemKind;

    pub fn get(kind: ItemKind, id: &str, pointer: &str) -> Option<String> {
        with(|world| {
            let item = world.given.items.iter().find(|item| item.kind == kind && item.id == id)?;
            let definition = Document::parse(&item.definition.as_ref()?.0).ok()?;
            definition.at(pointer).map(ToString::to_string)
        })
    }
}

/// Time for decisions.
#[allow(missing_docs, reason = "documented in wit/clock.wit")]
pub mod clock {
    use super::super::super::world::with;

    pub fn now_ms() -> u64 {
        with(|world| world.given.now_ms)
    }
}

/// The gateway's log.
#[allow(missing_docs, reason = "documented in wit/log.wit")]
pub mod log {
    pub use crate::bindings::base::cardea::plugin::log::Level;

    use super::super::super::world::with;

    pub fn write(level: Level, message: &str, fields: &[(String, String)]) {
        let level = match level {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let fields: String = fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        with(|world| world.logs.push(format!("{level} {message}{fields}")));
    }
}

/// Numbers for the operator.
#[allow(missing_docs, reason = "documented in wit/metric.wit")]
pub mod metric {
    use super::super::super::world::with;

    #[allow(clippy::cast_precision_loss, reason = "a case counts no further than 2^53")]
    pub fn count(name: &str, by: u64) {
        observe(name, by as f64);
    }

    pub fn observe(name: &str, value: f64) {
        with(|world| *world.metrics.entry(name.to_owned()).or_default() += value);
    }
}
