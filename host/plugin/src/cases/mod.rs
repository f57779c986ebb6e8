//! Every plugin's case files against its component: what holds natively must hold in wasm. Inside the crate, because a case
//! sets the clock and the role.

mod given;
mod state;
mod told;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cardea_chain::{Done, HookFault, Role, Stage};
use cardea_grant::Pattern;
use cardea_sdk::testing::case::{Case, Located, Run, load};
use cardea_sdk::testing::expect::compare;
use cardea_sdk::testing::observed::{Observed, Outcome};

use crate::clock::Clock;
use crate::{
    Capabilities, Engine, EngineSettings, Grants, Inspection, Isolation, Limits, LoadError, Scope, StageSpec, WasmStage,
};
use state::Scripted;
use told::Log;

#[test]
fn anonymous() {
    plugin("anonymous");
}

#[test]
fn api_key() {
    plugin("api-key");
}

#[test]
fn audit() {
    plugin("audit");
}

#[test]
fn guard() {
    plugin("guard");
}

#[test]
fn jwt() {
    plugin("jwt");
}

#[test]
fn mask() {
    plugin("mask");
}

#[test]
fn mask_arguments() {
    plugin("mask-arguments");
}

#[test]
fn pin() {
    plugin("pin");
}

#[test]
fn quota() {
    plugin("quota");
}

#[test]
fn policy_cedar() {
    plugin("policy-cedar");
}

#[test]
fn policy_cel() {
    plugin("policy-cel");
}

#[test]
fn policy_rego() {
    plugin("policy-rego");
}

#[test]
fn rate_limit() {
    plugin("rate-limit");
}

#[test]
fn rbac() {
    plugin("rbac");
}

#[test]
fn schema() {
    plugin("schema");
}

#[test]
fn every_hook_rust() {
    guest("every-hook-rust");
}

#[test]
fn every_hook_c() {
    guest("every-hook-c");
}

#[test]
fn every_hook_js() {
    guest("every-hook-js");
}

fn plugin(name: &str) {
    let component = built("plugins", name, "cargo xtask plugins");
    run_all(&component, &repository().join("plugins").join(name).join("cases"));
}

fn guest(name: &str) {
    let component = built("guests", name, "cargo xtask guests");
    run_all(&component, &repository().join("tests/guests/cases"));
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A component that was built before, in the target folder this test runs from.
fn built(kind: &str, name: &str, command: &str) -> Bytes {
    let test = std::env::current_exe().unwrap();
    let target =
        test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).expect("tests run from a target folder");
    let file = target.join(kind).join(format!("{name}.wasm"));
    match std::fs::read(&file) {
        Ok(component) => component.into(),
        Err(fault) => panic!("{}: {fault}. Run `{command}` first.", file.display()),
    }
}

fn run_all(component: &Bytes, folder: &Path) {
    let cases = load(folder).unwrap_or_else(|error| panic!("{error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Held, so that the cases share one compilation.
    let digest = Inspection::of(component).unwrap_or_else(|error| panic!("{error}")).digest;
    let _code =
        runtime.block_on(engine().codes.of(component.clone(), &digest)).unwrap_or_else(|error| panic!("{error}"));
    let (mut failures, mut ran) = (String::new(), 0);
    for Located { file, case } in cases.iter().filter(|located| can_be_had(&located.case)) {
        ran += 1;
        let held = runtime.block_on(run(component, case)).and_then(|observed| compare(case, &observed));
        if let Err(error) = held {
            failures += &format!("{}: {}\n{error}\n", file.display(), case.name);
        }
    }
    assert!(failures.is_empty(), "of {ran} cases these do not hold:\n\n{failures}");
    assert!(ran > 0, "no case could be run");
}

/// A case can let any import fail; here only what stands behind a trait can, and in the ways that trait has.
fn can_be_had(case: &Case) -> bool {
    case.given.failing.iter().all(|(what, name)| what == "kv" && state::fault(*name).is_some())
}

fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    Arc::clone(
        ENGINE.get_or_init(|| Engine::new(EngineSettings { instances: 64, ..EngineSettings::default() }).unwrap()),
    )
}

async fn run(component: &Bytes, case: &Case) -> Result<Observed, String> {
    let scripted = Arc::new(Scripted::of(case)?);
    let log = Log::default();
    let subscriber = tracing::subscriber::set_default(log.subscriber());
    let (outcome, mut observed) = match start(component, case, &scripted).await {
        Err(error) if case.hook == Run::Selftest => (Outcome::Selftest(Err(error.problem)), told::nothing(case)),
        Err(error) => (Outcome::Init(Err(error.problem)), told::nothing(case)),
        Ok(stage) => {
            let (outcome, mut observed) = ask(&stage, case).await?;
            observed.metrics = told::metrics(&stage);
            (outcome, observed)
        }
    };
    drop(subscriber);
    observed.outcome = outcome;
    observed.logs = log.lines();
    scripted.tell(&mut observed);
    Ok(observed)
}

/// The stage of a case. The configuration does not go through the schema here, because a case is about what the plugin
/// itself says of it.
async fn start(component: &Bytes, case: &Case, scripted: &Arc<Scripted>) -> Result<Arc<WasmStage>, LoadError> {
    let mut inspection = Inspection::of(component)?;
    if let Some(role) = &case.role {
        inspection.role = Role::parse(role).expect("a role of the interface");
        // What a role reads by itself is no matter of the interface.
        let everything = ["/params", "/result", "header:*"].map(|line| line.parse::<Pattern>().expect("a pattern"));
        inspection
            .manifest
            .iter_mut()
            .for_each(|manifest| manifest.asks.read = Some(everything.clone().into_iter().collect()));
    }
    let asks = inspection.manifest.as_ref().map_or_else(Scope::default, |manifest| manifest.asks.clone());
    let spec = StageSpec {
        name: inspection.manifest.as_ref().map_or("stage", |manifest| &manifest.name).to_owned(),
        plugin: "case".to_owned(),
        generation: case.given.generation.max(1),
        config: serde_json::from_str(&case.config_json()).expect("JSON"),
        grants: Grants {
            kv: asks.kv.is_some(),
            limiter: asks.limiter,
            journal: asks.journal,
            issuers: if asks.jose { vec![given::issuer()] } else { Vec::new() },
            read: asks.read,
            edit: asks.edit,
            ..Grants::default()
        },
        // A test machine may be busy with everything but the test.
        limits: Limits {
            cpu: std::time::Duration::from_secs(1),
            wall: std::time::Duration::from_secs(10),
            ..Limits::default()
        },
        isolation: Isolation::Shared,
    };
    let capabilities =
        Capabilities::new(Arc::clone(scripted) as _, Arc::clone(scripted) as _).with_jose(Arc::clone(scripted) as _);
    let clock = Clock::Fixed(case.given.now_ms);
    WasmStage::start(&engine(), component.clone(), inspection, spec, capabilities, clock).await
}

async fn ask(stage: &WasmStage, case: &Case) -> Result<(Outcome, Observed), String> {
    let call = given::call(case)?;
    Ok(match case.hook {
        Run::Init => (Outcome::Init(Ok(())), told::nothing(case)),
        Run::Selftest => (Outcome::Selftest(Ok(())), told::nothing(case)),
        Run::OnAuthenticate => done(case, stage.authenticate(&given::credential(case)).await, told::finding),
        Run::OnCatalog => done(case, stage.admit(&given::definitions(case)).await, told::admissions),
        Run::OnList => done(case, stage.keep(&call, &given::listing(case, &call)).await, Outcome::Keep),
        Run::OnCall => done(case, stage.judge_call(&call).await, told::call_verdict),
        Run::OnRoute => done(case, stage.choose(&call, &given::candidates(case)).await, told::choice),
        Run::OnMessage => done(case, stage.judge_message(&call, &given::passing(case)).await, told::message_verdict),
        Run::OnReply => done(case, stage.judge_reply(&call, &given::reply(case)?).await, told::reply_verdict),
        Run::OnRecord => {
            let outcome = match stage.deliver(&given::records(case)).await {
                Ok(()) => Outcome::Delivered(Ok(())),
                Err(crate::DeliveryFault::Refused(why)) => Outcome::Delivered(Err(why)),
                Err(crate::DeliveryFault::Failed(fault)) => Outcome::Trap(fault.inside),
            };
            (outcome, told::nothing(case))
        }
    })
}

fn done<T>(case: &Case, done: Result<Done<T>, HookFault>, outcome: impl FnOnce(T) -> Outcome) -> (Outcome, Observed) {
    match done {
        Ok(Done { verdict, effects }) => {
            let outcome = outcome(verdict);
            let observed = told::effects(case, effects, outcome.commits_edits());
            (outcome, observed)
        }
        Err(fault) => (Outcome::Trap(fault.inside), told::nothing(case)),
    }
}
