//! A file has one reason to change, and past a length nobody can keep that in view.

use crate::tidy::finding::Finding;
use crate::tidy::tree::File;

const MOST_LINES: usize = 600;

/// Files that may be longer: up to how many lines, and why they are better whole.
const EXCEPTIONS: &[Exception] = &[];

struct Exception {
    path: &'static str,
    most_lines: usize,
    reason: &'static str,
}

/// Rust files that have grown too long, and exceptions that no longer are any.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = files.iter().filter_map(|file| too_long(file, EXCEPTIONS)).collect();
    findings.extend(EXCEPTIONS.iter().filter_map(|exception| stale(exception, files)));
    findings
}

fn too_long(file: &File, exceptions: &[Exception]) -> Option<Finding> {
    let most = exceptions.iter().find(|exception| exception.path == file.path).map_or(MOST_LINES, |it| it.most_lines);
    let lines = file.text.lines().count();
    (file.is("rs") && lines > most).then(|| Finding {
        file: file.path.clone(),
        line: most + 1,
        what: format!("{lines} lines, {most} allowed"),
        why: "a file this long has more than one reason to change",
        remedy: "split it where the second reason begins; if it is better whole, say why in host/xtask/src/tidy/size.rs",
    })
}

fn stale(exception: &Exception, files: &[File]) -> Option<Finding> {
    let lines = files.iter().find(|file| file.path == exception.path).map_or(0, |file| file.text.lines().count());
    (lines <= MOST_LINES || exception.reason.is_empty()).then(|| Finding {
        file: exception.path.to_owned(),
        line: 1,
        what: format!("has a place among the exceptions, with {lines} lines and the reason \"{}\"", exception.reason),
        why: "an exception stands only as long as its need and its reason do",
        remedy: "take it out of EXCEPTIONS in host/xtask/src/tidy/size.rs, or give its reason there",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize) -> File {
        File { path: path.to_owned(), text: "x\n".repeat(lines) }
    }

    fn exception(most_lines: usize, reason: &'static str) -> Exception {
        Exception { path: "a.rs", most_lines, reason }
    }

    #[test]
    fn a_file_may_be_as_long_as_allowed_and_no_longer() {
        assert_eq!(too_long(&file("a.rs", MOST_LINES), &[]), None);
        assert_eq!(too_long(&file("a.rs", MOST_LINES + 1), &[]).unwrap().line, MOST_LINES + 1);
        assert_eq!(too_long(&file("a.md", MOST_LINES + 1), &[]), None);
    }

    #[test]
    fn an_exception_has_a_limit_of_its_own() {
        let exceptions = [exception(700, "one table")];
        assert_eq!(too_long(&file("a.rs", 700), &exceptions), None);
        assert!(too_long(&file("a.rs", 701), &exceptions).is_some());
        assert!(too_long(&file("b.rs", 650), &exceptions).is_some());
    }

    #[test]
    fn an_exception_without_need_or_reason_is_found() {
        assert_eq!(stale(&exception(700, "one table"), &[file("a.rs", 650)]), None);
        assert!(stale(&exception(700, "one table"), &[file("a.rs", 600)]).is_some());
        assert!(stale(&exception(700, "one table"), &[]).is_some());
        assert!(stale(&exception(700, ""), &[file("a.rs", 650)]).is_some());
    }
}
