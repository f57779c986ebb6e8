//! Plugins that are damaged, wrong or malicious: each gives a clear error, and the next call, and every other stage, is served.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use cardea_chain::{CallVerdict, Hook, HookFaultKind, Stage};
use cardea_plugin::{Engine, EngineSettings, Grants, Limits, LoadErrorKind};
use support::{Component, call, call_until, capabilities, engine, load, spec};

/// A body of `judge` that never ends.
const FOREVER: &str = "(loop $again (br $again)) unreachable";

#[test]
fn what_is_no_component_is_said_to_be_so() {
    let whole = Component::default().build();
    let module = wat::parse_str("(module)").unwrap();
    let mut elf = b"\x7fELF".to_vec();
    elf.resize(100, 0);
    let cases: [(&[u8], &str); 6] = [
        (b"", "empty"),
        (b"(component)", "not WebAssembly"),
        (&module, "core WebAssembly module"),
        (&elf, "machine code"),
        (&whole[..whole.len() / 2], "damaged"),
        (b"\0asm\x0d\0\x01\0\xff\xff\xff\xff\xff", "damaged"),
    ];
    for (bytes, word) in cases {
        let error = Engine::inspect(bytes).unwrap_err();
        assert_eq!(error.kind, LoadErrorKind::File, "{error}");
        assert!(error.problem.contains(word), "{error}");
        assert!(!error.remedy.is_empty());
    }
}

#[test]
fn no_cut_and_no_flipped_byte_panics() {
    let whole = Component::default().build();
    let mut taken = 0;
    for end in 0..whole.len() {
        // What is cut between two sections may still be a component, if only custom sections are gone.
        if let Ok(inspection) = Engine::inspect(&whole[..end]) {
            assert!(inspection.hooks.has(Hook::Call), "cut at {end}");
            taken += 1;
        }
    }
    assert!(taken < 5, "{taken} cuts were taken for whole");
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x55;
        // Whether it is still a component depends on the byte; that it is decided without a panic does not.
        let _ = Engine::inspect(&flipped);
    }
}

#[tokio::test]
async fn damage_that_only_the_compiler_sees_is_a_load_error() {
    let whole = Component::default().build();
    let engine = engine();
    let (mut refused, step) = (0, 1 + whole.len() / 200);
    for at in (0..whole.len()).step_by(step) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x55;
        match engine.load(flipped.into(), spec("flipped"), capabilities()).await {
            Ok(stage) => drop(stage.judge_call(&call("{}")).await),
            Err(error) => {
                assert_eq!(error.plugin, "flipped.wasm");
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "only {refused} were refused");
}

#[test]
fn another_version_of_the_interface_is_named() {
    let error = Engine::inspect(&Component { version: "0.2.0", ..Component::default() }.build()).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::Interface);
    assert!(error.problem.contains("0.2.0") && error.problem.contains("0.1"), "{error}");
    let patch = Component { version: "0.1.7", ..Component::default() }.build();
    assert!(Engine::inspect(&patch).is_ok());
}

#[test]
fn what_is_not_built_yet_is_said_to_be_so() {
    let serve = Component {
        worlds: "export cardea:plugin/on-serve@0.1.0;",
        exports: support::ON_SERVE,
        ..Component::default()
    };
    let invoke = Component { imports: support::INVOKE, ..Component::default() };
    for (component, word) in [(serve, "on-serve"), (invoke, "invoke")] {
        let error = Engine::inspect(&component.build()).unwrap_err();
        assert_eq!(error.kind, LoadErrorKind::Unavailable, "{error}");
        assert!(error.problem.contains(word) && error.problem.contains("not available in this version"), "{error}");
    }
}

#[tokio::test]
async fn an_import_without_a_grant_names_the_line_to_add() {
    let component = Component { imports: support::KV, ..Component::default() }.build();
    let engine = engine();
    let error = engine.load(component.clone().into(), spec("greedy"), capabilities()).await.err().unwrap();
    assert_eq!(error.kind, LoadErrorKind::NotGranted);
    assert!(error.remedy.contains("`grant.kv = true`"), "{error:?}");
    let mut spec = spec("greedy");
    spec.grants = Grants { kv: true, ..Grants::default() };
    assert!(engine.load(component.into(), spec, capabilities()).await.is_ok());
}

#[tokio::test]
async fn hooks_that_do_not_fit_the_role_are_refused() {
    let error = engine()
        .load(Component { role: "route", ..Component::default() }.build().into(), spec("x"), capabilities())
        .await;
    let error = error.err().unwrap();
    assert_eq!(error.kind, LoadErrorKind::Role);
    assert!(error.problem.contains("`on-call` in the role `route`"), "{error}");
}

#[tokio::test]
async fn a_trap_costs_its_own_call_only() {
    // Traps for large params, passes small ones.
    let stage = load(Component {
        judge: "(if (i64.gt_u (call $size) (i64.const 10)) (then unreachable)) (i32.const 0)",
        ..Component::default()
    })
    .await;
    for _ in 0..3 {
        let fault = stage.judge_call(&call(r#"{"arguments":{}}"#)).await.err().unwrap();
        assert_eq!(fault.kind, HookFaultKind::Trap);
        assert_eq!(stage.judge_call(&call("{}")).await.unwrap().verdict, CallVerdict::Pass);
    }
    assert_eq!((stage.stats().failed_by(HookFaultKind::Trap), stage.stats().retries), (3, 3));
}

#[tokio::test]
async fn computing_forever_ends_with_the_budget_and_shares_the_thread_meanwhile() {
    let stage = load(Component { judge: FOREVER, ..Component::default() }).await;
    let call = call("{}");
    let mut others = 0;
    let judged = stage.judge_call(&call);
    tokio::pin!(judged);
    let fault = loop {
        tokio::select! {
            biased;
            done = &mut judged => break done.err().unwrap(),
            () = tokio::task::yield_now() => others += 1,
        }
    };
    assert_eq!(fault.kind, HookFaultKind::CpuBudget);
    assert!(others > 0, "nobody else had a turn");
}

#[tokio::test]
async fn the_clock_ends_what_the_cpu_budget_does_not() {
    let limits = Limits { cpu: Duration::from_secs(600), wall: Duration::from_millis(20), ..Limits::default() };
    let stage = support::load_within(Component { judge: FOREVER, ..Component::default() }, limits).await;
    assert_eq!(stage.judge_call(&call("{}")).await.err().unwrap().kind, HookFaultKind::WallBudget);
}

#[tokio::test]
async fn memory_ends_where_the_limit_is_and_a_grown_instance_is_replaced() {
    // Grows by a MiB at a time until that fails; traps if it never does within 20.
    let judge = "(local $n i32) (loop $more
        (if (i32.gt_u (local.get $n) (i32.const 20)) (then unreachable))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
        (i32.const 0)";
    let stage = load(Component { judge, ..Component::default() }).await;
    for replaced in 1..=3 {
        assert_eq!(stage.judge_call(&call("{}")).await.unwrap().verdict, CallVerdict::Pass);
        assert_eq!(stage.stats().pool.retired_by_growth, replaced);
    }
    let huge = Component { pages: 300, ..Component::default() };
    let error = engine().load(huge.build().into(), spec("huge"), capabilities()).await.err().unwrap();
    assert_eq!(error.kind, LoadErrorKind::Init, "{error}");
}

#[tokio::test]
async fn a_call_dropped_midway_leaves_the_stage_whole() {
    // Computes forever for large params only.
    let judge = "(if (i64.gt_u (call $size) (i64.const 10)) (then (loop $again (br $again)))) (i32.const 0)";
    let limits = Limits {
        cpu: Duration::from_secs(600),
        wall: Duration::from_secs(600),
        concurrency: Some(1),
        ..Limits::default()
    };
    let stage = support::load_within(Component { judge, ..Component::default() }, limits).await;
    for dropped in 1..=3 {
        let long = call(r#"{"arguments":{}}"#);
        let midway = tokio::time::timeout(Duration::from_millis(10), stage.judge_call(&long)).await;
        assert!(midway.is_err(), "it ended by itself");
        assert_eq!(stage.stats().abandoned, dropped);
        assert_eq!(stage.judge_call(&call("{}")).await.unwrap().verdict, CallVerdict::Pass);
    }
}

#[tokio::test]
async fn who_finds_every_instance_busy_waits_until_the_deadline_and_no_longer() {
    let limits = Limits {
        cpu: Duration::from_secs(600),
        wall: Duration::from_secs(600),
        concurrency: Some(1),
        ..Limits::default()
    };
    let stage = support::load_within(Component { judge: FOREVER, ..Component::default() }, limits).await;
    let (first, second) = (call("{}"), call_until("{}", Duration::from_millis(20)));
    tokio::select! {
        biased;
        _ = stage.judge_call(&first) => panic!("it ended by itself"),
        refused = stage.judge_call(&second) => assert_eq!(refused.err().unwrap().kind, HookFaultKind::Busy),
    }
}

#[tokio::test]
async fn a_plugin_that_does_not_start_is_not_loaded() {
    let trap = Component { init: "unreachable", ..Component::default() };
    let error = engine().load(trap.build().into(), spec("x"), capabilities()).await.err().unwrap();
    assert_eq!(error.kind, LoadErrorKind::Init);
    assert!(error.problem.contains("init did not return (trap)"), "{error}");
    let forever = Component { selftest: FOREVER, ..Component::default() };
    let started = Instant::now();
    let error = engine().load(forever.build().into(), spec("x"), capabilities()).await.err().unwrap();
    assert!(error.problem.contains("selftest did not return"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn code_is_compiled_once_and_found_again() {
    let home = tempfile::tempdir().unwrap();
    let settings =
        EngineSettings { cache_dir: Some(home.path().join("code")), instances: 16, ..EngineSettings::default() };
    let component = Component::default().build();
    let compiled = || {
        let entries = std::fs::read_dir(home.path().join("code")).unwrap();
        let names = entries.map(|entry| entry.unwrap().path());
        let mut code: Vec<_> =
            names.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect();
        code.sort();
        code
    };
    for _ in 0..2 {
        let engine = Engine::new(settings.clone()).unwrap();
        let load = || engine.load(component.clone().into(), spec("x"), capabilities());
        let (one, other) = tokio::join!(load(), load());
        for stage in [one.unwrap(), other.unwrap()] {
            assert_eq!(stage.judge_call(&call("{}")).await.unwrap().verdict, CallVerdict::Pass);
        }
        assert_eq!(compiled().len(), 1);
    }
    // Put in its place, not written over: what is mapped must not change.
    let other = home.path().join("other");
    std::fs::write(&other, b"not what we wrote").unwrap();
    std::fs::rename(&other, &compiled()[0]).unwrap();
    let stage = Engine::new(settings).unwrap().load(component.into(), spec("x"), capabilities()).await.unwrap();
    assert_eq!(stage.judge_call(&call("{}")).await.unwrap().verdict, CallVerdict::Pass);
}

#[tokio::test]
async fn ticking_ends_with_the_engine_and_loading_after_many_engines_still_works() {
    for _ in 0..20 {
        drop(engine());
    }
    let stage = load(Component::default()).await;
    assert_eq!(stage.judge_call(&call("{}")).await.unwrap().verdict, CallVerdict::Pass);
}
