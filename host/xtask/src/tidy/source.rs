//! What holds for Rust sources: each says what it is for, and only the rooms made for it touch HTTP servers, the environment or the exit.

use crate::tidy::finding::Finding;
use crate::tidy::tree::File;

/// One kind of words that only some rooms may use.
struct Reserved {
    words: &'static [&'static str],
    /// Folders of the repository where they may stand.
    rooms: &'static [&'static str],
    what: &'static str,
    why: &'static str,
    remedy: &'static str,
}

const RESERVED: [Reserved; 3] = [
    Reserved {
        // In halves, so that this file passes its own check.
        words: &[concat!("hyper", "::server"), concat!("hyper_util", "::server")],
        rooms: &["host/listen/", "host/admin/"],
        what: "serves HTTP",
        why: "limits, TLS and shutdown of what we serve are decided in `listen` and `admin`, and nowhere else",
        remedy: "take the value the front door already read, or move this there",
    },
    Reserved {
        words: &["std::env", "env::var", "env::args", "env::vars", "env::current_dir"],
        rooms: &["host/cardea/", "host/xtask/"],
        what: "reads the environment",
        why: "what the gateway does follows from its manifest; a hidden input cannot be checked or planned",
        remedy: "read it in `cardea` and hand the value down",
    },
    Reserved {
        words: &["process::exit", "process::abort"],
        rooms: &["host/cardea/", "host/xtask/"],
        what: "ends the process",
        why: "calls, journal and children are put away by whoever assembled them; only `cardea` knows them all",
        remedy: "return an error and let `cardea` decide",
    },
];

/// What is wrong in this file, if it is a Rust one.
pub(crate) fn check(file: &File) -> Vec<Finding> {
    if !file.is("rs") {
        return Vec::new();
    }
    let mut findings: Vec<Finding> = headless(file).into_iter().collect();
    if is_of_the_house(&file.path) {
        findings.extend(RESERVED.iter().flat_map(|reserved| trespasses(file, reserved)));
    }
    findings
}

fn headless(file: &File) -> Option<Finding> {
    (!file.text.starts_with("//! ")).then(|| Finding {
        file: file.path.clone(),
        line: 1,
        what: "does not start with a `//!` line".to_owned(),
        why: "the first line tells a reader what the file is for and a writer what does not belong in it",
        remedy: "begin with one sentence: what this file is responsible for",
    })
}

fn trespasses<'a>(file: &'a File, reserved: &'a Reserved) -> impl Iterator<Item = Finding> + 'a {
    let at_home = reserved.rooms.iter().any(|room| file.path.starts_with(room));
    let lines = file.text.lines().zip(1..).take_while(|(line, _)| !line.trim_start().starts_with("#[cfg(test)]"));
    lines.filter(move |_| !at_home).filter(|(line, _)| reserved.words.iter().any(|word| code(line).contains(word))).map(
        |(_, number)| Finding {
            file: file.path.clone(),
            line: number,
            what: reserved.what.to_owned(),
            why: reserved.why,
            remedy: reserved.remedy,
        },
    )
}

/// Programs beside the house (tests, examples) are their own masters, and so is what runs while cargo builds: scripts and macros.
fn is_of_the_house(path: &str) -> bool {
    let in_house = ["host/", "plugins/", "sdk/"].iter().any(|folder| path.starts_with(folder));
    let at_build_time = path.ends_with("/build.rs") || path.starts_with("sdk/rust-macros/");
    in_house && !at_build_time && !path.contains("/tests/") && !path.contains("/examples/")
}

/// The line without its comment.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<(usize, String)> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&file).into_iter().map(|finding| (finding.line, finding.what)).collect()
    }

    #[test]
    fn a_file_says_first_what_it_is_for() {
        assert_eq!(complaints("host/x/src/a.rs", "use std::fmt;\n").len(), 1);
        assert_eq!(complaints("host/x/src/a.rs", "//!\n").len(), 1);
        assert_eq!(complaints("host/x/src/a.rs", "//! Why.\n"), []);
        assert_eq!(complaints("host/x/src/a.md", "no Rust\n"), []);
    }

    #[test]
    fn reserved_words_are_found_outside_their_rooms_only() {
        for (text, room, what) in [
            ("//! A.\nuse hyper::server::conn::http1;", "host/listen/src/a.rs", "serves HTTP"),
            ("//! A.\nuse hyper_util::server::conn::auto;", "host/admin/src/a.rs", "serves HTTP"),
            ("//! A.\nlet home = std::env::var(\"HOME\");", "host/cardea/src/a.rs", "reads the environment"),
            ("//! A.\nuse std::process;\nprocess::exit(1);", "host/xtask/src/a.rs", "ends the process"),
        ] {
            assert_eq!(complaints(room, text), [], "{room}");
            let found = complaints("host/dial/src/a.rs", text);
            assert_eq!(found, [(text.lines().count(), what.to_owned())], "{text}");
            assert_eq!(complaints("plugins/rbac/src/a.rs", text).len(), 1);
        }
    }

    #[test]
    fn tests_examples_build_scripts_and_comments_are_free() {
        let text = "//! A.\nstd::env::args();";
        for path in ["tests/load/src/a.rs", "examples/x/src/a.rs", "host/dial/tests/a.rs", "host/dial/build.rs"] {
            assert_eq!(complaints(path, text), [], "{path}");
        }
        assert_eq!(
            complaints("host/dial/src/a.rs", "//! A.\n// not std::env\n#[cfg(test)]\nmod tests { use std::env; }"),
            []
        );
    }
}
