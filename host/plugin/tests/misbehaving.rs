//! Every guest of `tests/guests/misbehaving`: it is refused or stopped, and everybody else is served. The table below makes a
//! guest without a test, a test without a guest and a name without a file fail to compile.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

macro_rules! guests {
    ($($deed:ident: $file:literal,)*) => {
        /// The files that have a test.
        const FILES: &[&str] = &[$(concat!($file, ".wat")),*];

        mod guest {
            use super::{deeds, support::house::Guest};

            $(#[tokio::test]
            async fn $deed() {
                deeds::$deed(Guest::new(include_str!(concat!("../../../tests/guests/misbehaving/", $file, ".wat")))).await;
            })*
        }
    };
}

guests! {
    trap: "trap",
    panic: "panic",
    exit: "exit",
    infinite_loop: "infinite-loop",
    deep_recursion: "deep-recursion",
    memory_bomb: "memory-bomb",
    table_bomb: "table-bomb",
    huge_result: "huge-result",
    ten_million_items: "ten-million-items",
    host_call_storm: "host-call-storm",
    log_storm: "log-storm",
    slow_host_call: "slow-host-call",
    sleeping_import: "sleeping-import",
    another_plugins_keys: "another-plugins-keys",
    ungranted_import: "ungranted-import",
    edits_beyond_its_part: "edits-beyond-its-part",
    lies_about_its_hooks: "lies-about-its-hooks",
    invalid_utf8: "invalid-utf8",
    invalid_json: "invalid-json",
    truncated_file: "truncated-file",
    huge_file: "huge-file",
    compile_bomb: "compile-bomb",
    wrong_version: "wrong-version",
    handle_hoard: "handle-hoard",
    random_bomb: "random-bomb",
    scratch_hoard: "scratch-hoard",
}

/// What each does, and what becomes of it.
mod deeds {
    use std::sync::Arc;
    use std::time::Instant;

    use bytes::Bytes;
    use cardea_chain::{Call, HookFaultKind, ItemKind, Listing, Stage};
    use cardea_plugin::{Capabilities, LoadErrorKind};
    use cardea_state::{Kv, Memory, Quota, Space};

    use super::support::house::{BAD, Guest, shared};
    use super::support::kv::Hesitant;
    use super::support::log::Log;
    use super::support::{call, engine};

    pub(super) async fn trap(guest: Guest) {
        let house = guest.house().await;
        assert!(house.traps().await.contains("unreachable"));
        let stats = house.stage.stats();
        assert_eq!((stats.failed(), stats.failed_by(HookFaultKind::Trap), stats.retries), (1, 1, 1));
    }

    pub(super) async fn panic(guest: Guest) {
        let house = guest.house().await;
        let log = Log::default();
        let _listening = log.listen();
        house.traps().await;
        let lines: Vec<_> = log.lines().into_iter().filter(|line| line.contains("backtrace=")).collect();
        assert_eq!(lines.len(), 2, "once, and once more on a fresh instance: {lines:#?}");
        for line in lines {
            let trace = "rust_panic < std::panicking::panic_handler < acme::parse_rule < misbehave";
            assert!(line.contains(trace) && line.contains("call=1") && line.contains("stage=guest"), "{line}");
        }
    }

    pub(super) async fn exit(guest: Guest) {
        assert!(guest.house().await.traps().await.contains("exit"));
    }

    pub(super) async fn infinite_loop(guest: Guest) {
        let house = guest.house().await;
        assert_eq!(house.stops().await.kind, HookFaultKind::CpuBudget);
        assert_eq!(house.stage.stats().retries, 0, "a budget is spent once");
    }

    pub(super) async fn deep_recursion(guest: Guest) {
        assert!(guest.house().await.traps().await.contains("stack"));
    }

    pub(super) async fn memory_bomb(guest: Guest) {
        let house = guest.house().await;
        house.bears().await;
        assert_eq!(house.stage.stats().pool.retired_by_growth, 1);
    }

    pub(super) async fn table_bomb(guest: Guest) {
        guest.house().await.bears().await;
    }

    pub(super) async fn huge_result(guest: Guest) {
        let started = Instant::now();
        assert!(guest.house().await.traps().await.contains("fuel"));
        assert!(started.elapsed().as_secs() < 30);
    }

    pub(super) async fn ten_million_items(guest: Guest) {
        let house = guest.house().await;
        let (call, result) = (call("{}"), Bytes::from_static(br#"{"tools":[{"name":"echo"}]}"#));
        let listing = Arc::new(Listing::read(&call, ItemKind::Tool, result).unwrap());
        let fault = house.stage.keep(&call, &listing).await.err().expect("ten million answers were taken");
        assert!(fault.kind == HookFaultKind::Trap && fault.inside.contains("fuel"), "{fault:?}");
        house.serves().await;
    }

    pub(super) async fn host_call_storm(guest: Guest) {
        assert!(guest.house().await.traps().await.contains("more host calls"));
    }

    pub(super) async fn log_storm(guest: Guest) {
        let house = guest.house().await;
        let log = Log::default();
        let _listening = log.listen();
        house.bears().await;
        let lines: Vec<_> = log.lines().into_iter().filter(|line| line.contains("AAAA")).collect();
        assert_eq!(lines.len(), 20);
        assert!(lines.iter().all(|line| line.len() < 5_000));
        log.line("used up its log lines");
    }

    pub(super) async fn slow_host_call(guest: Guest) {
        let limiter = Arc::new(Memory::default());
        let house = guest.house_with(Capabilities::new(Arc::new(Hesitant(None)), limiter)).await;
        tokio::time::pause();
        assert_eq!(house.stops().await.kind, HookFaultKind::WallBudget);
    }

    pub(super) async fn sleeping_import(guest: Guest) {
        let house = guest.house().await;
        tokio::time::pause();
        assert_eq!(house.stops().await.kind, HookFaultKind::WallBudget);
    }

    pub(super) async fn another_plugins_keys(guest: Guest) {
        let (memory, capabilities) = shared();
        let value = Bytes::from_static(b"x");
        let space = Space { name: "6:victim", quota: Quota { keys: 1, bytes: 64 } };
        memory.put(space, "secret", value, None, 0).await.unwrap();
        let victim = guest.stage(&engine(), "victim", capabilities.clone()).await;
        assert!(victim.judge_call(&call(BAD)).await.is_err(), "whose key it is does not find it");
        let house = guest.house_with(capabilities).await;
        house.bears().await;
    }

    pub(super) async fn ungranted_import(guest: Guest) {
        let error = guest.load_error().await;
        assert_eq!(error.kind, LoadErrorKind::NotGranted, "{error}");
        assert!(error.problem.contains("`kv`"), "{error}");
    }

    pub(super) async fn edits_beyond_its_part(guest: Guest) {
        guest.house().await.bears().await;
    }

    pub(super) async fn lies_about_its_hooks(guest: Guest) {
        let error = guest.load_error().await;
        assert_eq!(error.kind, LoadErrorKind::Role, "{error}");
    }

    pub(super) async fn invalid_utf8(guest: Guest) {
        assert!(guest.house().await.traps().await.contains("utf-8"));
    }

    pub(super) async fn invalid_json(guest: Guest) {
        let fault = guest.house().await.stops().await;
        assert_eq!(fault.kind, HookFaultKind::BadAnswer, "{fault:?}");
    }

    pub(super) async fn truncated_file(guest: Guest) {
        let error = guest.load_error().await;
        assert_eq!(error.kind, LoadErrorKind::File, "{error}");
    }

    pub(super) async fn huge_file(guest: Guest) {
        let error = guest.load_error().await;
        assert!(error.kind == LoadErrorKind::File && error.problem.contains("64 MiB"), "{error}");
    }

    pub(super) async fn compile_bomb(guest: Guest) {
        let error = guest.load_error().await;
        assert!(error.kind == LoadErrorKind::File && error.problem.contains("too long to compile"), "{error}");
    }

    pub(super) async fn wrong_version(guest: Guest) {
        let error = guest.load_error().await;
        assert!(error.kind == LoadErrorKind::Interface && error.problem.contains("0.2.0"), "{error}");
    }

    pub(super) async fn handle_hoard(guest: Guest) {
        let inside = guest.house().await.traps().await;
        assert!(inside.contains("handle") || inside.contains("resource"), "{inside}");
    }

    pub(super) async fn random_bomb(guest: Guest) {
        assert!(guest.house().await.traps().await.contains("exceeds limit"));
    }

    /// What a stage leaves in one hook counts in its next: all of it stays until the call ends.
    pub(super) async fn scratch_hoard(guest: Guest) {
        let house = guest.house().await;
        let left = |call: &Arc<Call>, notes| {
            let mut call = Call::clone(call);
            call.scratch.commit(house.stage.name(), notes);
            Arc::new(call)
        };
        let first = house.stage.judge_call(&call(BAD)).await.map_err(|fault| fault.inside).unwrap().effects.scratch;
        assert_eq!(first[0].1.len(), 40 << 10);
        let another_key = left(&call(r#"{"arguments":{"a":1}}"#), first.clone());
        assert!(house.stage.judge_call(&another_key).await.is_err(), "it left 80 KiB");
        let same_key = left(&call(BAD), first);
        assert!(house.stage.judge_call(&same_key).await.is_ok(), "a note that is replaced counts once");
        house.serves().await;
    }
}

#[test]
fn every_file_has_a_test() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/misbehaving");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(FILES.contains(&&*name), "{name} is in no line of `guests!`");
    }
}
