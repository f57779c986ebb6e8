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

/// What is wrong in the Rust files among these.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let sources: Vec<&File> = files.iter().filter(|file| file.is("rs")).collect();
    let of_tests: Vec<String> = sources.iter().flat_map(|file| modules_of_tests(file)).collect();
    let mut findings = Vec::new();
    for file in sources {
        findings.extend(headless(file));
        let is_test =
            of_tests.iter().any(|module| file.path == format!("{module}.rs") || in_folder(&file.path, module));
        if !is_test && is_of_the_house(&file.path) {
            findings.extend(RESERVED.iter().flat_map(|reserved| trespasses(file, reserved)));
        }
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
    let lines = file.text.lines().zip(1..).take(before_tests(&file.text));
    let trespassing = lines.filter(|(line, _)| reserved.words.iter().any(|word| code(line).contains(word)));
    trespassing.filter(move |_| !at_home).map(|(_, number)| Finding {
        file: file.path.clone(),
        line: number,
        what: reserved.what.to_owned(),
        why: reserved.why,
        remedy: reserved.remedy,
    })
}

/// How many lines stand before the file's own module of tests, which is its last by custom.
fn before_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let opens = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].contains('{');
    lines.windows(2).position(opens).unwrap_or(lines.len())
}

/// The modules of tests that this file declares and other files hold, as paths without `.rs`.
fn modules_of_tests(file: &File) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let home = match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    };
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let declared = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
    let names = declared.filter_map(|pair| pair[1].strip_prefix("mod ")?.strip_suffix(';'));
    names.map(|name| format!("{home}/{name}")).collect()
}

fn in_folder(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
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

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn complaints(path: &str, text: &str) -> Vec<(usize, String)> {
        check(&[file(path, text)]).into_iter().map(|finding| (finding.line, finding.what)).collect()
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

    #[test]
    fn modules_of_tests_are_free_wherever_they_stand_and_what_follows_their_declaration_is_not() {
        let reads = "//! A.\nstd::env::args();\n";
        let files = [
            file("host/dial/src/lib.rs", "//! A.\n#[cfg(test)]\nmod cases;\nuse std::env;\n"),
            file("host/dial/src/cases/mod.rs", reads),
            file("host/dial/src/cases/given.rs", reads),
            file("host/dial/src/door.rs", "//! A.\n#[cfg(test)]\nmod tests;\n"),
            file("host/dial/src/door/tests.rs", reads),
            file("host/dial/src/tests.rs", reads),
        ];
        let found: Vec<_> = check(&files).into_iter().map(|finding| (finding.file, finding.line)).collect();
        assert_eq!(found, [("host/dial/src/lib.rs".to_owned(), 4), ("host/dial/src/tests.rs".to_owned(), 2)]);
    }
}
