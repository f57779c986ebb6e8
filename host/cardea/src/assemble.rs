//! Manifest to generation: the one place where everything meets. What did not change is taken over from the generation
//! before, pools and connections included.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Chain, Directory, Endpoint, OnError, Placed, Role, Stage};
use cardea_config::{OnError as OnErrorPlan, Plan, Problem, Report, ServerPlan, StagePlan};
use cardea_listen::Generation;
use cardea_plugin::{Capabilities, Engine, Grants, Inspection, Limits, LoadError, StageSpec, WasmStage};
use cardea_registry::{AllServers, OneServer, Registry, Server};

use crate::gateway::Parts;
use crate::manifest::Manifest;
use crate::{check, servers, source};

/// Path of the endpoint for all servers.
pub const ALL_SERVERS: &str = "/mcp";

/// Path of the endpoint for one server.
pub fn one_server(name: &str) -> String {
    format!("/servers/{name}/mcp")
}

/// The endpoints of every server by name, for readiness.
pub type Endpoints = Vec<(Arc<str>, Arc<[Endpoint]>)>;

/// A generation with what it was built from.
pub struct Built {
    /// What the listener serves.
    pub generation: Arc<Generation>,
    /// What the manifest meant.
    pub plan: Plan,
    /// The stages, in manifest order.
    pub stages: Vec<LoadedStage>,
    /// The servers' endpoints.
    pub endpoints: Endpoints,
}

/// A stage that runs, with what it was loaded from.
#[derive(Clone)]
pub struct LoadedStage {
    /// What the manifest says of it.
    pub plan: StagePlan,
    /// The stage.
    pub stage: Arc<WasmStage>,
}

/// A plugin that was read and looked at, not yet loaded.
pub struct Examined {
    /// What the manifest says of the stage.
    pub plan: StagePlan,
    /// What the component says of itself.
    pub inspection: Inspection,
    component: Bytes,
}

impl Examined {
    /// What the stage is for.
    pub fn role(&self) -> Role {
        self.inspection.role()
    }
}

/// Builds a generation beside the one that serves. Every problem is in the report; nothing that serves is touched.
pub async fn assemble(
    parts: &Parts,
    manifest: &Manifest,
    number: u64,
    previous: Option<&Built>,
) -> Result<Built, Report> {
    let plan = &manifest.plan;
    let mut report = Report::default();
    let examined = examine(plan, &mut report);
    check::rules(plan, &examined, &mut report);
    let stages = load(parts, examined, number, previous, &mut report).await;
    if !report.is_empty() {
        return Err(report);
    }
    let endpoints = endpoints(plan, previous);
    let placed = stages.iter().map(placed).collect();
    let chain = Chain::new(placed, number, Arc::clone(&parts.journal) as Arc<dyn cardea_chain::Recorder>);
    let directories = directories(plan, &endpoints);
    let generation = Generation { number, chain: Arc::new(chain), endpoints: directories };
    Ok(Built { generation: Arc::new(generation), plan: plan.clone(), stages, endpoints })
}

fn examine(plan: &Plan, report: &mut Report) -> Vec<Examined> {
    let mut examined = Vec::new();
    for stage in &plan.stages {
        let at = || stage.spans.of("plugin");
        match source::read(&stage.plugin) {
            Err(sentence) => report.push(Problem::new(at(), sentence, "not readable")),
            Ok(component) => match Engine::inspect(&component) {
                Err(error) => report.push(problem(stage, &error)),
                Ok(inspection) => examined.push(Examined { plan: stage.clone(), inspection, component }),
            },
        }
    }
    examined
}

/// Loads every stage, so that one report names all that fail; a stage that did not change keeps its pool.
async fn load(
    parts: &Parts,
    examined: Vec<Examined>,
    number: u64,
    previous: Option<&Built>,
    report: &mut Report,
) -> Vec<LoadedStage> {
    let mut stages = Vec::new();
    for Examined { plan, inspection, component } in examined {
        let unchanged = previous.and_then(|built| {
            built.stages.iter().find(|old| old.plan == plan && old.stage.inspection().digest == inspection.digest)
        });
        if let Some(old) = unchanged {
            stages.push(LoadedStage { plan, stage: Arc::clone(&old.stage) });
            continue;
        }
        let capabilities = Capabilities { kv: parts.memory.clone(), limiter: parts.memory.clone() };
        match parts.engine.load(component, spec(&plan, number), capabilities).await {
            Ok(stage) => stages.push(LoadedStage { plan, stage }),
            Err(error) => report.push(problem(&plan, &error)),
        }
    }
    stages
}

fn spec(plan: &StagePlan, generation: u64) -> StageSpec {
    let grants = Grants { kv: plan.grants.kv, limiter: plan.grants.limiter, journal: plan.grants.journal };
    let defaults = Limits::default();
    StageSpec {
        name: plan.name.as_str().into(),
        plugin: source::shown(&plan.plugin),
        generation,
        config: plan.config.clone(),
        grants,
        limits: Limits {
            memory: plan.memory.bytes(),
            cpu: plan.cpu_budget,
            wall: plan.wall_budget,
            concurrency: plan.concurrency.unwrap_or(defaults.concurrency),
        },
    }
}

/// A plugin's own trouble, shown where the manifest causes it: the config value, the missing grant, or the plugin's name.
fn problem(stage: &StagePlan, error: &LoadError) -> Problem {
    let (span, label) = match error.pointer() {
        Some(pointer) => (stage.config_span(pointer), "the plugin does not take this"),
        None => (stage.spans.of("plugin"), "cannot be loaded"),
    };
    let problem = Problem::new(span, format!("stage `{}`: {error}", stage.name), label);
    match error.help() {
        Some(help) => problem.help(help),
        None => problem,
    }
}

fn placed(loaded: &LoadedStage) -> Placed {
    Placed {
        stage: Arc::clone(&loaded.stage) as Arc<dyn Stage>,
        matcher: check::matcher(&loaded.plan),
        on_error: match loaded.plan.on_error {
            OnErrorPlan::Refuse => OnError::Refuse,
            OnErrorPlan::Skip => OnError::Skip,
        },
    }
}

/// A server that did not change keeps its connections, sessions and processes.
fn endpoints(plan: &Plan, previous: Option<&Built>) -> Endpoints {
    let kept = |server: &ServerPlan| {
        let built = previous.filter(|built| built.plan.listen.limits.max_message_bytes == plan.listen.limits.max_message_bytes)?;
        let position = built.plan.servers.iter().position(|old| old == server)?;
        Some(Arc::clone(&built.endpoints[position].1))
    };
    plan.servers
        .iter()
        .map(|server| {
            let endpoints = kept(server).unwrap_or_else(|| servers::endpoints(server, &plan.listen.limits));
            (Arc::from(server.name.as_str()), endpoints)
        })
        .collect()
}

fn directories(plan: &Plan, endpoints: &Endpoints) -> HashMap<String, Arc<dyn Directory>> {
    let servers = plan.servers.iter().zip(endpoints).map(|(server, (name, endpoints))| Server {
        name: Arc::clone(name),
        endpoints: Arc::clone(endpoints),
        call_timeout: Some(server.call_timeout),
    });
    let registry = Registry::new(servers.collect());
    let mut directories: HashMap<String, Arc<dyn Directory>> = HashMap::new();
    directories.insert(ALL_SERVERS.to_owned(), Arc::new(AllServers::new(Arc::clone(&registry))));
    for server in &plan.servers {
        if let Some(one) = OneServer::new(Arc::clone(&registry), &server.name) {
            directories.insert(one_server(&server.name), Arc::new(one));
        }
    }
    directories
}
