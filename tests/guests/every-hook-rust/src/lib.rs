//! The guest that exports every hook, in Rust. What it does is written in `tests/guests/every-hook.md`.

mod call_commands;
mod reply_commands;
mod texts;

use cardea_sdk::prelude::*;

use texts::{error_text, refusal};

/// Holds nothing: every hook reads what it needs.
pub struct EveryHook;

#[cardea_sdk::plugin]
impl Plugin for EveryHook {
    type Config = serde_json::Value;

    fn new(_config: Self::Config) -> Result<Self, String> {
        config::get("/init-error").map_or(Ok(Self), Err)
    }

    fn selftest(&self) -> Result<(), String> {
        config::get("/selftest-error").map_or(Ok(()), Err)
    }

    fn on_authenticate(&self) -> Finding {
        let Some(wanted) = credential::header("x-every-hook").into_iter().next() else { return Finding::None };
        match wanted.as_str() {
            "refuse" => {
                let headers = vec![("www-authenticate".to_owned(), "Bearer".to_owned())];
                Refusal { headers, retry_after_ms: None, ..refusal(RefusalKind::Unauthenticated) }.into()
            }
            "trap" => trap(),
            "facts" => credential_facts().into(),
            _ => {
                let (roles, claims_json) = (vec!["tester".to_owned()], Some(r#"{"team":"blue"}"#.to_owned()));
                Subject { roles, claims_json, ..Subject::new("every-hook", wanted, "user") }.into()
            }
        }
    }

    fn on_list(&self, items: Vec<Item>) -> Vec<bool> {
        if items.first().is_some_and(|item| item.id == "trap") {
            trap();
        }
        let all = subject::roles().iter().any(|role| role == "all");
        let keep = |item: &Item| {
            all || item.hints.contains(ItemHints::READ_ONLY) || catalog::get(item.kind, &item.id, "/title").is_some()
        };
        items.iter().map(keep).collect()
    }

    fn on_call(&self) -> CallVerdict {
        call_commands::judge()
    }

    fn on_route(&self, candidates: Vec<Candidate>) -> Choice {
        if candidates.first().is_some_and(|candidate| candidate.id == "trap") {
            trap();
        }
        let is_mirror =
            |candidate: &Candidate| candidate.labels.iter().any(|(key, value)| key == "mirror" && value == "yes");
        let (mirrors, mut others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(is_mirror);
        others.retain(|candidate| candidate.healthy);
        others.sort_by_key(|candidate| candidate.in_flight);
        Choice {
            mirrors: mirrors.into_iter().map(|candidate| candidate.id).collect(),
            hedge_after_ms: config::get("/hedge-ms").and_then(|json| json.parse().ok()),
            sticky: Some(subject::id()).filter(|id| !id.is_empty()),
            ..Choice::in_order(others.into_iter().map(|candidate| candidate.id))
        }
    }

    fn on_reply(&self) -> ReplyVerdict {
        reply_commands::judge()
    }

    fn on_record(&self, batch: Vec<Entry>) -> Result<(), String> {
        for Entry { cursor, json, .. } in &batch {
            if json.contains(r#""trap""#) {
                trap();
            }
            if json.contains(r#""fail""#) {
                return Err(format!("record {cursor} refused"));
            }
            log::write(log::Level::Info, json, &[("cursor".to_owned(), cursor.to_string())]);
        }
        let delivered = i64::try_from(batch.len()).unwrap_or(i64::MAX);
        kv::add("delivered", delivered, None).map(drop).map_err(|error| error_text(&error))
    }
}

fn credential_facts() -> Subject {
    let peer = credential::tls_peer();
    Subject {
        client: credential::http_method(),
        credential_id: credential::endpoint(),
        roles: credential::header("x-role"),
        groups: peer.into_iter().flat_map(|peer| std::iter::once(peer.digest).chain(peer.names)).collect(),
        expires_ms: Some(clock::now_ms() + 60_000),
        ..Subject::new(credential::uri(), "facts", "service")
    }
}

fn trap() -> ! {
    panic!("asked to trap")
}
