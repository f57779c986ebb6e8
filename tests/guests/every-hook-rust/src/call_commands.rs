//! `on-call`: one command per call, named by the argument `do`.

use cardea_sdk::limiter::{Bucket, Period, Rate, Rule, Window};
use cardea_sdk::prelude::*;

use crate::texts::{
    arg, arg_or_empty, error_text, json_or_empty, json_or_null, list, number_or_null, quoted, quoted_bytes,
    quoted_or_null, refusal,
};
use crate::trap;

/// Answers to the command.
pub(crate) fn judge() -> CallVerdict {
    run(&arg_or_empty("do"))
        .unwrap_or_else(|error| CallVerdict::Answer(format!("{{\"error\":{}}}", quoted(&error_text(&error)))))
}

fn run(command: &str) -> Result<CallVerdict, HostError> {
    match command {
        "answer" => Ok(CallVerdict::Answer(call::get("/arguments/json").unwrap_or_else(|| "{}".to_owned()))),
        "refuse" => Ok(refuse().into()),
        "trap" => trap(),
        "facts" => answer(call_facts()),
        "subject" => answer(subject_facts()),
        "config" => answer(config_facts()),
        "clock" => answer(format!(r#"{{"now":{}}}"#, clock::now_ms())),
        "catalog" => {
            answer_value(json_or_null(catalog::get(ItemKind::Tool, &arg_or_empty("id"), &arg_or_empty("pointer"))))
        }
        "elsewhere" => answer(elsewhere_facts()),
        "texts" => answer(format!(r#"{{"leaves":{}}}"#, list(call_leaves().iter().map(leaf)))),
        "set" => call::set(&arg_or_empty("pointer"), &json_or_empty("json")).map(|()| then()),
        "remove" => call::remove(&arg_or_empty("pointer")).map(|()| then()),
        "set-texts" => call::set_texts(&[(arg_or_empty("pointer"), arg_or_empty("text"))]).map(|()| then()),
        "scratch-put" => scratch::put("k", arg_or_empty("value").as_bytes()).map(|()| CallVerdict::Pass),
        "scratch-get" => answer_value(quoted_bytes(scratch::get(&arg_or_empty("plugin"), "k"))),
        "oblige" => oblige(),
        "fulfil" => fulfil(),
        "log" => {
            log::write(log::Level::Warn, "every-hook", &[("k".to_owned(), "v".to_owned())]);
            Ok(CallVerdict::Pass)
        }
        "metric" => {
            metric::count("calls", 1);
            metric::observe("size", 1.5);
            Ok(CallVerdict::Pass)
        }
        "take" => take(),
        "settle" => settle().map(|()| CallVerdict::Pass),
        "kv-get" => answer_value(quoted_bytes(kv::get("k")?)),
        "kv-put" => kv::put("k", arg_or_empty("value").as_bytes(), Some(60_000)).map(|()| CallVerdict::Pass),
        "kv-delete" => kv::delete("k").map(|()| CallVerdict::Pass),
        "kv-add" => answer_value(kv::add("n", 2, None)?.to_string()),
        "kv-cas" => {
            let expect = arg("expect").map(String::into_bytes);
            answer_value(kv::cas("k", expect.as_deref(), arg_or_empty("value").as_bytes(), None)?.to_string())
        }
        "journal" => record(),
        _ => Ok(CallVerdict::Pass),
    }
}

/// Settles the first of the three buckets; `on-reply` has the command too.
pub(crate) fn settle() -> Result<(), HostError> {
    limiter::settle(&rate_bucket(), -2)
}

fn answer(json: String) -> Result<CallVerdict, HostError> {
    Ok(CallVerdict::Answer(json))
}

fn answer_value(json: String) -> Result<CallVerdict, HostError> {
    answer(format!(r#"{{"value":{json}}}"#))
}

fn then() -> CallVerdict {
    match arg("then").as_deref() {
        Some("trap") => trap(),
        Some("answer") => CallVerdict::Answer("{}".to_owned()),
        _ => CallVerdict::Pass,
    }
}

fn refuse() -> Refusal {
    let kind = match arg("kind").as_deref() {
        Some("unauthenticated") => RefusalKind::Unauthenticated,
        Some("insufficient-scope") => RefusalKind::InsufficientScope,
        Some("unknown") => RefusalKind::Unknown,
        Some("limited") => RefusalKind::Limited,
        Some("invalid") => RefusalKind::Invalid,
        Some("unavailable") => RefusalKind::Unavailable,
        _ => RefusalKind::Forbidden,
    };
    let refusal = refusal(kind);
    if arg("form").as_deref() == Some("tool-result") { refusal.as_tool_result() } else { refusal }
}

fn call_facts() -> String {
    let many = call::get_many(&["/arguments/probe".to_owned(), "/arguments/none".to_owned()]);
    format!(
        r#"{{"id":{},"method":{},"name":{},"nativeName":{},"server":{},"endpoint":{},"version":{},"header":{},"time":{},"size":{},"get":{},"many":{},"text":{}}}"#,
        quoted(&call::id()),
        quoted(&call::method()),
        quoted_or_null(call::name().as_deref()),
        quoted_or_null(call::native_name().as_deref()),
        quoted(&call::server()),
        quoted(&call::endpoint()),
        quoted(&call::protocol_version()),
        quoted_or_null(call::header("x-probe").as_deref()),
        call::remaining_ms() > 0,
        call::size(),
        json_or_null(call::get("/arguments/probe")),
        list(many.into_iter().map(json_or_null)),
        quoted_or_null(call::text("/arguments/probe").as_deref()),
    )
}

fn subject_facts() -> String {
    let texts = |texts: Vec<String>| list(texts.iter().map(|text| quoted(text)));
    let current = subject::current().map(|subject| {
        format!(
            r#"{{"issuer":{},"id":{},"kind":{},"client":{},"credential":{},"expires":{}}}"#,
            quoted(&subject.issuer),
            quoted(&subject.id),
            quoted(&subject.kind),
            quoted(&subject.client),
            quoted(&subject.credential_id),
            number_or_null(subject.expires_ms),
        )
    });
    format!(
        r#"{{"id":{},"tenant":{},"keyed":{},"roles":{},"groups":{},"scopes":{},"claim":{},"current":{}}}"#,
        quoted(&subject::id()),
        quoted(&subject::tenant()),
        !subject::key().is_empty(),
        texts(subject::roles()),
        texts(subject::groups()),
        texts(subject::scopes()),
        json_or_null(subject::claim("/team")),
        json_or_null(current),
    )
}

fn config_facts() -> String {
    format!(
        r#"{{"json":{},"get":{},"generation":{}}}"#,
        config::json(),
        json_or_null(config::get("/probe")),
        config::generation()
    )
}

fn elsewhere_facts() -> String {
    format!(
        r#"{{"method":{},"headers":{},"peer":{},"reply":{},"text":{}}}"#,
        quoted(&credential::http_method()),
        credential::header("x-every-hook").len(),
        credential::tls_peer().is_some(),
        reply::size(),
        quoted_or_null(reply::text("/probe").as_deref()),
    )
}

fn call_leaves() -> Vec<cardea_sdk::TextLeaf> {
    let mut leaves = Vec::new();
    let mut cursor = Some(0);
    while let Some(at) = cursor {
        let page = call::texts(at);
        leaves.extend(page.leaves);
        cursor = page.next;
    }
    leaves
}

fn leaf(leaf: &cardea_sdk::TextLeaf) -> String {
    list([quoted(&leaf.pointer), quoted(&leaf.text)])
}

fn oblige() -> Result<CallVerdict, HostError> {
    obligation::add("mask", &json_or_empty("json"))?;
    if arg("then").as_deref() == Some("pass") {
        return Ok(CallVerdict::Pass);
    }
    answer(format!(r#"{{"pending":{}}}"#, obligation::pending().len()))
}

fn fulfil() -> Result<CallVerdict, HostError> {
    let pending = obligation::pending();
    for duty in pending.iter().filter(|duty| duty.kind == "stamp") {
        obligation::fulfil(duty.id)?;
    }
    let duties = pending.iter().map(|duty| list([quoted(&duty.kind), duty.json.clone()]));
    answer(format!(r#"{{"pending":{}}}"#, list(duties)))
}

fn rate_bucket() -> Bucket {
    Bucket { key: "r".to_owned(), rule: Rule::Rate(Rate { capacity: 5, refill_per_second: 0.5 }), cost: 1 }
}

fn take() -> Result<CallVerdict, HostError> {
    let window = Window { limit: 10, per: Period::Day, utc_offset_minutes: 60 };
    let taken = limiter::take(&[
        rate_bucket(),
        Bucket { key: "w".to_owned(), rule: Rule::Window(window), cost: 2 },
        Bucket { key: "c".to_owned(), rule: Rule::Concurrent(3), cost: 1 },
    ])?;
    answer(format!(
        r#"{{"allowed":{},"bucket":{},"remaining":{},"retryAfterMs":{},"resetMs":{}}}"#,
        taken.allowed, taken.bucket, taken.remaining, taken.retry_after_ms, taken.reset_ms
    ))
}

fn record() -> Result<CallVerdict, HostError> {
    journal::include(journal::Document::Call, "/arguments/secret", journal::Treatment::Drop)?;
    journal::include(journal::Document::Reply, "/content", journal::Treatment::Hash)?;
    journal::note("seen", "true")?;
    Ok(CallVerdict::Pass)
}
