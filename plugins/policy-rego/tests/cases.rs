//! Runs the case files natively.

#[test]
fn cases() {
    cardea_sdk::testing::run_cases::<cardea_plugin_policy_rego::Policy>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"));
}
