//! Manifest to generation: the one place where everything meets. What did not change is taken over from the generation
//! before, pools and connections included.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Chain, Directory, Endpoint, OnError, Placed, Role, Stage};
use cardea_config::{
    Isolation as IsolationPlan, OnError as OnErrorPlan, Plan, Prefix as PrefixPlan, Problem, RenamePlan, Report,
    ServerPlan, StagePlan, ViewPlan,
};
use cardea_listen::Generation;
use cardea_plugin::{
    Capabilities, ConfigProblem, Engine, Inspection, Isolation, Limits, LoadError, StageSpec, WasmStage,
};
use cardea_registry::{Prefix, Registry, Rename, Server, View};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::gateway::Parts;
use crate::manifest::Manifest;
use crate::{check, servers, source};

/// Path of the endpoint for all servers.
pub(crate) const ALL_SERVERS: &str = "/mcp";

/// Path of the endpoint for one server.
pub(crate) fn one_server(name: &str) -> String {
    format!("/servers/{name}/mcp")
}

/// The endpoints of every server, in manifest order.
type Endpoints = Vec<Arc<[Endpoint]>>;

/// A generation with what it was built from.
pub(crate) struct Built {
    /// What the listener serves.
    pub(crate) generation: Arc<Generation>,
    /// What the manifest meant.
    pub(crate) plan: Plan,
    /// The stages, in manifest order.
    pub(crate) stages: Vec<LoadedStage>,
    /// The servers, for readiness.
    pub(crate) registry: Registry,
    endpoints: Endpoints,
}

/// A stage that runs, with what it was loaded from.
#[derive(Clone)]
pub(crate) struct LoadedStage {
    /// What the manifest says of it.
    pub(crate) plan: StagePlan,
    /// The stage.
    pub(crate) stage: Arc<WasmStage>,
}

impl Built {
    /// Ends every session and process of the servers, and waits until none is left.
    pub(crate) async fn close(&self) {
        let upstreams = self.endpoints.iter().flat_map(|server| server.iter());
        join_all(upstreams.map(|endpoint| endpoint.upstream.close())).await;
    }
}

/// A plugin that was read and looked at, not yet loaded.
pub(crate) struct Examined {
    /// What the manifest says of the stage.
    pub(crate) plan: StagePlan,
    /// What the component says of itself.
    pub(crate) inspection: Inspection,
    component: Bytes,
}

impl Examined {
    /// What the stage is for.
    pub(crate) fn role(&self) -> Role {
        self.inspection.role()
    }
}

/// Builds a generation beside the one that serves. Every problem is in the report; nothing that serves is touched.
pub(crate) async fn assemble(
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
    let endpoints = endpoints(plan, previous, &mut report);
    let registry = registry(plan, &endpoints, &mut report);
    let (Some(registry), true) = (registry, report.is_empty()) else { return Err(report) };
    let placed = stages.iter().map(placed).collect();
    let chain = Chain::new(placed, number, Arc::clone(&parts.recorder));
    let directories = directories(plan, &registry);
    let retired = CancellationToken::new();
    let generation = Generation { number, chain: Arc::new(chain), endpoints: directories, retired };
    Ok(Built { generation: Arc::new(generation), plan: plan.clone(), stages, registry, endpoints })
}

fn examine(plan: &Plan, report: &mut Report) -> Vec<Examined> {
    let mut examined = Vec::new();
    for stage in &plan.stages {
        let at = || stage.spans.of("plugin");
        match source::read(&stage.plugin) {
            Err(sentence) => report.push(Problem::new(at(), sentence, "not readable")),
            Ok(component) => match Engine::inspect(&component) {
                Err(error) => report.problems.extend(problems(stage, &error)),
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
        let egress = plan.grants.http.as_ref().and_then(|_| parts.egress());
        let capabilities = Capabilities { kv: parts.memory.clone(), limiter: parts.memory.clone(), egress };
        match parts.engine.load(component, spec(&plan, number), capabilities).await {
            Ok(stage) => stages.push(LoadedStage { plan, stage }),
            Err(error) => report.problems.extend(problems(&plan, &error)),
        }
    }
    stages
}

fn spec(plan: &StagePlan, generation: u64) -> StageSpec {
    StageSpec {
        name: plan.name.clone(),
        plugin: source::shown(&plan.plugin),
        generation,
        config: plan.config.clone(),
        grants: plan.grants.clone(),
        limits: Limits {
            memory: plan.memory.bytes(),
            cpu: plan.cpu_budget,
            wall: plan.wall_budget,
            concurrency: plan.concurrency.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
        },
        isolation: match plan.isolation {
            IsolationPlan::Shared => Isolation::Shared,
            IsolationPlan::Call => Isolation::Call,
        },
    }
}

/// A plugin's own trouble, shown where the manifest causes it: every config value it does not take, or the plugin's name.
fn problems(stage: &StagePlan, error: &LoadError) -> Vec<Problem> {
    let told = format!("stage `{}`: {}", stage.name, error.problem);
    let with_help =
        |problem: Problem| if error.remedy.is_empty() { problem } else { problem.help(error.remedy.clone()) };
    if error.places.is_empty() {
        return vec![with_help(Problem::new(stage.spans.of("plugin"), told, "cannot be loaded"))];
    }
    let place = |place: &ConfigProblem| {
        let message = format!("stage `{}`: config{}: {}", stage.name, place.pointer, place.message);
        with_help(Problem::new(stage.config_span(&place.pointer), message, "the plugin does not take this"))
    };
    error.places.iter().map(place).collect()
}

fn placed(loaded: &LoadedStage) -> Placed {
    Placed {
        stage: Arc::clone(&loaded.stage) as Arc<dyn Stage>,
        matcher: check::matcher(&loaded.plan),
        on_error: match loaded.plan.on_error {
            OnErrorPlan::Refuse => OnError::Refuse,
            OnErrorPlan::Allow => OnError::Allow,
            OnErrorPlan::Skip => OnError::Skip,
        },
    }
}

/// A server that did not change keeps its connections, sessions and processes.
fn endpoints(plan: &Plan, previous: Option<&Built>, report: &mut Report) -> Endpoints {
    let kept = |server: &ServerPlan| {
        let built = previous
            .filter(|built| built.plan.listen.limits.max_message_bytes == plan.listen.limits.max_message_bytes)?;
        let position = built.plan.servers.iter().position(|old| old == server)?;
        built.endpoints.get(position).map(Arc::clone)
    };
    let mut endpoints = Vec::new();
    for server in &plan.servers {
        match kept(server).map_or_else(|| servers::endpoints(server, &plan.listen.limits), Ok) {
            Ok(found) => endpoints.push(found),
            Err(sentence) => report.push(Problem::new(server.spans.whole(), sentence, "cannot be reached")),
        }
    }
    endpoints
}

fn registry(plan: &Plan, endpoints: &Endpoints, report: &mut Report) -> Option<Registry> {
    let servers = plan.servers.iter().zip(endpoints).map(|(server, endpoints)| Server {
        name: server.name.as_str().into(),
        endpoints: endpoints.to_vec(),
        call_timeout: Some(server.call_timeout),
    });
    Registry::new(servers.collect())
        .inspect_err(|fault| report.push(Problem::new(plan.spans.whole(), fault.to_string(), "in a server's name")))
        .ok()
}

fn directories(plan: &Plan, registry: &Registry) -> HashMap<Arc<str>, Arc<dyn Directory>> {
    let all = (Arc::from(ALL_SERVERS), registry.all());
    let one = |name: &str| Some((Arc::from(one_server(name)), registry.one(name)?));
    let each = plan.servers.iter().filter_map(|server| one(&server.name));
    let own = plan.views.iter().map(|plan| (Arc::from(plan.path.as_str()), registry.several(&view(plan))));
    each.chain([all]).chain(own).collect()
}

/// An endpoint of the manifest as the registry takes it.
fn view(plan: &ViewPlan) -> View {
    let rename = |RenamePlan { server, native, name }: &RenamePlan| Rename {
        server: server.as_str().into(),
        native: native.clone(),
        name: name.clone(),
    };
    View {
        servers: plan.servers.iter().map(|name| name.as_str().into()).collect(),
        prefix: match plan.prefix {
            PrefixPlan::Always => Prefix::Always,
            PrefixPlan::OnConflict => Prefix::OnConflict,
            PrefixPlan::Never => Prefix::Never,
        },
        include: plan.include.clone(),
        exclude: plan.exclude.clone(),
        rename: plan.rename.iter().map(rename).collect(),
    }
}
