//! Runs the case files of all such guests natively.

#[test]
fn cases() {
    cardea_sdk::testing::run_cases::<guest_every_hook_rust::EveryHook>(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../cases"
    ));
}
