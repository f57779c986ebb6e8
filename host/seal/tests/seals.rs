//! What a seal promises, to those who have its key and to those who have not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cardea_seal::{Fields, Malformed, Sealer, Unsealed, WeakKey};
use proptest::prelude::*;

const OLD: &str = "an old key of more than thirty-two characters";
const NEW: &str = "a new key of more than thirty-two characters!";

fn sealer(keys: &[&str]) -> Sealer {
    Sealer::new(keys.iter().copied()).unwrap()
}

#[test]
fn a_key_is_replaced_while_what_it_sealed_still_opens() {
    let before = sealer(&[OLD]);
    let between = sealer(&[NEW, OLD]);
    let after = sealer(&[NEW]);
    let (old, new) = (before.seal("session", b"facts"), between.seal("session", b"facts"));
    assert_eq!(between.open("session", &old).as_deref(), Ok(&b"facts"[..]));
    assert_eq!(after.open("session", &new).as_deref(), Ok(&b"facts"[..]));
    assert_eq!(after.open("session", &old), Err(Unsealed::Key));
    assert_eq!(before.open("session", &new), Err(Unsealed::Key));
}

#[test]
fn without_a_key_a_process_has_its_own() {
    let (one, other) = (sealer(&[]), Sealer::of_this_process());
    let sealed = one.seal("session", b"facts");
    assert!(one.open("session", &sealed).is_ok());
    assert_eq!(other.open("session", &sealed), Err(Unsealed::Key));
}

#[test]
fn a_key_that_could_be_guessed_is_refused() {
    assert_eq!(Sealer::new(["short"]).err(), Some(WeakKey));
    assert_eq!(Sealer::new([NEW, ""]).err(), Some(WeakKey));
}

#[test]
fn a_sealer_shows_no_key() {
    assert!(!format!("{:?}", sealer(&[OLD])).contains("old key"));
}

proptest! {
    #[test]
    fn what_was_sealed_comes_out_and_is_never_sealed_alike(facts in prop::collection::vec(any::<u8>(), 0..300)) {
        let sealer = sealer(&[OLD]);
        let (one, other) = (sealer.seal("state", &facts), sealer.seal("state", &facts));
        prop_assert_ne!(&one, &other);
        prop_assert_eq!(sealer.open("state", &one), Ok(facts));
        prop_assert_eq!(sealer.open("session", &one), Err(Unsealed::Broken));
    }

    #[test]
    fn a_seal_that_was_touched_does_not_open(
        facts in prop::collection::vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
        bit in 0u8..6,
    ) {
        let sealer = sealer(&[OLD]);
        let sealed = sealer.seal("state", &facts);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut touched = sealed.clone().into_bytes();
        let at = at.index(touched.len());
        let value = alphabet.iter().position(|letter| *letter == touched[at]).unwrap();
        touched[at] = alphabet[value ^ (1 << bit)];
        prop_assert!(sealer.open("state", std::str::from_utf8(&touched).unwrap()).is_err());
        prop_assert!(sealer.open("state", &sealed[..at]).is_err());
    }

    #[test]
    fn any_text_is_refused_and_none_panics(text in "\\PC*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(sealer(&[OLD]).open("state", &text).is_err());
        let mut fields = Fields::of(&bytes);
        while fields.bytes().is_ok() {}
    }

    #[test]
    fn facts_come_out_one_by_one(texts in prop::collection::vec("\\PC{0,20}", 0..8), number in any::<u64>()) {
        let number_bytes = number.to_be_bytes();
        let mut facts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        facts.push(&number_bytes);
        let joined = Fields::join(&facts);
        let mut fields = Fields::of(&joined);
        for text in &texts {
            prop_assert_eq!(fields.text(), Ok(text.as_str()));
        }
        prop_assert_eq!(fields.number(), Ok(number));
        prop_assert_eq!(fields.bytes(), Err(Malformed));
        prop_assert_eq!(fields.end(), Ok(()));
    }
}
