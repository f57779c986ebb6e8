//! Ask and grant meet when a stage is loaded.

use cardea_plugin::{Grants, LoadErrorKind};

use crate::{ASK, capabilities, engine, grants, guest, load, load_on};

#[tokio::test]
async fn every_import_that_is_not_granted_is_named_with_its_line() {
    let error = load(guest(ASK), Grants::default()).await.err().unwrap();
    assert_eq!(error.kind, LoadErrorKind::NotGranted);
    assert_eq!(error.problem, "it uses `kv` and `http` and `secret` `hook`, which its stage does not grant");
    for line in [
        "`grant.kv = true`",
        "`grant.http = [\"GET http://asked.example/*\"]`",
        "`grant.secret.values = { hook = \"${HOOK}\" }`",
    ] {
        assert!(error.remedy.contains(line), "{line}: {}", error.remedy);
    }
}

#[tokio::test]
async fn an_import_that_nobody_asked_for_is_the_plugins_fault() {
    for (ask, line) in [
        ("secret = ['hook']", "`kv = true`"),
        ("kv = true", "`secret = [\"name\"]`"),
        ("kv = true\nsecret = ['hook']\nhttp = []", "`http = [\"GET https://example.com/*\"]`"),
    ] {
        let error = load(guest(ask), grants()).await.err().unwrap();
        assert_eq!(error.kind, LoadErrorKind::Manifest, "{error}");
        assert!(error.remedy.contains(line), "{ask}: {}", error.remedy);
    }
}

#[tokio::test]
async fn what_is_asked_beyond_the_roles_needs_waits_for_an_answer() {
    let ask =
        "kv = true\nsecret = { names = ['hook'], reveal = ['hook'] }\nedit = ['/params/arguments/x', '/params/name']";
    let error = load(guest(ask), grants()).await.err().unwrap();
    assert_eq!(error.kind, LoadErrorKind::NotGranted);
    assert!(error.problem.contains("the right to edit `/params/name`"), "{error}");
    assert!(error.remedy.contains("`grant.edit = [\"/params/arguments/x\", \"/params/name\"]`"), "{}", error.remedy);
    assert!(error.remedy.contains("`grant.secret.reveal = [\"hook\"]`"), "{}", error.remedy);
    let answered = Grants {
        edit: Some(["/params/arguments".parse().unwrap()].into_iter().collect()),
        reveal: Some(Vec::new()),
        ..grants()
    };
    let stage = load(guest(ask), answered).await.unwrap();
    let lines = stage.allowed().scope().lines();
    assert!(lines.contains(&"edit /params/arguments/x".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("reveal")), "{lines:?}");
}

#[tokio::test]
async fn rules_that_have_nothing_in_common_are_an_error() {
    let other = Grants { http: Some(vec!["GET http://granted.example/*".parse().unwrap()]), ..grants() };
    let error = load(guest(ASK), other).await.err().unwrap();
    assert_eq!(error.kind, LoadErrorKind::NotGranted);
    assert!(error.problem.contains("`GET http://asked.example/*`"), "{error}");
    assert!(error.problem.contains("`GET http://granted.example/*`"), "{error}");
}

#[tokio::test]
async fn a_host_without_a_way_out_says_so() {
    let without = cardea_plugin::Capabilities { egress: None, ..capabilities(&[]) };
    let error = load_on(&engine(16), guest(ASK), grants(), without).await.err().unwrap();
    assert_eq!(error.kind, LoadErrorKind::Unavailable);
}

#[tokio::test]
async fn what_holds_is_the_narrower_of_both() {
    let ask = "kv = { max-bytes = 100 }\nsecret = ['hook']\nread = ['/params/arguments']";
    let granted = Grants {
        kv_quota: cardea_grant::Quota { bytes: Some(500), keys: Some(3) },
        http: Some(vec!["GET http://asked.example/v1/*".parse().unwrap()]),
        read: Some(["/params/arguments/*/x".parse().unwrap(), "header:via".parse().unwrap()].into_iter().collect()),
        ..grants()
    };
    let stage = load(guest(ask), granted).await.unwrap();
    let expected = [
        "kv of at most 100 bytes and 3 keys",
        "http GET http://asked.example/v1/*",
        "secret hook",
        "read /params/arguments/*/x",
        "edit /params/arguments",
    ];
    assert_eq!(stage.allowed().scope().lines(), expected);
}
