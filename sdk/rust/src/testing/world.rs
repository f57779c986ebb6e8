//! The state of the scripted host: what a case gives, and what the hook does to it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use super::case::{Case, Run};
use super::document::Document;
use super::given::{Given, LimiterAnswer};
use super::observed::{Observed, Outcome};
use super::run::Manifest;
use crate::limiter::Bucket;
use crate::{HostError, journal};

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Everything the host functions read and write while a case runs.
pub(super) struct World {
    pub(super) plugin: String,
    pub(super) role: String,
    pub(super) grants: Vec<String>,
    pub(super) run: Run,
    /// False while `lifecycle` runs: then there is no call in sight.
    pub(super) in_hook: bool,
    pub(super) config: String,
    pub(super) given: Given,
    pub(super) params: Edited,
    pub(super) reply: Edited,
    pub(super) limiter: VecDeque<LimiterAnswer>,
    pub(super) conditions: Vec<(String, String)>,
    pub(super) fulfilled: Vec<u32>,
    pub(super) taken: Vec<Bucket>,
    pub(super) settled: Vec<(Bucket, i64)>,
    pub(super) includes: Vec<(journal::Document, String, journal::Treatment)>,
    pub(super) notes: BTreeMap<String, String>,
    pub(super) kv: BTreeMap<String, Vec<u8>>,
    pub(super) scratch: BTreeMap<String, Vec<u8>>,
    pub(super) logs: Vec<String>,
    pub(super) metrics: BTreeMap<String, f64>,
}

/// A document and whether the hook has changed it.
#[derive(Default)]
pub(super) struct Edited {
    pub(super) document: Option<Document>,
    /// Bytes of the text as it was given.
    size: u64,
    pub(super) changed: bool,
}

impl Edited {
    fn parse(what: &str, json: Option<&str>) -> Result<Self, String> {
        let Some(json) = json else { return Ok(Self::default()) };
        let document = Document::parse(json).map_err(|error| format!("{what} is not JSON: {error}"))?;
        Ok(Self { document: Some(document), size: json.len() as u64, changed: false })
    }

    /// Bytes of the text as it is now.
    pub(super) fn size(&self) -> u64 {
        match &self.document {
            Some(document) if self.changed => document.to_string().len() as u64,
            _ => self.size,
        }
    }

    fn committed(self, commits: bool) -> Option<String> {
        self.document.filter(|_| commits && self.changed).map(|document| document.to_string())
    }
}

impl World {
    /// The world of a case before its plugin is built.
    pub(super) fn of(case: &Case, manifest: &Manifest) -> Result<Self, String> {
        let given = case.given.clone();
        let params = Edited::parse("given.call.params", given.call.params.as_ref().map(|json| json.0.as_str()))?;
        let reply = given.reply.as_ref().and_then(|reply| reply.result.as_ref().or(reply.error.as_ref()));
        let reply = match case.hook {
            Run::OnMessage => given.message.document.as_ref(),
            _ => reply,
        };
        let reply = Edited::parse("given.reply", reply.map(|json| json.0.as_str()))?;
        Ok(Self {
            plugin: manifest.name.clone(),
            role: case.role.clone().unwrap_or_else(|| manifest.role.clone()),
            grants: manifest.grants.clone(),
            run: case.hook,
            in_hook: false,
            config: case.config_json(),
            params,
            reply,
            limiter: given.limiter.iter().copied().collect(),
            kv: given.kv.iter().map(|(key, text)| (key.clone(), text.clone().into_bytes())).collect(),
            conditions: Vec::new(),
            fulfilled: Vec::new(),
            taken: Vec::new(),
            settled: Vec::new(),
            includes: Vec::new(),
            notes: BTreeMap::new(),
            scratch: BTreeMap::new(),
            logs: Vec::new(),
            metrics: BTreeMap::new(),
            given,
        })
    }

    /// Puts this world under the host functions of this thread.
    pub(super) fn enter(self) {
        WORLD.set(Some(self));
    }

    /// Takes the world away and says what has become of it.
    pub(super) fn leave(outcome: Outcome) -> Observed {
        let subject_key = with(|world| world.subject_key());
        let Some(world) = WORLD.take() else { no_case() };
        let (commits, returned) = (outcome.commits_edits(), outcome.returned());
        Observed {
            params: world.params.committed(commits),
            reply: world.reply.committed(commits),
            conditions: if commits { world.conditions } else { Vec::new() },
            fulfilled: if returned { world.fulfilled } else { Vec::new() },
            taken: world.taken,
            settled: world.settled,
            includes: world.includes,
            notes: world.notes,
            kv: world.kv,
            scratch: if returned { world.scratch } else { BTreeMap::new() },
            logs: world.logs,
            metrics: world.metrics,
            subject_key,
            outcome,
        }
    }

    /// True while a hook that has a message runs.
    pub(super) fn has_call(&self) -> bool {
        self.in_hook && !matches!(self.run, Run::OnAuthenticate | Run::OnCatalog | Run::OnRecord)
    }

    /// One text for the whole identity, with lengths before the parts.
    pub(super) fn subject_key(&self) -> String {
        self.given.subject.as_ref().map_or_else(String::new, |subject| {
            let (tenant, issuer, id) = (&subject.tenant, &subject.issuer, &subject.id);
            format!("{}:{tenant}{}:{issuer}{id}", tenant.len(), issuer.len())
        })
    }

    /// The error that the case wants an interface to fail with.
    pub(super) fn check(&self, interface: &str) -> Result<(), HostError> {
        self.given.failing.get(interface).map_or(Ok(()), |name| Err((*name).into()))
    }

    /// As `check`, for an interface that needs a grant.
    pub(super) fn check_granted(&self, interface: &str) -> Result<(), HostError> {
        if !self.grants.iter().any(|grant| grant == interface) {
            return Err(HostError::Denied(format!(
                "the stage has no grant.{interface}: `[ask]` in plugin.toml does not name it"
            )));
        }
        self.check(interface)
    }
}

/// Acts on the world of the case that this thread runs.
pub(super) fn with<R>(act: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| match world {
        Some(world) => act(world),
        None => no_case(),
    })
}

fn no_case() -> ! {
    panic!("a host function was called outside a case: run the plugin with cardea_sdk::testing::run_case")
}
