//! No planted secret leaves, in any encoding that the engine claims to see.

use std::convert::Infallible;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cardea_mask::{Kind, Kinds, Patterns, mask, mask_joined};
use proptest::prelude::*;

/// Ways to write a text that its reader undoes.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    Plain,
    JsonEscapes,
    NestedJson,
    TwiceNestedJson,
    Percent,
    Invisible,
    FullWidth,
    Base64,
    Base64Url,
    Base64Twice,
}

const ENCODINGS: [Encoding; 10] = [
    Encoding::Plain,
    Encoding::JsonEscapes,
    Encoding::NestedJson,
    Encoding::TwiceNestedJson,
    Encoding::Percent,
    Encoding::Invisible,
    Encoding::FullWidth,
    Encoding::Base64,
    Encoding::Base64Url,
    Encoding::Base64Twice,
];

impl Encoding {
    fn of(self, text: &str) -> String {
        let each = |write: fn(char) -> String| text.chars().map(write).collect::<String>();
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Plain => text.to_owned(),
            Self::JsonEscapes => each(|c| format!("\\u{:04x}", u32::from(c))),
            Self::NestedJson => quoted(text),
            Self::TwiceNestedJson => quoted(&quoted(text)),
            Self::Percent => each(|c| format!("%{:02X}", u32::from(c))),
            Self::Invisible => each(|c| format!("{c}\u{200b}")),
            Self::FullWidth => {
                each(|c| char::from_u32(u32::from(c) + 0xfee0).filter(|_| c > ' ').unwrap_or(c).to_string())
            }
            Self::Base64 => STANDARD.encode(text),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(text),
            Self::Base64Twice => STANDARD.encode(STANDARD.encode(text)),
        }
    }
}

fn secrets() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{3,8}\\.[a-z]{3,8}@[a-z]{4,9}\\.(org|com|de)",
        "AKIA[A-Z2-7]{16}",
        "ghp_[A-Za-z0-9]{36}",
        "xoxb-[0-9]{12}-[A-Za-z0-9]{24}",
        Just("4111111111111111".to_owned()),
        Just("378282246310005".to_owned()),
        Just("DE89370400440532013000".to_owned()),
        Just("078-05-1120".to_owned()),
    ]
}

fn all() -> Kinds {
    Kind::ALL.iter().filter(|kind| **kind != Kind::Entropy).fold(Kinds::default(), |kinds, kind| kinds.with(*kind))
}

fn redact(_: Kind, _: &str) -> Result<String, Infallible> {
    Ok("[gone]".to_owned())
}

fn masked(text: &str) -> String {
    let Ok(masked) = mask(text, all(), &Patterns::default(), &mut redact);
    masked.unwrap_or_else(|| text.to_owned())
}

proptest! {
    #[test]
    fn no_secret_leaves_in_a_claimed_encoding(secret in secrets(), before in "[a-z .,]{0,20}", after in "[a-z .,]{0,20}") {
        let sentence = format!("{before} {secret} {after}");
        for encoding in ENCODINGS {
            let written = encoding.of(&sentence);
            let left = masked(&written);
            prop_assert!(!left.contains(&encoding.of(&secret)) || matches!(encoding, Encoding::Base64 | Encoding::Base64Url | Encoding::Base64Twice), "{encoding:?}: {left}");
            prop_assert_ne!(&left, &written, "{:?}", encoding);
            let expected = encoding.of(&sentence.replace(&secret, "[gone]"));
            if matches!(encoding, Encoding::Base64 | Encoding::Base64Url | Encoding::Base64Twice) {
                prop_assert_eq!(left.trim_end_matches('='), expected.trim_end_matches('='), "{:?}", encoding);
            }
        }
    }

    #[test]
    fn no_secret_leaves_split_over_items(secret in secrets(), cuts in prop::collection::vec(0_usize..20, 1..4)) {
        let mut parts = vec![format!("is {secret} now")];
        for cut in cuts {
            let last = parts.pop().unwrap_or_default();
            let at = cut.min(last.len());
            parts.extend([last[..at].to_owned(), last[at..].to_owned()]);
        }
        let mut left: Vec<String> = parts.clone();
        let texts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let Ok(changed) = mask_joined(&texts, all(), &Patterns::default(), &mut redact);
        changed.into_iter().for_each(|(place, new)| left[place] = new);
        prop_assert_eq!(left.concat(), "is [gone] now");
    }

    #[test]
    fn no_text_makes_it_panic_and_what_is_masked_stays_masked(text in ".{0,200}") {
        let once = masked(&text);
        prop_assert_eq!(&masked(&once), &once);
    }

    #[test]
    fn texts_of_the_alphabet_of_secrets_neither(text in "[-0-9A-Za-z+@.:%\\\\/u =_\u{200b}]{0,120}") {
        let _ = masked(&text);
    }
}
