//! `cardea check`, and the rules of a chain that take manifest and plugins together to judge.

use std::path::Path;

use cardea_chain::{Hook, Matcher, Role};
use cardea_config::{OnError, Plan, Problem, Report, StagePlan};
use cardea_plugin::Inspection;

use crate::assemble::{self, Examined};
use crate::gateway::Parts;
use crate::manifest::Manifest;
use crate::{Failure, log};

/// Checks a manifest and the plugins it names, `init` and `selftest` included. Starts no server and opens no port.
pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let manifest = Manifest::read(path)?;
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
    }
    shape_first(stages, report);
    coverage(plan, stages, report);
}

/// Somebody must name the caller, or every exchange ends in 401.
fn identity(plan: &Plan, stages: &[Examined], report: &mut Report) {
    if stages.iter().any(|stage| stage.inspection.hooks.has(Hook::Authenticate)) || !report.is_empty() {
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
    let bare: Vec<String> = std::iter::once((assemble::ALL_SERVERS.to_owned(), None))
        .chain(servers)
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
