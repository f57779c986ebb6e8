//! Whether a reply is the one that was expected; if not, how it differs, and all of it.

use serde_json::{Value, json};

use crate::case::{Expected, What};
use crate::expect::{Strictness, differences, text_differs};
use crate::variables::Variables;
use crate::{Outcome, Reply};

/// Judges the last reply. `id` is that of the request it answers.
pub(crate) fn reply(expected: &Expected, reply: &Reply, id: u64, variables: &mut Variables) -> Outcome<()> {
    let mut found = Vec::new();
    let status = match expected.what {
        What::Reply { status } | What::Bytes { status } | What::Error { status, .. } => status,
        What::Result | What::Events => 200,
    };
    if reply.status != status {
        found.push(format!("expected status {status}, got {}", reply.status));
    }
    headers(&expected.headers, reply, variables, &mut found)?;
    let body = variables.fill(&expected.body)?;
    match expected.what {
        What::Reply { .. } => plain(&body, reply, variables, &mut found)?,
        What::Bytes { .. } => bytes(&body, reply, &mut found),
        What::Result => {
            let whole = json!({ "jsonrpc": "2.0", "id": id, "result": one(&body)?, "...": "..." });
            found.extend(compared(&whole, reply, variables));
        }
        What::Error { code, .. } => {
            let mut error = one(&body)?;
            error["code"] = code.into();
            let whole = json!({ "jsonrpc": "2.0", "id": id, "error": error, "...": "..." });
            found.extend(compared(&whole, reply, variables));
        }
        What::Events => events(&body, reply, variables, &mut found)?,
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(format!("the reply differs\n  {}\ngot:\n{}", found.join("\n  "), shown(reply)))
    }
}

/// A reply as it would be read on the wire.
pub(crate) fn shown(reply: &Reply) -> String {
    let mut text = format!("  HTTP {}\n", reply.status);
    for (name, value) in &reply.headers {
        text.push_str(&format!("  {name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    text.push_str(&format!("\n  {}\n", reply.text().trim_end().replace('\n', "\n  ")));
    text
}

/// The JSON documents of a text, one after the other.
pub(crate) fn documents(text: &str) -> Outcome<Vec<Value>> {
    let read = serde_json::Deserializer::from_str(text).into_iter::<Value>().collect::<Result<_, _>>();
    read.map_err(|error| format!("what is expected here is no JSON: {error}"))
}

/// Lines that must stand in a text, in this order, whatever stands between them.
pub(crate) fn in_order(lines: &[String], text: &str) -> Outcome<()> {
    let mut rest = text;
    for line in lines {
        let line = line.trim();
        match rest.split_once(line) {
            Some((_, behind)) => rest = behind,
            None => return Err(format!("`{line}` does not stand where it is expected in:\n{text}")),
        }
    }
    Ok(())
}

fn headers(
    expected: &[(String, String)],
    reply: &Reply,
    variables: &mut Variables,
    found: &mut Vec<String>,
) -> Outcome<()> {
    for (name, pattern) in expected {
        let pattern = variables.fill(pattern)?;
        let values: Vec<_> =
            reply.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let got = (!values.is_empty()).then(|| values.join(", "));
        found.extend(text_differs(&pattern, got.as_deref(), variables).map(|how| format!("{name}: {how}")));
    }
    Ok(())
}

/// No body expected: none may come. Text is compared as JSON if it is any, else to the letter.
fn plain(body: &str, reply: &Reply, variables: &mut Variables, found: &mut Vec<String>) -> Outcome<()> {
    if body.is_empty() {
        found.extend((!reply.body.is_empty()).then(|| "expected no body".to_owned()));
    } else if body.starts_with('<') {
        found.extend(text_differs(body, Some(&reply.text()), variables));
    } else if body.starts_with(['{', '[']) {
        found.extend(compared(&one(body)?, reply, variables));
    } else if reply.text().trim_end() != body {
        found.push(format!("expected the body `{body}`"));
    }
    Ok(())
}

fn bytes(body: &str, reply: &Reply, found: &mut Vec<String>) {
    if reply.body != body.as_bytes() {
        let same = reply.body.iter().zip(body.as_bytes()).take_while(|(got, expected)| got == expected).count();
        found
            .push(format!("the body differs from byte {same} on; expected {:?}", body.get(same..).unwrap_or_default()));
    }
}

fn events(body: &str, reply: &Reply, variables: &mut Variables, found: &mut Vec<String>) -> Outcome<()> {
    if !reply.is_events() {
        found.push("expected an event stream".to_owned());
        return Ok(());
    }
    let got: Result<Vec<Value>, _> = reply.events().iter().map(|event| serde_json::from_str(event)).collect();
    let got = got.map_err(|error| format!("an event is no JSON: {error}\n{}", shown(reply)))?;
    found.extend(differences(&documents(body)?.into(), &got.into(), Strictness::Whole, variables));
    Ok(())
}

fn compared(expected: &Value, reply: &Reply, variables: &mut Variables) -> Vec<String> {
    match reply.json() {
        Ok(got) => differences(expected, &got, Strictness::Whole, variables),
        Err(_) => vec![format!("expected {expected}, got no JSON")],
    }
}

fn one(body: &str) -> Outcome<Value> {
    let mut documents = documents(body)?;
    match documents.len() {
        1 => Ok(documents.remove(0)),
        count => Err(format!("one JSON document must be expected here, not {count}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn judged(what: What, headers: &[(&str, &str)], body: &str) -> Outcome<()> {
        let mut got = Reply {
            status: 200,
            headers: http::HeaderMap::new(),
            body: r#"{"jsonrpc":"2.0", "id":3,"result":{"a":1}}"#.into(),
        };
        got.headers.insert("x-a", "1".parse().unwrap());
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        reply(&Expected { what, headers, body: body.to_owned() }, &got, 3, &mut Variables::default())
    }

    #[test]
    fn a_reply_that_is_as_expected_passes_in_every_form() {
        judged(What::Result, &[("X-A", "1"), ("X-B", "<absent>")], r#"{"a": 1}"#).unwrap();
        judged(What::Reply { status: 200 }, &[], r#"{"jsonrpc": "2.0", "id": 3, "result": "<any>"}"#).unwrap();
        judged(What::Bytes { status: 200 }, &[], r#"{"jsonrpc":"2.0", "id":3,"result":{"a":1}}"#).unwrap();
    }

    #[test]
    fn each_way_to_differ_is_said() {
        for (what, headers, body, said) in [
            (What::Result, &[][..], r#"{"a": 2}"#, "/result/a: expected 2, got 1"),
            (What::Result, &[("X-A", "2")][..], r#"{"a": 1}"#, "X-A: expected \"2\""),
            (What::Error { status: 404, code: -1 }, &[], "{}", "expected status 404"),
            (What::Bytes { status: 200 }, &[], r#"{"jsonrpc":"2.0","id":3}"#, "from byte 17"),
            (What::Reply { status: 200 }, &[], "", "expected no body"),
            (What::Events, &[], "{}", "expected an event stream"),
        ] {
            let how = judged(what, headers, body).unwrap_err();
            assert!(how.contains(said), "{how}");
        }
    }

    #[test]
    fn lines_are_looked_for_in_order() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert!(in_order(&lines(&["a", "c"]), "a\nb\nc").is_ok());
        assert!(in_order(&lines(&["c", "a"]), "a\nb\nc").is_err());
    }
}
