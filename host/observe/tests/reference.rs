//! The reference page has every number there is, as it is declared.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use cardea_observe::metrics::{ALL, Declared};

fn row(metric: &Declared) -> String {
    let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{} ", labels.join(", ")) };
    format!("| `{}` | {} | {labels}| {} |", metric.name, metric.kind.as_str(), metric.help)
}

#[test]
fn the_page_is_the_table() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let written: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("| `cardea_")).collect();
    let declared: Vec<String> = ALL.iter().map(row).collect();
    for row in &declared {
        assert!(written.contains(row.as_str()), "docs/reference/metrics.md lacks this line:\n{row}");
    }
    assert_eq!(written.len(), declared.len(), "docs/reference/metrics.md has a number that the gateway does not");
}

#[test]
fn names_are_what_prometheus_expects() {
    for metric in ALL {
        let fits = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(metric.name.starts_with("cardea_") && fits(metric.name), "{}", metric.name);
        assert!(metric.labels.iter().all(|label| fits(label)), "{}", metric.name);
        assert!(!metric.help.contains(['\n', '|']), "{}", metric.name);
    }
    assert_eq!(ALL.iter().map(|metric| metric.name).collect::<BTreeSet<_>>().len(), ALL.len());
}
