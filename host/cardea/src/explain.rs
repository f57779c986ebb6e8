//! `cardea explain`: what became of a call, as the gateway that served it remembers.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use http::Method;
use serde_json::Value;

use crate::control::{Door, text};
use crate::{ExplainArguments, Failure, log, serve};

/// Shows one call, or the latest ones.
pub(crate) fn run(arguments: &ExplainArguments) -> Result<(), Failure> {
    let door = Door::of(&arguments.manifest.manifest)?;
    let path = match &arguments.id {
        Some(id) => format!("/v1/calls/{}", escaped(id)),
        None => format!("/v1/calls?limit={}", arguments.limit),
    };
    let told = serve::runtime()?.block_on(door.ask(Method::GET, &path))?;
    let shown = match &arguments.id {
        _ if arguments.json => format!("{told:#}"),
        Some(_) => story(&told),
        None => list(&told),
    };
    log::print(&shown)
}

fn story(call: &Value) -> String {
    let subject = &call["subject"];
    let mut lines = vec![
        format!("call      {}", text(&call["call"])),
        format!("when      {}", date(&call["atMs"])),
        format!("what      {}", what(call)),
        format!("who       {}", who(subject)),
        format!("outcome   {}", outcome(call)),
    ];
    lines.extend(call["reason"].as_str().map(|reason| format!("reason    {reason}")));
    lines.push(format!(
        "took      {} us at {}, generation {}; {} bytes in, {} bytes out",
        call["micros"],
        text(&call["endpoint"]),
        call["generation"],
        call["bytesIn"],
        call["bytesOut"],
    ));
    let steps = call["steps"].as_array().map_or(&[][..], Vec::as_slice);
    if steps.is_empty() {
        lines.push("\nno stage was asked".to_owned());
        return lines.join("\n");
    }
    let width = steps.iter().map(|step| text(&step["stage"]).len()).max().unwrap_or_default().max(5);
    lines.push(format!(
        "\n{:<width$}  {:<15}  {:<8}  {:>8}  {:>6}  {:<8}  host calls",
        "stage", "hook", "verdict", "us", "cpu ms", "instance"
    ));
    steps.iter().for_each(|step| lines.extend(step_lines(step, width)));
    lines.join("\n")
}

/// One line, and what else is to be said below it.
fn step_lines(step: &Value, width: usize) -> Vec<String> {
    let ran = &step["ran"];
    let (stage, hook, verdict) = (text(&step["stage"]), text(&step["hook"]), text(&step["verdict"]));
    let mut line = format!("{stage:<width$}  {hook:<15}  {verdict:<8}  {:>8}", step["micros"].to_string());
    if ran.is_object() {
        let calls = ran["hostCalls"].as_object().into_iter().flatten();
        let calls: Vec<_> = calls.map(|(import, count)| format!("{import} {count}")).collect();
        let (ticks, instance) = (ran["cpuTicks"].to_string(), text(&ran["instance"]));
        let _ = write!(line, "  {ticks:>6}  {instance:<8}  {}", calls.join(", "));
    }
    let below = |what: &str, said: String| format!("{:<width$}  {what} {said}", "");
    let mut lines = vec![line.trim_end().to_owned()];
    lines.extend(step["reason"].as_str().map(|reason| below("reason:", reason.to_owned())));
    let edited: Vec<_> = step["edited"].as_array().into_iter().flatten().map(text).collect();
    lines.extend((!edited.is_empty()).then(|| below("edited:", edited.join(" "))));
    let retries = ran["retries"].as_u64().filter(|retries| *retries > 0);
    lines.extend(retries.map(|_| below("it trapped,", "and was asked again on a fresh instance".to_owned())));
    lines
}

fn list(told: &Value) -> String {
    let calls = told["calls"].as_array().map_or(&[][..], Vec::as_slice);
    if calls.is_empty() {
        return "no call has ended since the gateway started, or none is kept (`[admin] recent-calls`)".to_owned();
    }
    let line = |call: &Value| {
        let (id, micros, outcome) = (text(&call["call"]), call["micros"].to_string(), outcome(call));
        format!(
            "{}  {id:<36}  {micros:>9} us  {:<28}  {}  {outcome}",
            date(&call["atMs"]),
            what(call),
            who(&call["subject"])
        )
    };
    calls.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn what(call: &Value) -> String {
    let (method, name, server) = (text(&call["method"]), text(&call["name"]), text(&call["server"]));
    let mut words = vec![if method.is_empty() { "(refused before its body was read)" } else { method }];
    words.extend((!name.is_empty()).then_some(name));
    words.extend((!server.is_empty()).then_some("at"));
    words.extend((!server.is_empty()).then_some(server));
    words.join(" ")
}

fn who(subject: &Value) -> String {
    let (id, issuer, tenant) = (text(&subject["id"]), text(&subject["issuer"]), text(&subject["tenant"]));
    match (id.is_empty(), tenant.is_empty()) {
        (true, _) => "nobody".to_owned(),
        (false, true) => format!("{id} ({issuer})"),
        (false, false) => format!("{id} ({issuer}) of {tenant}"),
    }
}

fn outcome(call: &Value) -> String {
    let (outcome, blame) = (text(&call["outcome"]), text(&call["blame"]));
    match call["detail"].as_str() {
        Some(detail) => format!("{outcome} by {blame}: {detail}"),
        None => format!("{outcome} by {blame}"),
    }
}

fn date(millis: &Value) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis.as_u64().unwrap_or_default()))
}

/// An id may have any visible character, and a path not every one.
fn escaped(id: &str) -> String {
    id.bytes().fold(String::new(), |mut path, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            _ => drop(write!(path, "%{byte:02X}")),
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_story_names_what_every_stage_said_and_took() {
        let told = json!({
            "call": "c-1", "atMs": 0, "generation": 3, "endpoint": "/mcp", "method": "tools/call", "name": "files_read",
            "server": "files", "subject": { "issuer": "keys", "id": "ann" }, "outcome": "refused", "blame": "stage",
            "detail": "forbidden", "reason": "rule 2", "micros": 80, "bytesIn": 10, "bytesOut": 20,
            "steps": [
                { "stage": "shape", "hook": "on-call", "verdict": "pass", "edited": ["/arguments/a"], "micros": 20,
                  "ran": { "instance": "warm", "generation": 3, "cpuTicks": 0, "retries": 1, "hostCalls": { "call": 3, "kv": 1 } } },
                { "stage": "rbac", "hook": "on-call", "verdict": "refuse", "reason": "rule 2", "micros": 34 },
            ],
        });
        let shown = story(&told);
        for part in [
            "tools/call files_read at files",
            "ann (keys)",
            "refused by stage: forbidden",
            "Thu, 01 Jan 1970",
            "edited: /arguments/a",
            "warm      call 3, kv 1",
            "asked again",
            "reason: rule 2",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
    }

    #[test]
    fn ids_go_into_a_path_whole() {
        assert_eq!(escaped("a/b?c#d%"), "a%2Fb%3Fc%23d%25");
    }
}
