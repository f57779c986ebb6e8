//! What holds for every text file: promises have an issue, and nothing of one machine or one registry is written down.

use std::path::Path;

use crate::tidy::finding::Finding;
use crate::tidy::tree::File;

// Written in two halves, so that this file passes its own check.
const PROMISES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const REGISTRIES: [&str; 6] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("pypi", ".org"),
    concat!("files.", "pythonhosted.org"),
    concat!("proxy.", "golang.org"),
];
const HOMES: [&str; 3] = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// What is wrong in this file, whatever language it is in.
pub(crate) fn check(file: &File, root: &Path) -> Vec<Finding> {
    let root = root.to_string_lossy();
    let findings = file.text.lines().zip(1..).filter_map(|(line, number)| {
        let (what, why, remedy) = promise(line).or_else(|| registry(line)).or_else(|| machine(line, &root))?;
        Some(Finding { file: file.path.clone(), line: number, what, why, remedy })
    });
    findings.collect()
}

type Complaint = (String, &'static str, &'static str);

fn promise(line: &str) -> Option<Complaint> {
    let (at, word) = PROMISES.into_iter().find_map(|word| Some((find_word(line, word)?, word)))?;
    let after = line[at + word.len()..].trim_start_matches(['(', ' ', ':']);
    let has_issue = after.strip_prefix('#').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
    (!has_issue).then(|| {
        (
            format!("{word} without an issue"),
            "a promise nobody can look up is never kept",
            "do it now, or file an issue and name it right after the word: `(#12)`",
        )
    })
}

fn registry(line: &str) -> Option<Complaint> {
    let host = REGISTRIES.into_iter().find(|host| line.contains(host))?;
    Some((
        format!("names the registry host {host}"),
        "which registry serves a package is each machine's own setting; mirrors and offline builds break on a fixed one",
        "let cargo, npm or pip choose it, and name the package only",
    ))
}

fn machine(line: &str, root: &str) -> Option<Complaint> {
    let path = HOMES.into_iter().chain([root]).find(|path| path.len() > 1 && line.contains(path))?;
    Some((
        format!("holds the absolute path {path}"),
        "it exists on one machine only",
        "use a path relative to the repository, or let the caller give it",
    ))
}

/// Where the word stands by itself, and not as a part of another.
fn find_word(line: &str, word: &str) -> Option<usize> {
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).map(|(at, _)| at).find(|&at| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<(usize, String)> {
        let file = File { path: "a.md".to_owned(), text: text.to_owned() };
        check(&file, Path::new("/src/cardea")).into_iter().map(|finding| (finding.line, finding.what)).collect()
    }

    #[test]
    fn a_promise_needs_an_issue_right_after_it() {
        let word = PROMISES[0];
        assert_eq!(complaints(&format!("fine\n// {word}: later")), [(2, format!("{word} without an issue"))]);
        assert_eq!(complaints(&format!("// {word}(#12): later\n// {word} #7")), []);
        assert_eq!(complaints(&format!("{}_{word}", "MY")), []);
        assert_eq!(complaints(&format!("// {} # no number", PROMISES[1])).len(), 1);
    }

    #[test]
    fn a_registry_host_is_found() {
        for host in REGISTRIES {
            assert_eq!(complaints(&format!("see https://{host}/x")), [(1, format!("names the registry host {host}"))]);
        }
    }

    #[test]
    fn an_absolute_path_of_a_machine_is_found() {
        for path in HOMES {
            assert_eq!(complaints(&format!("cd {path}ada")).len(), 1);
        }
        assert_eq!(complaints("cd /src/cardea/host").len(), 1);
        assert_eq!(complaints("cat /proc/self/status; cd host"), []);
    }
}
