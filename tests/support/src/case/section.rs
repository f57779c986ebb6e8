//! Cuts a file into its sections, each with the line it begins at.

use super::Mistake;

/// What begins a section.
const RULE: &str = "--- ";

/// One section.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Section<'f> {
    /// Line of the title, from 1.
    pub(crate) line: usize,
    pub(crate) title: &'f str,
    /// Everything below the title, less blank lines at its end.
    pub(crate) body: String,
}

/// The sections of a file. Before the first stands a sentence for people, and it must be there.
pub(crate) fn sections(text: &str) -> Result<Vec<Section<'_>>, Mistake> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut about = String::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix(RULE) {
            sections.push(Section { line: index + 1, title: title.trim(), body: String::new() });
            continue;
        }
        let body = sections.last_mut().map_or(&mut about, |section| &mut section.body);
        body.push_str(line);
        body.push('\n');
    }
    if about.trim().is_empty() {
        return Err(Mistake::new(1, "a case begins with a sentence that says what it is about"));
    }
    for section in &mut sections {
        section.body.truncate(section.body.trim_end().len());
    }
    Ok(sections)
}

/// Header lines at the head of a body, and the rest.
pub(crate) fn headers(body: &str) -> (Vec<(String, String)>, String) {
    let mut headers = Vec::new();
    let mut rest = body;
    while let Some((name, value, behind)) = header_line(rest) {
        headers.push((name, value));
        rest = behind;
    }
    (headers, rest.strip_prefix('\n').unwrap_or(rest).to_owned())
}

fn header_line(text: &str) -> Option<(String, String, &str)> {
    let (line, behind) = text.split_once('\n').unwrap_or((text, ""));
    let (name, value) = line.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_name.then(|| (name.to_owned(), value.trim().to_owned(), behind))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn sections_begin_at_their_rules() {
        let found = sections("About.\n--- one a b\nx\n\ny\n\n--- two\n").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[0].title, found[0].body.as_str()), (2, "one a b", "x\n\ny"));
        assert_eq!((found[1].line, found[1].title, found[1].body.as_str()), (7, "two", ""));
        assert!(sections("\n--- one\n").is_err());
    }

    #[test]
    fn headers_stand_before_the_body() {
        let (found, rest) = headers("A: 1\nB-c:\n\n{\"x\": 1}\nD: 2");
        assert_eq!(found, [("A".to_owned(), "1".to_owned()), ("B-c".to_owned(), String::new())]);
        assert_eq!(rest, "{\"x\": 1}\nD: 2");
        assert_eq!(headers("{\"a\": 1}"), (vec![], "{\"a\": 1}".to_owned()));
    }
}
