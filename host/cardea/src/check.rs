//! `cardea check`, and the rules of a chain that take manifest and plugins together to judge.

use std::path::Path;

use cardea_chain::{Hook, Matcher, Role};
use cardea_config::{Keep, KeepIn, LimiterLoss, OnError, Plan, Problem, Report, StagePlan, StatePlace};
use cardea_plugin::Inspection;

use crate::assemble::{self, Examined};
use crate::gateway::Parts;
use crate::manifest::Manifest;
use crate::{Failure, journal, log};

/// Checks a manifest and the plugins it names, `init` and `selftest` included. Starts no server and opens no port.
pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let manifest = Manifest::read(path)?;
    journal::settings(&manifest)?;
    let runtime = crate::serve::runtime()?;
    runtime.block_on(async {
        let parts = Parts::for_trial(&manifest)?;
        let built = assemble::first(&parts, &manifest).await.map_err(|report| manifest.wrong(&report))?;
        let (servers, stages) = (manifest.plan.servers.len(), built.stages.len());
        log::print(&format!("{}: ok, {servers} servers, {stages} stages", path.display()))
    })
}

/// The rules. Every breach is a problem with a place.
pub(crate) fn rules(plan: &Plan, stages: &[Examined], report: &mut Report) {
    identity(plan, stages, report);
    for examined in stages {
        on_error(examined, report);
        on_loss(examined, report);
        keeping(plan, examined, report);
        shadow_role(examined, report);
    }
    sharing(plan, report);
    metadata(stages, report);
    shape_first(stages, report);
    coverage(plan, stages, report);
}

/// Somebody must name the caller, or every exchange ends in 401. The client of `cardea stdio` is named by the manifest.
fn identity(plan: &Plan, stages: &[Examined], report: &mut Report) {
    if plan.stdio.is_some()
        || stages.iter().any(|stage| stage.inspection.hooks.has(Hook::Authenticate))
        || !report.is_empty()
    {
        return;
    }
    let problem = Problem::new(
        plan.spans.whole(),
        "no stage says who calls, so every request would be answered with 401",
        "no stage of role `identity`",
    );
    report.push(
        problem.help("add a stage with `plugin = \"api-key\"`, or with `plugin = \"anonymous\"` if everybody may call"),
    );
}

/// Only who looks at tokens knows whose are taken.
fn metadata(stages: &[Examined], report: &mut Report) {
    for examined in stages.iter().filter(|examined| !examined.inspection.hooks.has(Hook::Authenticate)) {
        let stage = &examined.plan;
        if stage.spans.written("metadata") {
            let message = format!("stage `{}` has `metadata` and looks at no token", stage.name);
            let problem = Problem::new(stage.spans.of("metadata"), message, "nobody is told this");
            report.push(problem.help("put it into the stage of role `identity`"));
        }
    }
}

/// Fails closed, unless the manifest says in words why not; who says who calls and who may, always does.
fn on_error(examined: &Examined, report: &mut Report) {
    let (stage, role) = (&examined.plan, examined.role());
    if stage.on_error == OnError::Refuse || matches!(role, Role::Route | Role::Observe) {
        return;
    }
    let told = |what: &str| format!("stage `{}` of role `{}` {what}", stage.name, role.as_str());
    let at = || stage.spans.of("on-error");
    if matches!(role, Role::Identity | Role::Rights) {
        let problem =
            Problem::new(at(), told("must not let calls pass when it fails"), "would let calls pass unjudged");
        report.push(problem.help("leave `on-error` out, or write \"refuse\""));
    } else if stage.accept_fail_open.is_none() {
        let problem = Problem::new(at(), told("would let calls pass when it fails"), "fails open");
        report.push(problem.help(
            "leave `on-error` out, or say why that is acceptable: `accept-fail-open = \"nothing is lost if this is missed\"`",
        ));
    }
}

/// A limit that lets everything pass when it cannot count fails open as well.
fn on_loss(examined: &Examined, report: &mut Report) {
    let stage = &examined.plan;
    if stage.on_loss.limiter == LimiterLoss::Allow && stage.accept_fail_open.is_none() {
        let message = format!("stage `{}` would let calls pass uncounted when `state.redis` is lost", stage.name);
        let problem = Problem::new(stage.on_loss.spans.of("limiter"), message, "fails open");
        report.push(problem.help(
            "write \"refuse\" or \"local\", or say why that is acceptable: `accept-fail-open = \"nothing is lost if this is missed\"`",
        ));
    }
}

/// What must outlive a restart cannot be kept in memory.
fn keeping(plan: &Plan, examined: &Examined, report: &mut Report) {
    let stage = &examined.plan;
    let (why, at) = match stage.keep {
        Keep::Durable => ("its `keep` is \"durable\"", stage.spans.of("keep")),
        Keep::Process if examined.inspection.needs_durable() => ("its plugin asks for that", stage.spans.of("plugin")),
        Keep::Process => return,
    };
    if plan.state.place == StatePlace::Own(KeepIn::Memory) {
        let name = &stage.name;
        let message = format!("what stage `{name}` keeps must outlive a restart ({why}), and `state` is in memory");
        let problem = Problem::new(at, message, "would be lost with the process");
        report.push(
            problem.help("leave `state.keep-in` out to keep it in the data directory, or share it: `state.redis`"),
        );
    }
}

/// The address says nothing of whether a Redis is there: a gateway starts without it.
fn sharing(plan: &Plan, report: &mut Report) {
    if let StatePlace::Redis(redis) = &plan.state.place
        && let Err(wrong) = cardea_state::Redis::check(redis.address.reveal())
    {
        let message = format!("`state.redis` {wrong}");
        report.push(Problem::new(plan.state.spans.of("redis"), message, "cannot be reached"));
    }
}

/// What stands elsewhere in the chain cannot be compared.
fn shadow_role(examined: &Examined, report: &mut Report) {
    let (Some((inspection, _)), Some(shadow)) = (&examined.shadow, &examined.plan.shadow) else { return };
    let (live, other) = (examined.role(), inspection.role());
    if live != other {
        let (name, live, other) = (&examined.plan.name, live.as_str(), other.as_str());
        let message = format!("the shadow of stage `{name}` is of role `{other}`, and the stage of role `{live}`");
        report.push(Problem::new(shadow.spans.of("plugin"), message, "cannot be compared"));
    }
}

/// Nothing may edit arguments after rights have judged them or a limit has counted them.
fn shape_first(stages: &[Examined], report: &mut Report) {
    let mut judged: Option<&str> = None;
    for examined in stages {
        match examined.role() {
            Role::Rights | Role::Limit => judged = judged.or(Some(&examined.plan.name)),
            Role::Shape => {
                if let Some(earlier) = judged {
                    let name = &examined.plan.name;
                    let message = format!("stage `{name}` rewrites arguments after stage `{earlier}` has judged them");
                    let problem = Problem::new(examined.plan.spans.of("plugin"), message, "role `shape`");
                    report.push(problem.help(format!("move `{name}` above `{earlier}`")));
                }
            }
            _ => {}
        }
    }
}

/// Every endpoint needs a rights stage that is asked about every method, unknown ones included, unless the manifest says in
/// words that it is open.
fn coverage(plan: &Plan, stages: &[Examined], report: &mut Report) {
    if plan.open.is_some() || !report.is_empty() {
        return;
    }
    let rights: Vec<Matcher> =
        stages.iter().filter(|stage| judges(&stage.inspection)).map(|s| matcher(&s.plan)).collect();
    let servers = plan.servers.iter().map(|server| (assemble::one_server(&server.name), Some(server.name.as_str())));
    // A list of several servers is asked for at none of them, so that one server alone is behind none of these either.
    let views = plan.views.iter().map(|view| (view.path.clone(), None));
    let bare: Vec<String> = std::iter::once((assemble::ALL_SERVERS.to_owned(), None))
        .chain(servers)
        .chain(views)
        .filter(|(endpoint, server)| !rights.iter().any(|matcher| matcher.covers(endpoint, *server)))
        .map(|(endpoint, _)| format!("`{endpoint}`"))
        .collect();
    if bare.is_empty() {
        return;
    }
    let message = format!("no stage of role `rights` judges every call at {}", bare.join(", "));
    let problem = Problem::new(plan.spans.whole(), message, "calls would pass unjudged");
    report.push(problem.help(
        "add a stage with `plugin = \"rbac\"` whose `match` names no methods and no names, or say why not: `open = \"everybody may do everything here\"`",
    ));
}

fn judges(inspection: &Inspection) -> bool {
    inspection.role() == Role::Rights && inspection.hooks.has(Hook::Call)
}

/// The `match` of a stage as the corridor reads it.
pub(crate) fn matcher(stage: &StagePlan) -> Matcher {
    let matches = &stage.matches;
    Matcher::new(&matches.endpoints, &matches.servers, &matches.methods, &matches.names)
}
