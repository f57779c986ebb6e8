//! Manifests as files: each `cases/<name>.toml` is read, and what comes of it must be `cases/<name>.expected`: the plan, or the
//! report as people see it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::{fs, io};

use cardea_config::{Source, World, read};

/// A world with one variable that is set, one that is empty and a file of each sort.
struct Fixed;

impl World for Fixed {
    fn env(&self, name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("do-not-print-me".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("/etc/cardea/token.txt") => Ok("do-not-print-me\n".into()),
            Some("/etc/cardea/empty.txt") => Ok("\n".into()),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
        }
    }

    fn base(&self) -> &Path {
        Path::new("/etc/cardea")
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    cases.sort();
    cases
}

fn outcome(case: &Path) -> String {
    let name = case.file_name().unwrap().to_string_lossy();
    let source = Source::new(name, fs::read_to_string(case).unwrap());
    match read(&source, &Fixed) {
        Ok(plan) => format!("{plan:#?}\n"),
        Err(report) => report.render(&source, false),
    }
}

#[test]
fn every_manifest_comes_to_what_is_written_beside_it() {
    let cases = cases();
    assert!(!cases.is_empty());
    for case in cases {
        let expected = fs::read_to_string(case.with_extension("expected")).unwrap_or_default();
        let outcome = outcome(&case);
        assert!(
            outcome == expected,
            "{}\n--- expected\n{expected}\n--- got\n{outcome}\n\
             if this is right: cargo test -p cardea-config --test cases -- --ignored",
            case.display()
        );
        assert!(!outcome.contains("do-not-print-me"), "{} shows a secret", case.display());
    }
}

#[test]
#[ignore = "writes the expected files anew; read the difference before you keep it"]
fn rewrite() {
    for case in cases() {
        fs::write(case.with_extension("expected"), outcome(&case)).unwrap();
    }
}
