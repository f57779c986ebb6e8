//! Manifest to generation: the one place where everything meets. What did not change is taken over from the generation
//! before, pools and connections included.

mod shadows;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Chain, Directory, Endpoint, Hook, OnError, Placed, Role, Stage};
use cardea_config::{
    Isolation as IsolationPlan, OnError as OnErrorPlan, Plan, PluginSource, Prefix as PrefixPlan, Problem, RenamePlan,
    Report, ServerPlan, Source, StagePlan, ViewPlan,
};
use cardea_listen::{Generation, Resource};
use cardea_plugin::{
    Capabilities, ConfigProblem, Engine, Inspection, Isolation, Limits, LoadError, Shadow, Shadowed, StageSpec,
    WasmStage,
};
use cardea_registry::{Prefix, Registry, Rename, Server, View};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::gateway::Parts;
use crate::manifest::Manifest;
use crate::{check, servers, source, state};

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
    /// How that was written.
    pub(crate) source: Source,
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
    /// Another version that runs beside it.
    pub(crate) shadow: Option<Arc<Shadow>>,
}

/// A generation that no longer serves and may again: all of it but its servers, whose processes and sessions are not kept
/// open for what may never be.
pub(crate) struct Kept {
    /// What the manifest meant.
    pub(crate) plan: Plan,
    /// How that was written.
    pub(crate) source: Source,
    /// The stages, in manifest order.
    pub(crate) stages: Vec<LoadedStage>,
    /// The chain that is made of them.
    pub(crate) chain: Arc<Chain>,
}

impl Built {
    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.generation.number
    }

    /// What of it could serve again.
    pub(crate) fn keep(&self) -> Kept {
        let (plan, source, stages) = (self.plan.clone(), self.source.clone(), self.stages.clone());
        Kept { plan, source, stages, chain: Arc::clone(&self.generation.chain) }
    }

    /// Ends every session and process of the servers, and waits until none is left.
    pub(crate) async fn close(&self) {
        let upstreams = self.endpoints.iter().flat_map(|server| server.iter());
        join_all(upstreams.map(|endpoint| endpoint.upstream.close())).await;
    }
}

impl Kept {
    /// The generation as it was. Servers that the one that serves now has too keep their connections.
    pub(crate) fn revive(&self, parts: &Parts, present: &Built) -> Result<Built, Report> {
        let Self { plan, source, stages, chain } = self;
        completed(parts, plan, source, stages.clone(), Arc::clone(chain), Some(present))
    }
}

/// The plugins of a manifest, read and looked at, and what was wrong on the way.
pub(crate) struct Examination {
    /// Those that can be read and are plugins.
    pub(crate) stages: Vec<Examined>,
    report: Report,
}

/// A plugin that was read and looked at, not yet loaded.
pub(crate) struct Examined {
    /// What the manifest says of the stage.
    pub(crate) plan: StagePlan,
    /// What the component says of itself.
    pub(crate) inspection: Inspection,
    /// What the component of its shadow says of itself.
    pub(crate) shadow: Option<(Inspection, Bytes)>,
    component: Bytes,
}

impl Examined {
    /// What the stage is for.
    pub(crate) fn role(&self) -> Role {
        self.inspection.role()
    }
}

/// Reads the plugins of a manifest and looks at them, off the threads that serve: there can be many, and large ones.
pub(crate) async fn examine(plan: &Plan) -> Examination {
    let plan = plan.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let mut report = Report::default();
        let stages: Vec<_> = plan.stages.iter().filter_map(|stage| examine_one(stage, &mut report)).collect();
        check::rules(&plan, &stages, &mut report);
        Examination { stages, report }
    });
    looked.await.unwrap_or_else(|stopped| {
        let problem = Problem::new(0..0, format!("the plugins could not be looked at: {stopped}"), "");
        Examination { stages: Vec::new(), report: Report { problems: vec![problem] } }
    })
}

/// Builds the first generation.
pub(crate) async fn first(parts: &Parts, manifest: &Manifest) -> Result<Built, Report> {
    let examination = examine(&manifest.plan).await;
    assemble(parts, manifest, examination, 1, None, &[]).await
}

/// Builds a generation beside the one that serves now, if there is one. A stage that is the same as one of `running` keeps its
/// pool, a server that is the same as one of `present` its connections. Every problem is in the report; nothing that serves is
/// touched.
pub(crate) async fn assemble(
    parts: &Parts,
    manifest: &Manifest,
    examination: Examination,
    number: u64,
    present: Option<&Built>,
    running: &[LoadedStage],
) -> Result<Built, Report> {
    let Examination { stages: examined, mut report } = examination;
    let stages = load(parts, examined, number, running, &mut report).await;
    if !report.is_empty() {
        return Err(report);
    }
    let placed = stages.iter().map(placed).collect();
    let chain = Chain::new(placed, number, Arc::clone(&parts.recorder)).watched_by(Arc::clone(&parts.watch) as _);
    completed(parts, &manifest.plan, &manifest.source, stages, Arc::new(chain), present)
}

/// Puts the servers behind a chain.
fn completed(
    parts: &Parts,
    plan: &Plan,
    source: &Source,
    stages: Vec<LoadedStage>,
    chain: Arc<Chain>,
    present: Option<&Built>,
) -> Result<Built, Report> {
    let mut report = Report::default();
    let endpoints = endpoints(parts, plan, present, &mut report);
    let registry = registry(plan, &endpoints, &mut report);
    let (Some(registry), true) = (registry, report.is_empty()) else { return Err(report) };
    let endpoints_at = directories(plan, &registry);
    let resources = resources(&stages, endpoints_at.keys());
    let (number, retired) = (chain.generation(), CancellationToken::new());
    let generation = Generation { number, chain, endpoints: endpoints_at, resources, retired };
    let (plan, source) = (plan.clone(), source.clone());
    Ok(Built { generation: Arc::new(generation), plan, source, stages, registry, endpoints })
}

fn examine_one(stage: &StagePlan, report: &mut Report) -> Option<Examined> {
    let shadow = stage.shadow.as_ref().map(|shadow| shadows::examine(stage, shadow, report));
    let (inspection, component) =
        inspected(&stage.plugin, stage.spans.of("plugin"), report, &|error| problems(stage, error))?;
    // One whose shadow cannot be used is not loaded either: the report says why, and nothing is published.
    Some(Examined { plan: stage.clone(), inspection, shadow: shadow.flatten(), component })
}

/// A plugin that was read, and what it says of itself.
fn inspected(
    plugin: &PluginSource,
    place: Range<usize>,
    report: &mut Report,
    problems: &dyn Fn(&LoadError) -> Vec<Problem>,
) -> Option<(Inspection, Bytes)> {
    let component =
        source::read(plugin).map_err(|sentence| report.push(Problem::new(place, sentence, "not readable"))).ok()?;
    let inspection = Engine::inspect(&component).map_err(|error| report.problems.extend(problems(&error))).ok()?;
    Some((inspection, component))
}

/// Loads every stage, so that one report names all that fail; a stage that did not change keeps its pool.
async fn load(
    parts: &Parts,
    examined: Vec<Examined>,
    number: u64,
    running: &[LoadedStage],
    report: &mut Report,
) -> Vec<LoadedStage> {
    let mut stages = Vec::new();
    for Examined { plan, inspection, shadow, component } in examined {
        let same = |old: &&LoadedStage| old.plan.runs_as(&plan) && old.stage.inspection().digest == inspection.digest;
        let old = running.iter().find(same);
        let capabilities = capabilities(parts, &plan);
        let loaded = match old {
            Some(old) => Ok(Arc::clone(&old.stage)),
            None => parts.engine.load(component, spec(&plan, number), capabilities.clone()).await,
        };
        let shadow = match shadow {
            Some(found) => shadows::cast(parts, &plan, number, found, capabilities, old, report).await,
            None => None,
        };
        match loaded {
            Ok(stage) => stages.push(LoadedStage { plan, stage, shadow }),
            Err(error) => report.problems.extend(problems(&plan, &error)),
        }
    }
    stages
}

fn capabilities(parts: &Parts, plan: &StagePlan) -> Capabilities {
    let egress = plan.grants.http.as_ref().and_then(|_| parts.egress());
    let jose = (!plan.grants.issuers.is_empty()).then(|| parts.jose()).flatten();
    state::capabilities(&parts.state, plan, egress, jose)
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
    let live = || Arc::clone(&loaded.stage);
    Placed {
        stage: match &loaded.shadow {
            Some(shadow) => Arc::new(Shadowed::new(live(), Arc::clone(shadow))) as Arc<dyn Stage>,
            None => live(),
        },
        matcher: check::matcher(&loaded.plan),
        on_error: match loaded.plan.on_error {
            OnErrorPlan::Refuse => OnError::Refuse,
            OnErrorPlan::Allow => OnError::Allow,
            OnErrorPlan::Skip => OnError::Skip,
        },
    }
}

/// A server that did not change keeps its connections, sessions and processes.
fn endpoints(parts: &Parts, plan: &Plan, present: Option<&Built>, report: &mut Report) -> Endpoints {
    let kept = |server: &ServerPlan| {
        let built = present
            .filter(|built| built.plan.listen.limits.max_message_bytes == plan.listen.limits.max_message_bytes)?;
        let position = built.plan.servers.iter().position(|old| old == server)?;
        built.endpoints.get(position).map(Arc::clone)
    };
    let mut endpoints = Vec::new();
    for server in &plan.servers {
        match kept(server).map_or_else(|| servers::endpoints(server, &plan.listen.limits, &parts.replica), Ok) {
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

/// What the authenticators declare of each endpoint. One of which none declares anything is left out.
fn resources<'e>(stages: &[LoadedStage], endpoints: impl Iterator<Item = &'e Arc<str>>) -> HashMap<Arc<str>, Resource> {
    let declares = |loaded: &&LoadedStage| {
        let hooks = loaded.stage.inspection().hooks;
        hooks.has(Hook::Authenticate) && !loaded.plan.metadata.authorization_servers.is_empty()
    };
    let declaring: Vec<_> =
        stages.iter().filter(declares).map(|loaded| (check::matcher(&loaded.plan), resource(&loaded.plan))).collect();
    let mut resources: HashMap<Arc<str>, Resource> = HashMap::new();
    for endpoint in endpoints {
        for (_, resource) in declaring.iter().filter(|(matcher, _)| matcher.endpoint(endpoint)) {
            resources.entry(Arc::clone(endpoint)).or_default().join(resource);
        }
    }
    resources
}

fn resource(plan: &StagePlan) -> Resource {
    let metadata = &plan.metadata;
    Resource {
        authorization_servers: metadata.authorization_servers.clone(),
        scopes: metadata.scopes.clone(),
        name: metadata.name.clone(),
        documentation: metadata.documentation.as_ref().map(ToString::to_string),
    }
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
