//! What the fake server says it has: tools, prompts, resources, in pages.

use serde_json::{Value, json};

use crate::message::Trouble;
use crate::options::Options;
use crate::{tasks, tools};

/// The whole of one list; none for a method that lists nothing.
pub(crate) fn list(method: &str, options: &Options) -> Option<(&'static str, Vec<Value>)> {
    match method {
        "tools/list" => Some(("tools", tool_definitions(options))),
        "prompts/list" => Some(("prompts", prompts())),
        "resources/list" => Some(("resources", resources(&options.notes))),
        "resources/templates/list" => Some(("resourceTemplates", templates(&options.notes))),
        _ => None,
    }
}

/// One page of a list. Cursors are `page-2` and on.
pub(crate) fn page(all: &[Value], cursor: &Value, pages: usize) -> Result<(Vec<Value>, Option<String>), Trouble> {
    let number = match cursor {
        Value::Null => 1,
        Value::String(text) => text
            .strip_prefix("page-")
            .and_then(|number| number.parse::<usize>().ok())
            .filter(|number| (2..=pages).contains(number))
            .ok_or_else(|| Trouble::new(-32602, format!("Invalid cursor: {text}")))?,
        _ => return Err(Trouble::new(-32602, "Invalid cursor")),
    };
    let size = all.len().div_ceil(pages).max(1);
    let items = all.iter().skip((number - 1) * size).take(size).cloned().collect();
    Ok((items, (number < pages).then(|| format!("page-{}", number + 1))))
}

/// The result of `prompts/get`.
pub(crate) fn prompt(params: &Value) -> Result<Value, Trouble> {
    let name = params["name"].as_str().unwrap_or_default();
    if name != "greet" {
        return Err(Trouble::new(-32602, format!("Unknown prompt: {name}")));
    }
    let whom = params["arguments"]["whom"].as_str().unwrap_or("world");
    Ok(
        json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": format!("Say hello to {whom}.") } }] }),
    )
}

/// The result of `completion/complete`: the one value is the server's name.
pub(crate) fn completion(options: &Options) -> Value {
    json!({ "completion": { "values": [options.name] } })
}

/// The result of `resources/read`.
pub(crate) fn resource(params: &Value, modern: bool, options: &Options) -> Result<Value, Trouble> {
    let uri = params["uri"].as_str().unwrap_or_default();
    let Some(number) = uri.strip_prefix(&format!("fake://{}/", options.notes)) else {
        let code = if modern { -32602 } else { -32002 };
        return Err(Trouble::new(code, format!("Resource not found: {uri}")).with_data(json!({ "uri": uri })));
    };
    Ok(json!({ "contents": [{ "uri": uri, "mimeType": "text/plain", "text": format!("note {number}") }] }))
}

fn tool_definitions(options: &Options) -> Vec<Value> {
    let has = |name: &&(&str, &str)| options.tools.is_empty() || options.tools.iter().any(|tool| tool == name.0);
    let mut schema = json!({ "type": "object" });
    if options.marked {
        schema["properties"] = json!({ "text": { "type": "string", "x-mcp-header": "Text" } });
    }
    let definition = |(name, about): &(&str, &str)| json!({ "name": name, "description": about, "inputSchema": schema, "x-odd": true });
    // Only where it is asked for: a client that knows no tasks cannot call it.
    let task = options.tools.iter().any(|tool| tool == tasks::TOOL).then_some(&tasks::DEFINITION);
    tools::ALL.iter().chain(task).filter(has).map(definition).collect()
}

fn prompts() -> Vec<Value> {
    vec![json!({ "name": "greet", "arguments": [{ "name": "whom", "required": false }] })]
}

fn resources(notes: &str) -> Vec<Value> {
    vec![
        json!({ "uri": format!("fake://{notes}/1"), "name": "one", "mimeType": "text/plain" }),
        json!({ "uri": format!("fake://{notes}/2"), "name": "two", "mimeType": "text/plain" }),
    ]
}

fn templates(notes: &str) -> Vec<Value> {
    vec![json!({ "uriTemplate": format!("fake://{notes}/{{number}}"), "name": "note" })]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn pages_hold_everything_once_and_the_last_one_has_no_cursor() {
        let all: Vec<Value> = (0..7).map(Value::from).collect();
        let (mut seen, mut cursor) = (Vec::new(), Value::Null);
        for _ in 0..3 {
            let (items, next) = page(&all, &cursor, 3).unwrap();
            seen.extend(items);
            cursor = next.into();
        }
        assert_eq!((seen, cursor), (all.clone(), Value::Null));
        assert!(page(&all, &json!("page-4"), 3).is_err() && page(&all, &json!("x"), 3).is_err());
    }
}
