//! What other crates build on: comparison without places, places of config, the difference of two plans, the generated pages.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::path::Path;

use cardea_config::{Change, Plan, Report, Secret, Source, World, diff, read, reference, schema};

/// A world in which every variable that starts with `TOKEN` is set.
struct Tokens;

impl World for Tokens {
    fn env(&self, name: &str) -> Option<String> {
        name.starts_with("TOKEN").then(|| format!("secret of {name}"))
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn base(&self) -> &Path {
        Path::new("/etc/cardea")
    }
}

fn plan(text: &str) -> Plan {
    let source = Source::new("test.toml", text);
    read(&source, &Tokens).unwrap_or_else(|report| panic!("{}", report.render(&source, false)))
}

fn problems(text: &str) -> Report {
    read(&Source::new("test.toml", text), &Tokens).unwrap_err()
}

const STAGES: &str = r#"
[[stage]]
plugin = "rbac"
config = { rules = [{ roles = ["reader"], "a/b~c" = 1 }] }

[[stage]]
plugin = "audit"
"#;

#[test]
fn a_manifest_that_only_moved_means_the_same() {
    let moved = format!("# A comment that moves everything.\n\n{STAGES}");
    assert_eq!(plan(STAGES), plan(&moved));
    assert!(diff(&plan(STAGES), &plan(&moved)).is_empty());
}

#[test]
fn the_place_of_a_part_of_config_is_found_by_its_pointer() {
    let plan = plan(STAGES);
    let text = |pointer: &str| &STAGES[plan.stages[0].config_span(pointer)];
    assert_eq!(text("/rules/0/roles/0"), r#""reader""#);
    assert_eq!(text("/rules/0/a~1b~0c"), "1");
    assert_eq!(text("/rules/0/missing"), r#"{ roles = ["reader"], "a/b~c" = 1 }"#);
    assert_eq!(text("/nowhere/at/all"), text(""));
    assert_eq!(&STAGES[plan.stages[1].config_span("/keys")], "[[stage]]");
}

#[test]
fn a_secret_is_never_printed_but_its_change_is_seen() {
    let manifest = |variable: &str| {
        plan(&format!(
            "[[server]]\nname = \"one\"\nurl = \"http://127.0.0.1:1/mcp\"\nheaders = {{ Authorization = \"${{{variable}}}\" }}\n"
        ))
    };
    let (old, new) = (manifest("TOKEN_A"), manifest("TOKEN_B"));
    assert_ne!(old, new);
    assert!(!format!("{old:?}").contains("secret of"));
    assert_eq!(diff(&old, &new).to_string(), "~ server one: headers\n");
    let secret = Secret::new("x");
    assert_eq!((format!("{secret}"), format!("{secret:?}"), secret.reveal()), ("***".into(), "***".into(), "x"));
}

#[test]
fn the_difference_of_two_plans_is_told_by_name_and_key() {
    let old = plan(
        "[[server]]\nname = \"git\"\ncommand = [\"git\"]\n[[server]]\nname = \"old\"\ncommand = [\"old\"]\n\
         [[stage]]\nplugin = \"rbac\"\n[[stage]]\nplugin = \"audit\"\n[[stage]]\nplugin = \"gone\"\n",
    );
    let new = plan(
        "open = \"a demo\"\n[listen.limits]\nmax-sessions = 5\n[log]\nlevel = \"debug\"\n[admin]\naddress = \"off\"\n\
         [[server]]\nname = \"git\"\ncommand = [\"git\", \"-v\"]\nsession = \"call\"\n\
         [[server]]\nname = \"new\"\nurl = \"http://127.0.0.1:1/\"\n\
         [[stage]]\nplugin = \"audit\"\n[[stage]]\nplugin = \"rbac\"\nconfig = { a = 1 }\n",
    );
    let difference = diff(&old, &new);
    assert_eq!(difference.stages[0], ("audit".into(), Change::Kept));
    assert_eq!(
        difference.to_string(),
        "~ server git: command, session\n\
         + server new\n\
         - server old\n\
         ~ stage rbac: config\n\
         - stage gone\n\
         ~ stages: calls pass them in another order\n\
         ~ open\n\
         ! listen.limits.max-sessions: takes effect when the gateway starts anew\n\
         ! admin.address: takes effect when the gateway starts anew\n\
         ! log.level: takes effect when the gateway starts anew\n"
    );
    assert_eq!(diff(&old, &old).to_string(), "nothing changes\n");
}

#[test]
fn a_stage_that_only_changes_place_is_kept() {
    let reversed = "[[stage]]\nplugin = \"audit\"\n[[stage]]\nplugin = \"rbac\"\nconfig = { rules = [{ roles = [\"reader\"], \"a/b~c\" = 1 }] }\n";
    let difference = diff(&plan(STAGES), &plan(reversed));
    assert!(difference.reordered && !difference.is_empty());
    assert!(difference.stages.iter().all(|(_, change)| *change == Change::Kept));
}

#[test]
fn a_program_gets_line_and_column() {
    let source = Source::new("test.toml", "# é\n[log]\nformat = \"ü\" # here\n");
    let json = read(&source, &Tokens).unwrap_err().to_json(&source);
    assert_eq!(json[0]["file"], "test.toml");
    assert_eq!((&json[0]["line"], &json[0]["column"]), (&3.into(), &10.into()));
    assert_eq!(json[0]["span"], serde_json::json!([20, 24]));
    assert_eq!(json[0]["message"], "`log.format` cannot be `ü`");
}

#[test]
fn every_problem_is_told_at_once_and_in_the_order_of_the_text() {
    let report = problems("[log]\nlevel = 1\n[listen]\naddress = 2\nnonsense = 3\n");
    let lines: Vec<&str> = report.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(report.problems.is_sorted_by_key(|problem| problem.span.start));
}

const GRANTS: &str = r#"
[[stage]]
plugin = "rbac"
[stage.grant]
kv = { max-bytes = "1MiB", max-keys = 10 }
http = ["GET https://id.example.com/keys/*"]
private-addresses = ["127.0.0.1/32", "fd00::/8"]
secret = { values = { hook = "${TOKEN}" }, reveal = ["hook"] }
read = ["/params/arguments/*/path", "header:*"]
edit = []
"#;

#[test]
fn a_secret_that_changes_is_a_grant_that_changes() {
    let other = GRANTS.replace("${TOKEN}", "another");
    let difference = diff(&plan(GRANTS), &plan(&other));
    assert_eq!(difference.to_string(), "~ stage rbac: grant\n");
}

#[test]
fn the_schema_accepts_what_is_read_and_refuses_what_is_not() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let json = |text: &str| serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
    for good in [STAGES, "", GRANTS, "[listen]\nlimits = { max-body-bytes = 4096 }\n", &example()] {
        plan(good);
        assert!(validator.is_valid(&json(good)), "{good}");
    }
    for bad in [
        "opne = \"typo\"\n",
        "[log]\nlevel = \"loud\"\n",
        "[listen]\nlimits = { max-body-bytes = \"4MB\" }\n",
        "[[server]]\nurl = \"https://example.com\"\n",
        "[[stage]]\nplugin = \"a\"\ngrant = { http = true }\n",
        "[[stage]]\nplugin = \"a\"\ngrant = { http = [\"https://example.com/\"] }\n",
        "[[stage]]\nplugin = \"a\"\ngrant = { kv = { most = 1 } }\n",
        "[[stage]]\nplugin = \"a\"\ngrant = { read = [\"/arguments\"] }\n",
    ] {
        problems(bad);
        assert!(!validator.is_valid(&json(bad)), "{bad}");
    }
}

#[test]
fn the_example_of_the_reference_is_a_manifest() {
    let plan = plan(&example());
    assert_eq!((plan.servers.len(), plan.stages.len()), (2, 2));
}

#[test]
fn the_committed_reference_is_the_one_that_is_generated() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/manifest.md");
    let committed = std::fs::read_to_string(page).unwrap();
    assert!(
        committed == reference(),
        "docs/reference/manifest.md is behind host/config/src/manifest.rs; run `cargo xtask docs --write`"
    );
}

/// The first block of TOML in the reference, with the variable of this test's world.
fn example() -> String {
    let page = reference();
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    block.unwrap().replace("SEARCH_TOKEN", "TOKEN")
}
