//! Characters that a person does not see and a model reads: how texts are smuggled past whoever approves them.

/// The text without hidden characters; none if there is none in it.
pub(crate) fn without(text: &str) -> Option<String> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii() && (byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t')) && byte != 0x7f)
    {
        return None;
    }
    let characters: Vec<char> = text.chars().collect();
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let flag = flag_length(&characters[at..]);
        if flag > 0 {
            shown.extend(&characters[at..at + flag]);
            at += flag;
            continue;
        }
        let before = at.checked_sub(1).map(|before| characters[before]);
        if !is_hidden(characters[at], before, characters.get(at + 1).copied()) {
            shown.push(characters[at]);
        }
        at += 1;
    }
    (shown.len() < text.len()).then_some(shown)
}

/// Whether a character is hidden where it stands. Joiners between letters of scripts that need them, and one selector after
/// a character that has variants, are not.
fn is_hidden(c: char, before: Option<char>, after: Option<char>) -> bool {
    match c {
        '\n' | '\r' | '\t' => false,
        // Joins emoji, and letters of Indic and Arabic scripts.
        '\u{200c}' | '\u{200d}' => !(before.is_some_and(is_joined) && after.is_some_and(is_joined)),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            before.is_none_or(|before| before.is_ascii_alphanumeric() || is_selector(before) || before.is_whitespace())
        }
        _ => {
            c.is_control()
                || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                    | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
                    | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        }
    }
}

fn is_joined(c: char) -> bool {
    c >= '\u{600}' && !matches!(c, '\u{2000}'..='\u{206f}')
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Characters of the flag of a region that begins here: a black flag, two to six tag letters or digits, the end tag.
fn flag_length(characters: &[char]) -> usize {
    if characters.first() != Some(&'\u{1f3f4}') {
        return 0;
    }
    let is_tag = |c: &&char| matches!(**c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let tags = characters[1..].iter().take_while(is_tag).count();
    let is_flag = (2..=6).contains(&tags) && characters.get(tags + 1) == Some(&'\u{e007f}');
    if is_flag { tags + 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::without;

    #[test]
    fn what_is_smuggled_goes() {
        let tags: String = "ignore".chars().filter_map(|c| char::from_u32(0xe0000 + c as u32)).collect();
        assert_eq!(without(&format!("ok{tags}")).as_deref(), Some("ok"));
        assert_eq!(without("a\u{200b}b\u{202e}c\u{feff}").as_deref(), Some("abc"));
        assert_eq!(without("x\u{fe01}\u{e0101}\u{e0120}").as_deref(), Some("x"));
        assert_eq!(without("bell\u{7}\u{1b}[31m").as_deref(), Some("bell[31m"));
    }

    #[test]
    fn what_people_write_stays() {
        for text in [
            "plain\ttext\r\n",
            "Zażółć gęślą jaźń, 日本語",
            "👩\u{200d}👩\u{200d}👧\u{200d}👦 ❤\u{fe0f} 1\u{fe0f}\u{20e3}",
            "می\u{200c}خواهم",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ] {
            let kept = without(text).unwrap_or_else(|| text.to_owned());
            assert_eq!(kept.replace('\u{fe0f}', ""), text.replace('\u{fe0f}', ""), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in "[a\u{200b}\u{200d}\u{202e}\u{fe0f}\u{e0041}\u{1f3f4}é]{0,40}") {
            if let Some(shown) = without(&text) {
                let left = shown.contains(['\u{200b}', '\u{202e}']);
                prop_assert!(!left);
            }
        }
    }
}
