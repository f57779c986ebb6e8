//! Names that people and models take for other names.

/// What a name looks like at a glance: upper and lower case, separators, and characters of one shape are as one.
pub(crate) fn skeleton(name: &str) -> String {
    let shape = |c: char| match c.to_ascii_lowercase() {
        '0' => 'o',
        '1' | 'i' | '|' => 'l',
        '5' => 's',
        '2' => 'z',
        '8' => 'b',
        other => other,
    };
    let plain: String = name.chars().filter(|c| !matches!(c, '-' | '_' | '.' | '/' | ' ')).map(shape).collect();
    plain.replace("rn", "m").replace("vv", "w")
}

/// Whether a name is written with what a name is made of: 2025-11-25 and later allow letters, digits and `_-./` only.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in
            [("list_files", "l1st-files"), ("read_file", "readFile"), ("commit", "comrnit"), ("show", "sh0vv")]
        {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        assert_ne!(skeleton("read_file"), skeleton("read_files"));
    }

    #[test]
    fn names_with_other_characters_are_not_plain() {
        assert!(is_plain("search.notes/all-1"));
        for name in ["", "s\u{435}arch", "search\u{200b}", "search notes", "sеarch"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
