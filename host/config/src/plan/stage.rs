//! The stages of the chain: their names, what they see and what they may use.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use cardea_grant::{Algorithm, Grants, Issuer, Mask};
use http::Uri;
use serde_json::Value;

use crate::kind::Text;
use crate::manifest::{
    Grant, Isolation, Keep, LimiterLoss, Match, Metadata, OnError, OnLoss, Shadow, Stage, TokenIssuer,
};
use crate::names::{Pattern, PluginSource, StageName};
use crate::reader::suggestion;
use crate::report::{Problem, Report};
use crate::spans::Spans;
use crate::text_file::TextFile;
use crate::units::Size;

/// A plugin and how it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct StagePlan {
    /// Its name, different from all other stages'.
    pub name: String,
    /// Where the plugin comes from.
    pub plugin: PluginSource,
    /// The calls that pass through it; an empty list fits all.
    pub matches: MatchPlan,
    /// What it may use.
    pub grants: Grants,
    /// Its settings, always a JSON object; those whose texts stand in files too.
    pub config: Value,
    /// Another version that runs beside it.
    pub shadow: Option<ShadowPlan>,
    /// What clients without a token are told of the endpoints it guards.
    pub metadata: MetadataPlan,
    /// The files that some of its settings stand in.
    pub files: Vec<PathBuf>,
    /// What happens to a call when the plugin fails.
    pub on_error: OnError,
    /// Why calls may pass it when it fails, if somebody wrote that they may.
    pub accept_fail_open: Option<String>,
    /// How long what it counts and keeps is needed.
    pub keep: Keep,
    /// What it does while shared state cannot be reached.
    pub on_loss: OnLoss,
    /// Who shares an instance.
    pub isolation: Isolation,
    /// Instances that may run at once, if that was written.
    pub concurrency: Option<usize>,
    /// Memory of one instance.
    pub memory: Size,
    /// CPU time of one hook.
    pub cpu_budget: Duration,
    /// Time of one hook, waits included.
    pub wall_budget: Duration,
    /// Where it was written.
    pub spans: Spans,
    /// Where the parts of `config` were written, by JSON pointer.
    config_spans: Spans,
}

impl StagePlan {
    /// Whether what was loaded for the one serves for the other too, if the plugin's bytes are the same: they differ at most in
    /// which calls pass through it, and in what its failure means.
    pub fn runs_as(&self, other: &Self) -> bool {
        self.name == other.name
            && self.grants == other.grants
            && self.config == other.config
            && (self.keep, &self.on_loss) == (other.keep, &other.on_loss)
            && (self.isolation, self.concurrency) == (other.isolation, other.concurrency)
            && (self.memory, self.cpu_budget, self.wall_budget) == (other.memory, other.cpu_budget, other.wall_budget)
    }

    /// Where the part of `config` under a JSON pointer was written. A part that is not there is sought where the nearest one
    /// around it was written, and a config that was not written stands where the stage stands.
    pub fn config_span(&self, pointer: &str) -> Range<usize> {
        let mut pointer = pointer;
        while !pointer.is_empty() && !self.config_spans.written(pointer) {
            pointer = pointer.rfind('/').map_or("", |slash| &pointer[..slash]);
        }
        self.config_spans.of(pointer)
    }
}

/// What clients without a token are told (RFC 9728). Without an authorization server there is nothing to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataPlan {
    /// Issuers whose tokens are taken.
    pub authorization_servers: Vec<String>,
    /// Scopes a client should ask for at first.
    pub scopes: Vec<String>,
    /// A name for people.
    pub name: Option<String>,
    /// A page for people.
    pub documentation: Option<Uri>,
    /// Where it was written.
    pub spans: Spans,
}

/// Another version of a stage, of which nothing but its verdicts is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowPlan {
    /// Where the plugin comes from.
    pub plugin: PluginSource,
    /// Its settings, always a JSON object.
    pub config: Value,
    /// Where it was written.
    pub spans: Spans,
}

/// The calls that pass through a stage: every list that is not empty must have one pattern that fits. `*` stands for any
/// text, `?` for one character.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchPlan {
    /// Paths clients call.
    pub endpoints: Vec<String>,
    /// Names of servers.
    pub servers: Vec<String>,
    /// MCP methods in their modern names.
    pub methods: Vec<String>,
    /// Native names of tools and prompts, and URIs of resources.
    pub names: Vec<String>,
    /// Where it was written.
    pub spans: Spans,
}

/// The stages in their order. `servers` are the names a pattern may mean, if all of them are known.
pub(super) fn stages(raw: Vec<Stage>, servers: Option<&[String]>, report: &mut Report) -> Option<Vec<StagePlan>> {
    let mut taken = BTreeSet::new();
    let mut plans = Vec::new();
    for raw in raw {
        check_budgets(&raw, report);
        check_acceptance(&raw, report);
        let plan = stage(raw, servers, report);
        if let Some(plan) = &plan
            && !taken.insert(plan.name.clone())
        {
            report.push(name_taken(plan));
        }
        plans.push(plan);
    }
    plans.into_iter().collect()
}

fn stage(raw: Stage, servers: Option<&[String]>, report: &mut Report) -> Option<StagePlan> {
    let matches = matches(raw.r#match, servers, report);
    let (config, files) = settings(raw.config.value, raw.files, &raw.spans, report);
    let plugin = raw.plugin.0?;
    let name = match raw.name {
        Some(name) => name.0,
        None if raw.spans.written("name") => return None,
        None => default_name(&plugin, &raw.spans, report)?,
    };
    let grants = grants(raw.grant, report);
    let shadow = raw.shadow.map(|raw| shadow(raw, &plugin, &config, report));
    Some(StagePlan {
        name,
        plugin,
        matches,
        shadow,
        metadata: metadata(raw.metadata, &grants),
        grants,
        config,
        files,
        on_error: raw.on_error,
        accept_fail_open: raw.accept_fail_open,
        keep: raw.keep,
        on_loss: raw.on_loss,
        isolation: raw.isolation,
        concurrency: raw.concurrency,
        memory: raw.memory,
        cpu_budget: raw.cpu_budget,
        wall_budget: raw.wall_budget,
        spans: raw.spans,
        config_spans: raw.config.spans,
    })
}

/// A shadow, with what it does not say as its stage has it; notes one that says nothing.
fn shadow(raw: Shadow, plugin: &PluginSource, config: &Value, report: &mut Report) -> ShadowPlan {
    if raw.plugin.is_none() && raw.config.is_none() && !raw.spans.written("plugin") && !raw.spans.written("config") {
        let message = "`stage.shadow` names neither a plugin nor a config";
        let problem = Problem::new(raw.spans.whole(), message, "the same as its stage");
        report.push(problem.help("say what is to be tried: `shadow = { plugin = \"./new.wasm\" }`"));
    }
    ShadowPlan {
        plugin: raw.plugin.unwrap_or_else(|| plugin.clone()),
        config: raw.config.map_or_else(|| config.clone(), |config| config.value),
        spans: raw.spans,
    }
}

/// The settings with the texts of their files; notes one that is written twice.
fn settings(
    mut config: Value,
    files: BTreeMap<String, TextFile>,
    spans: &Spans,
    report: &mut Report,
) -> (Value, Vec<PathBuf>) {
    let mut paths = Vec::new();
    for (name, TextFile { path, text }) in files {
        if config.get(&name).is_some() {
            let message = format!("`stage.files.{name}` and `stage.config.{name}` are both written");
            let problem = Problem::new(spans.of("files"), message, "the setting stands in `config` already");
            report.push(problem.help("leave one of them out"));
        }
        config[name] = text.into();
        paths.push(path);
    }
    (config, paths)
}

/// The name of a plugin, or of its file without the ending; notes a file name that cannot be a stage's name.
fn default_name(plugin: &PluginSource, spans: &Spans, report: &mut Report) -> Option<String> {
    let path = match plugin {
        PluginSource::Embedded(name) => return Some(name.clone()),
        PluginSource::File(path) => path,
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = StageName::parse(&stem, path);
    if name.is_err() {
        let message = format!("a stage cannot be called `{stem}` after its plugin");
        let problem = Problem::new(spans.of("plugin"), message, "this stage needs a name of its own");
        report.push(problem.help(format!("add `name = \"…\"`; {}", StageName::HINT)));
    }
    name.ok().map(|name| name.0)
}

fn name_taken(plan: &StagePlan) -> Problem {
    let (span, label) = match plan.spans.written("name") {
        true => (plan.spans.of("name"), "this name is taken"),
        false => (plan.spans.of("plugin"), "named after its plugin"),
    };
    let problem = Problem::new(span, format!("two stages are called `{}`", plan.name), label);
    problem.help(format!("give one of them a name of its own: `name = \"{}-2\"`", plan.name))
}

/// The grants; notes a secret that is revealed and not there.
fn grants(raw: Grant, report: &mut Report) -> Grants {
    let names: Vec<&str> = raw.secret.values.0.keys().map(String::as_str).collect();
    for name in raw.secret.reveal.iter().flatten().filter(|name| !names.contains(&name.as_str())) {
        let message = format!("`stage.grant.secret.reveal` has `{name}`, and no secret is called that");
        let problem = Problem::new(raw.secret.spans.of("reveal"), message, "nothing to reveal");
        report.push(match names[..] {
            [] => problem.help(format!("add it: `secret.values = {{ {name} = \"${{NAME}}\" }}`")),
            _ => problem.help(suggestion(name, &names, "secrets")),
        });
    }
    Grants {
        limiter: raw.limiter,
        kv: raw.kv.0.is_some(),
        kv_quota: raw.kv.0.unwrap_or_default(),
        journal: raw.journal,
        http: raw.http,
        issuers: issuers(raw.jose, report),
        private_addresses: raw.private_addresses,
        secrets: raw.secret.values.0,
        reveal: raw.secret.reveal,
        read: raw.read.map(Mask::from_iter),
        edit: raw.edit.map(Mask::from_iter),
    }
}

/// The metadata; whose tokens are verified is known without saying it twice.
fn metadata(raw: Metadata, grants: &Grants) -> MetadataPlan {
    let verified = || grants.issuers.iter().map(|issuer| issuer.id.clone()).collect();
    MetadataPlan {
        authorization_servers: raw
            .authorization_servers
            .map_or_else(verified, |servers| servers.into_iter().map(|server| server.0).collect()),
        scopes: raw.scopes.into_iter().map(|scope| scope.0).collect(),
        name: raw.name,
        documentation: raw.documentation,
        spans: raw.spans,
    }
}

/// The issuers; notes two with one name, lists that let nothing through, and what cannot be reached.
fn issuers(raw: Vec<TokenIssuer>, report: &mut Report) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for raw in raw {
        let Some(id) = raw.issuer.0 else { continue };
        if issuers.iter().any(|other| other.id == id.0) {
            let message = format!("`stage.grant.jose` has the issuer `{}` twice", id.0);
            report.push(Problem::new(raw.spans.of("issuer"), message, "its rules would be either's"));
        }
        let algorithms = raw.algorithms.unwrap_or_else(|| Algorithm::ALL.to_vec());
        for (key, empty) in [("algorithms", algorithms.is_empty()), ("types", raw.types.is_empty())] {
            if empty {
                let message = format!("`stage.grant.jose.{key}` is empty, so no token would be good");
                report.push(Problem::new(raw.spans.of(key), message, "lets nothing through"));
            }
        }
        issuers.push(Issuer {
            id: id.0,
            jwks: raw.jwks_url.map(|url| url.0),
            algorithms,
            types: raw.types.into_iter().map(|kind| kind.0).collect(),
            leeway: raw.leeway,
            max_lifetime: raw.max_lifetime,
        });
    }
    issuers
}

/// The patterns of a match; notes those that can fit nothing.
fn matches(raw: Match, servers: Option<&[String]>, report: &mut Report) -> MatchPlan {
    let endpoints = raw.endpoints.map_or(Vec::new(), |patterns| patterns.0);
    for pattern in endpoints.iter().filter(|pattern| !pattern.text.starts_with(['/', '*', '?'])) {
        let message = format!("`stage.match.endpoints` has `{}`, which fits no path", pattern.text);
        let problem = Problem::new(pattern.span.clone(), message, "never fits");
        report.push(problem.help("endpoints are paths, such as \"/mcp\" or \"/servers/*\""));
    }
    let known: Vec<&str> = servers.unwrap_or_default().iter().map(String::as_str).collect();
    let named = raw.servers.map_or(Vec::new(), |patterns| patterns.0);
    let unknown = |pattern: &&Pattern| !pattern.text.contains(['*', '?']) && !known.contains(&&*pattern.text);
    for pattern in named.iter().filter(unknown).filter(|_| servers.is_some()) {
        let message = format!("`stage.match.servers` has `{}`, and no server is called that", pattern.text);
        let problem = Problem::new(pattern.span.clone(), message, "never fits");
        report.push(match known[..] {
            [] => problem.help("the manifest has no `[[server]]`"),
            _ => problem.help(suggestion(&pattern.text, &known, "servers")),
        });
    }
    let texts = |patterns: Vec<Pattern>| patterns.into_iter().map(|pattern| pattern.text).collect();
    MatchPlan {
        endpoints: texts(endpoints),
        servers: texts(named),
        methods: raw.methods.map_or(Vec::new(), |patterns| texts(patterns.0)),
        names: raw.names.map_or(Vec::new(), |patterns| texts(patterns.0)),
        spans: raw.spans,
    }
}

/// An acceptance that nothing needs would let a later change of `on-error` through unseen.
fn check_acceptance(raw: &Stage, report: &mut Report) {
    let fails_open = raw.on_error != OnError::Refuse || raw.on_loss.limiter == LimiterLoss::Allow;
    if raw.accept_fail_open.is_some() && !fails_open {
        let message = "`stage.accept-fail-open` is written, and `stage.on-error` refuses calls";
        let problem = Problem::new(raw.spans.of("accept-fail-open"), message, "nothing fails open here");
        report.push(problem.help("leave it out, or write `on-error = \"allow\"` or `\"skip\"`"));
    }
}

fn check_budgets(raw: &Stage, report: &mut Report) {
    if raw.cpu_budget > raw.wall_budget {
        let key = if raw.spans.written("cpu-budget") { "cpu-budget" } else { "wall-budget" };
        let message = "`stage.cpu-budget` is longer than `stage.wall-budget`";
        let problem = Problem::new(raw.spans.of(key), message, "the shorter one ends the hook");
        let (cpu, wall) = (raw.cpu_budget, raw.wall_budget);
        report.push(problem.help(format!("they are {cpu:?} and {wall:?}; set both")));
    }
}
