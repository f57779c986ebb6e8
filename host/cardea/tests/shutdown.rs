//! The end of the gateway, where a case cannot time it: the moment it serves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cardea_test_support::{Gateway, Programs};

const MANIFEST: &str = r#"
    open = "everybody may do everything in this test"

    [[server]]
    name = "notes"
    command = ["cardea-fake-server"]

    [[stage]]
    plugin = "anonymous"
"#;

/// An orchestrator may change its mind at once. Whoever says that it serves must know how to stop.
#[tokio::test]
async fn a_gateway_told_to_stop_the_moment_it_serves_ends_well() {
    let programs = Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap();
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(&programs, folder.path(), MANIFEST, &[]).await.unwrap();
        gateway.stop().await.unwrap();
    }
}

/// What collects logs may die before the gateway, and to complain about a log that cannot be written must not end the task
/// that listens for signals.
#[tokio::test]
async fn a_gateway_whose_log_nobody_reads_any_more_still_stops() {
    let programs = Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&programs, folder.path(), MANIFEST, &[]).await.unwrap();
    gateway.abandon_log().await;
    gateway.stop().await.unwrap();
}
