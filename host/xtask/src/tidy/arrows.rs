//! Who may depend on whom: the arrows between the house's crates, and the outside crates that only one room may name.

use std::fs;

use crate::tidy::finding::Finding;
use crate::workspace::{Package, Workspace};

/// Every crate of the house and the house crates it may depend on. The order is the house's: an arrow only ever points up.
const ARROWS: &[(&str, &[&str])] = &[
    ("cardea-message", &[]),
    ("cardea-grant", &[]),
    ("cardea-egress", &[]),
    ("cardea-seal", &[]),
    ("cardea-state", &[]),
    ("cardea-admin", &[]),
    ("cardea-chain", &["cardea-message"]),
    ("cardea-config", &["cardea-message", "cardea-grant"]),
    ("cardea-observe", &["cardea-message", "cardea-chain"]),
    ("cardea-ledger", &["cardea-message", "cardea-chain"]),
    ("cardea-registry", &["cardea-message", "cardea-chain"]),
    ("cardea-dial", &["cardea-message", "cardea-chain", "cardea-seal"]),
    ("cardea-listen", &["cardea-message", "cardea-chain", "cardea-seal"]),
    ("cardea-jose", &["cardea-message", "cardea-grant", "cardea-egress"]),
    (
        "cardea-plugin",
        &["cardea-message", "cardea-chain", "cardea-state", "cardea-grant", "cardea-egress", "cardea-jose"],
    ),
    (
        "cardea",
        &[
            "cardea-message",
            "cardea-chain",
            "cardea-plugin",
            "cardea-registry",
            "cardea-listen",
            "cardea-dial",
            "cardea-seal",
            "cardea-state",
            "cardea-grant",
            "cardea-egress",
            "cardea-jose",
            "cardea-ledger",
            "cardea-observe",
            "cardea-admin",
            "cardea-config",
        ],
    ),
    ("cardea-sdk-macros", &[]),
    ("cardea-sdk", &["cardea-sdk-macros"]),
    ("cardea-sdk-policy", &["cardea-sdk"]),
    ("xtask", &[]),
];

/// Folders whose crates are not listed one by one: all in a folder may depend on the same.
const FOLDERS: &[(&str, &[&str])] = &[
    ("plugins/mask", &[]),
    ("plugins/rate-limit", &["cardea-sdk"]),
    ("plugins", &["cardea-sdk", "cardea-sdk-policy", "cardea-mask", "cardea-limits"]),
    ("tests/guests", &["cardea-sdk"]),
    ("tests", &["cardea-message", "cardea-chain", "cardea-observe", "cardea-state", "cardea-plugin", "cardea-hotpath"]),
    ("examples", &[]),
];

/// House crates, the outside crates they must not name (by the start of their names), and why.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    ("cardea-message", &["tokio", "hyper", "wasmtime"], "a message is values only: no I/O, no clock, no async"),
    (
        "cardea-chain",
        &["hyper", "wasmtime"],
        "the corridor is walked the same by native fakes and by wasm, over any transport",
    ),
];

const WASM_ROOM: &str = "cardea-plugin";

/// What the packages' dependencies break.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    workspace.packages.iter().flat_map(|package| check_package(workspace, package)).collect()
}

fn check_package(workspace: &Workspace, package: &Package) -> Vec<Finding> {
    let manifest = Manifest::of(workspace, package);
    let mut findings: Vec<Finding> = manifest.without_lints().into_iter().collect();
    let folder = workspace_folder(workspace, package);
    match allowed(&package.name, &folder) {
        Some(allowed) => findings.extend(wrong_arrows(package, allowed, &manifest)),
        None => findings.push(manifest.finding(
            &package.name,
            format!("{} has no row in the table of arrows", package.name),
            "who may depend on whom is decided once, in one place, and not by whoever adds a line",
            "add its row to ARROWS in host/xtask/src/tidy/arrows.rs",
        )),
    }
    findings.extend(forbidden(package, &manifest));
    findings
}

/// A crate may use more in its own tests: only what it is built from is an arrow.
fn wrong_arrows(package: &Package, allowed: &[&str], manifest: &Manifest) -> Vec<Finding> {
    let house = |name: &str| name.starts_with("cardea") || name.starts_with("guest-") || name == "xtask";
    let built_from = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
    let wrong = built_from.filter(|dependency| house(&dependency.name) && !allowed.contains(&dependency.name.as_str()));
    let finding = |name: &String| {
        manifest.finding(
            name,
            format!("{} depends on {name}", package.name),
            "this arrow is not among those of the house: it would tie two rooms that do not know each other",
            "own the trait where it is used and implement it here, or change ARROWS in host/xtask/src/tidy/arrows.rs with a decision record",
        )
    };
    wrong.map(|dependency| finding(&dependency.name)).collect()
}

fn forbidden(package: &Package, manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let name = &dependency.name;
        let rule = FORBIDDEN
            .iter()
            .find(|(holder, starts, _)| *holder == package.name && starts.iter().any(|start| name.starts_with(start)));
        let why = match rule {
            Some((_, _, why)) => why,
            None if name.starts_with("wasmtime") && package.name != WASM_ROOM => {
                "only `plugin` names wasmtime, so that its upgrades and its risks stay in one room"
            }
            None => continue,
        };
        let remedy = "leave it out; if the need is real, the code belongs in another crate";
        findings.push(manifest.finding(name, format!("{} depends on {name}", package.name), why, remedy));
    }
    findings
}

fn allowed(name: &str, folder: &str) -> Option<&'static [&'static str]> {
    let row = |table: &'static [(&str, &[&str])], key: &str| {
        table.iter().find(|(row, _)| *row == key).map(|(_, allowed)| *allowed)
    };
    row(ARROWS, name).or_else(|| row(FOLDERS, folder))
}

fn workspace_folder(workspace: &Workspace, package: &Package) -> String {
    let folder = package.folder().parent().and_then(|parent| parent.strip_prefix(&workspace.root).ok());
    folder.unwrap_or(package.folder()).to_string_lossy().into_owned()
}

/// A package's `Cargo.toml` as text, to point at a line of it.
struct Manifest {
    path: String,
    text: String,
}

impl Manifest {
    fn of(workspace: &Workspace, package: &Package) -> Self {
        let path = package.manifest_path.strip_prefix(&workspace.root).unwrap_or(&package.manifest_path);
        let text = fs::read_to_string(&package.manifest_path).unwrap_or_default();
        Self { path: path.to_string_lossy().into_owned(), text }
    }

    fn without_lints(&self) -> Option<Finding> {
        let mut section = self.text.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
        let inherits =
            section.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line == "workspace = true");
        (!inherits).then(|| {
            self.finding(
                "[lints]",
                "does not take the workspace's lints".to_owned(),
                "one crate without them is where what they forbid collects",
                "add a section `[lints]` with `workspace = true`",
            )
        })
    }

    fn finding(&self, at: &str, what: String, why: &'static str, remedy: &'static str) -> Finding {
        let line = self.text.lines().position(|line| line.starts_with(at)).map_or(1, |index| index + 1);
        Finding { file: self.path.clone(), line, what, why, remedy }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::workspace::Dependency;

    const LINTS: &str = "[lints]\nworkspace = true\n\n[dependencies]\n";

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> (Package, Manifest) {
        let lines: Vec<String> = dependencies.iter().map(|(name, _)| format!("{name}.workspace = true")).collect();
        let manifest = Manifest { path: "x/Cargo.toml".to_owned(), text: format!("{LINTS}{}", lines.join("\n")) };
        let dependencies = dependencies
            .iter()
            .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: kind.map(str::to_owned) })
            .collect();
        (Package { name: name.to_owned(), manifest_path: PathBuf::from("x/Cargo.toml"), dependencies }, manifest)
    }

    fn arrows_of(name: &str, dependencies: &[(&str, Option<&str>)]) -> Vec<Finding> {
        let (package, manifest) = package(name, dependencies);
        wrong_arrows(&package, allowed(name, "host").unwrap(), &manifest)
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found_at_its_line() {
        let findings = arrows_of("cardea-listen", &[("cardea-chain", None), ("cardea-dial", None)]);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].line, findings[0].what.as_str()), (6, "cardea-listen depends on cardea-dial"));
        assert_eq!(arrows_of("cardea-chain", &[("cardea-plugin", Some("build"))]).len(), 1);
    }

    #[test]
    fn a_crate_s_own_tests_may_use_more() {
        assert_eq!(arrows_of("cardea-chain", &[("cardea-test-support", Some("dev"))]), []);
    }

    #[test]
    fn no_arrow_of_the_table_points_down() {
        for (index, (name, above)) in ARROWS.iter().enumerate() {
            for target in *above {
                let place = ARROWS.iter().position(|(row, _)| row == target);
                assert!(place.is_some_and(|place| place < index), "{name} -> {target}");
            }
        }
    }

    #[test]
    fn a_crate_in_no_table_is_found() {
        assert_eq!(allowed("cardea-surprise", "host"), None);
        assert!(allowed("cardea-plugin-rbac", "plugins").is_some_and(|allowed| allowed.contains(&"cardea-sdk")));
    }

    #[test]
    fn rooms_that_must_stay_apart_do() {
        for (name, dependency, forbids) in [
            ("cardea-message", "tokio", true),
            ("cardea-message", "tokio-util", true),
            ("cardea-message", "serde_json", false),
            ("cardea-chain", "hyper-util", true),
            ("cardea-chain", "tokio", false),
            ("cardea-dial", "wasmtime-wasi", true),
            ("cardea-plugin", "wasmtime", false),
        ] {
            let (package, manifest) = package(name, &[(dependency, None)]);
            assert_eq!(!forbidden(&package, &manifest).is_empty(), forbids, "{name} {dependency}");
        }
    }

    #[test]
    fn a_manifest_takes_the_workspace_s_lints() {
        let manifest = |text: &str| Manifest { path: String::new(), text: text.to_owned() };
        assert_eq!(manifest(LINTS).without_lints(), None);
        assert!(manifest("[package]\n").without_lints().is_some());
        assert!(manifest("[lints]\n[dependencies]\nworkspace = true\n").without_lints().is_some());
    }
}
