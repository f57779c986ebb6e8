//! Secrets: used by name, read only where that is granted, shown nowhere.

use cardea_grant::Secret;
use cardea_plugin::Grants;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::{ask, grants, guest, load};

fn granted() -> Grants {
    let secrets = [("hook", "key"), ("pin", "1234"), ("unasked", "x")];
    Grants {
        secrets: secrets.map(|(name, value)| (name.to_owned(), Secret::new(value))).into(),
        reveal: Some(vec!["pin".to_owned(), "unasked".to_owned()]),
        ..grants()
    }
}

const ASKED: &str = "kv = true\nsecret = { names = ['hook'], reveal = ['pin'] }";

#[tokio::test]
async fn a_signature_is_made_without_the_guest_seeing_the_key() {
    let stage = load(guest(ASKED), granted()).await.unwrap();
    let told = ask(&stage, json!({ "do": "hmac", "name": "hook", "data": "text" })).await;
    let mut mac = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
    mac.update(b"text");
    assert_eq!(told["mac"], json!(mac.finalize().into_bytes().to_vec()));
}

#[tokio::test]
async fn only_what_both_sides_name_is_used_or_read() {
    let stage = load(guest(ASKED), granted()).await.unwrap();
    for (command, name, told) in [
        ("reveal", "pin", json!({ "secret": "1234" })),
        ("reveal", "hook", json!({ "error": "denied" })),
        ("reveal", "unasked", json!({ "error": "denied" })),
        ("hmac", "unasked", json!({ "error": "denied" })),
        ("hmac", "nothing", json!({ "error": "denied" })),
    ] {
        assert_eq!(ask(&stage, json!({ "do": command, "name": name })).await, told, "{command} {name}");
    }
    let shown = format!("{:?} {:?}", stage.allowed(), stage.allowed().scope().lines());
    assert!(!shown.contains("1234"), "{shown}");
}
