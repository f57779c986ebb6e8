//! `docs/reference/features.md`: what passes between the versions of the protocol, from the words of the tests that prove it.
//!
//! A case says it in a section `proves`, a Rust test in a comment `// proves:`; a line is `feature | client | server | word`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::workspace::Workspace;

const HEAD: &str = "\
<!-- Written by `cargo xtask docs --write` from the tests that are linked; edit their `proves` instead. -->

# What passes between the versions

`modern` is 2026-07-28, `legacy` is 2024-11-05 to 2025-11-25; where a feature is of some versions only, its name says so. Each word is linked to a test that
proves it. How things are translated: [bridging-fields.md](bridging-fields.md).

| word | means |
|---|---|
| passes | arrives as it was sent, but for ids and tokens that are each side's own |
| translated | arrives in the words of the other side's version |
| refused | is not declared, and answered with an error |
| – | no test of ours says |

| feature | legacy client, legacy server | legacy client, modern server | modern client, legacy server | modern client, modern server |
|---|---|---|---|---|
";

const ERAS: [&str; 2] = ["legacy", "modern"];
const WORDS: [&str; 3] = ["passes", "translated", "refused"];

/// What tests prove: by feature, then by client and server.
type Features = BTreeMap<String, BTreeMap<(usize, usize), (&'static str, PathBuf)>>;

/// The page.
pub(crate) fn page(workspace: &Workspace) -> Outcome<String> {
    let mut features = Features::new();
    for file in files(&workspace.root)? {
        let text = fs::read_to_string(&file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        let place = file.strip_prefix(&workspace.root).unwrap_or(&file);
        for line in proofs(&text, file.extension().is_some_and(|extension| extension == "case")) {
            note(&mut features, line, place).map_err(|why| format!("{}: `{line}`: {why}", place.display()))?;
        }
    }
    Ok(written(&features))
}

/// The cases and the tests of the house, in an order that is the same everywhere.
fn files(root: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.join("tests/cases"), root.join("host")];
    while let Some(folder) = folders.pop() {
        let unreadable = |error| format!("{} cannot be read: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("case") => files.push(path),
                Some("rs") if path.components().any(|part| part.as_os_str() == "tests") => files.push(path),
                _ if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

/// What a test says that it proves.
fn proofs(text: &str, is_case: bool) -> Vec<&str> {
    if !is_case {
        return text.lines().filter_map(|line| line.trim_start().strip_prefix("// proves: ")).collect();
    }
    let section = text.lines().skip_while(|line| *line != "--- proves").skip(1);
    section.take_while(|line| !line.starts_with("--- ")).filter(|line| !line.trim().is_empty()).collect()
}

fn note(features: &mut Features, line: &str, place: &Path) -> Outcome {
    let parts: Vec<&str> = line.split('|').map(str::trim).collect();
    let [feature, client, server, word] = parts[..] else {
        return Err("a proof is `feature | client | server | word`".to_owned());
    };
    let word =
        WORDS.into_iter().find(|known| *known == word).ok_or_else(|| format!("the words are {}", WORDS.join(", ")))?;
    for client in eras(client)? {
        for server in eras(server)? {
            let cells = features.entry(feature.to_owned()).or_default();
            let (said, by) = cells.entry((client, server)).or_insert_with(|| (word, place.to_owned()));
            if *said != word {
                return Err(format!("{} says that it is {said}", by.display()));
            }
        }
    }
    Ok(())
}

fn eras(name: &str) -> Outcome<Vec<usize>> {
    match ERAS.iter().position(|era| *era == name) {
        Some(era) => Ok(vec![era]),
        None if name == "any" => Ok(vec![0, 1]),
        None => Err(format!("a party is {} or any", ERAS.join(", "))),
    }
}

fn written(features: &Features) -> String {
    let mut page = HEAD.to_owned();
    for (feature, cells) in features {
        let cell = |pair: (usize, usize)| match cells.get(&pair) {
            Some((word, place)) => format!("[{word}](../../{})", place.display()),
            None => "–".to_owned(),
        };
        let [a, b, c, d] = [(0, 0), (0, 1), (1, 0), (1, 1)].map(cell);
        // Writing to a text cannot fail.
        let _ = writeln!(page, "| {feature} | {a} | {b} | {c} | {d} |");
    }
    page
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_tests_prove_is_one_row_a_feature() {
        let case = "A sentence.\n\n--- proves\nping | legacy | any | passes\n\n--- manifest\nx = 1\n";
        let rust = "#[test]\n// proves: ping | modern | any | refused\nfn x() {}\n";
        assert_eq!(proofs(case, true), ["ping | legacy | any | passes"]);
        let mut features = Features::new();
        note(&mut features, proofs(case, true)[0], Path::new("a.case")).unwrap();
        note(&mut features, proofs(rust, false)[0], Path::new("b.rs")).unwrap();
        let row = "| ping | [passes](../../a.case) | [passes](../../a.case) | [refused](../../b.rs) | [refused](../../b.rs) |\n";
        assert!(written(&features).ends_with(row));
    }

    #[test]
    fn tests_must_agree_and_use_the_words_there_are() {
        let mut features = Features::new();
        let mut told = |line| note(&mut features, line, Path::new("a"));
        told("x | legacy | legacy | passes").unwrap();
        for wrong in ["x | any | legacy | refused", "x | legacy", "x | old | any | passes", "x | any | any | works"] {
            assert!(told(wrong).is_err(), "{wrong}");
        }
    }
}
