//! What `up` says before it serves: where to call, how in each era, and how to add the gateway to a client.

use std::net::SocketAddr;
use std::path::Path;

/// The whole text, ready to paste from.
pub(crate) fn welcome(key: &str, address: SocketAddr, manifest: &Path) -> String {
    let url = format!("http://{address}/mcp");
    format!(
        r#"
Cardea serves {url}
  manifest  {manifest}  (change it while this runs)
  key       {key}

A call, modern (2026-07-28: one request, no session):

{modern}

A call, legacy (2025-11-25: a session first):

{legacy}

For a client that reads an mcp.json:

{{
  "mcpServers": {{
    "cardea": {{ "type": "http", "url": "{url}", "headers": {{ "X-Api-Key": "{key}" }} }}
  }}
}}

For one with a command line of its own, such as Claude Code:

claude mcp add --transport http cardea {url} --header "X-Api-Key: {key}"
"#,
        manifest = manifest.display(),
        modern = modern(key, &url),
        legacy = legacy(key, &url),
    )
}

fn modern(key: &str, url: &str) -> String {
    format!(
        r#"curl -s {url} \
  -H 'X-Api-Key: {key}' \
  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
  -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: notes_search_notes' \
  -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"notes_search_notes","arguments":{{"query":"hinge"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}},"io.modelcontextprotocol/clientInfo":{{"name":"curl","version":"1"}}}}}}}}'"#
    )
}

fn legacy(key: &str, url: &str) -> String {
    format!(
        r#"post() {{ curl -s {url} -H 'X-Api-Key: {key}' -H 'Content-Type: application/json' \
  -H 'Accept: application/json, text/event-stream' "$@"; }}
session=$(post -D - -o /dev/null -d '{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{{}},"clientInfo":{{"name":"curl","version":"1"}}}}}}' \
  | tr -d '\r' | awk 'tolower($1) == "mcp-session-id:" {{ print $2 }}')
in_session() {{ post -H "Mcp-Session-Id: $session" -H 'MCP-Protocol-Version: 2025-11-25' "$@"; }}
in_session -d '{{"jsonrpc":"2.0","method":"notifications/initialized"}}'
in_session -d '{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"notes_search_notes","arguments":{{"query":"hinge"}}}}}}'"#
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Every JSON text between single quotes after a `-d`.
    fn bodies(text: &str) -> Vec<Value> {
        let quoted = text.split("-d '{").skip(1).filter_map(|rest| rest.split_once('\''));
        quoted.map(|(body, _)| serde_json::from_str(&format!("{{{body}")).unwrap()).collect()
    }

    #[test]
    fn the_modern_call_is_one_request_that_says_everything_itself() {
        let bodies = bodies(&modern("k", "u"));
        assert_eq!(bodies.len(), 1);
        assert_eq!(bodies[0]["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(bodies[0]["params"]["name"], "notes_search_notes");
    }

    #[test]
    fn the_legacy_call_opens_a_session_first() {
        let text = legacy("k", "u");
        let methods: Vec<Value> = bodies(&text).into_iter().map(|mut body| body["method"].take()).collect();
        assert_eq!(methods, ["initialize", "notifications/initialized", "tools/call"]);
    }

    #[test]
    fn the_client_s_settings_are_json() {
        let text = welcome("k", "127.0.0.1:1".parse().unwrap(), Path::new("m"));
        let start = text.find("{\n  \"mcpServers\"").unwrap();
        let end = text[start..].find("\n}\n").unwrap() + start + 2;
        let settings: Value = serde_json::from_str(&text[start..end]).unwrap();
        assert_eq!(settings["mcpServers"]["cardea"]["url"], "http://127.0.0.1:1/mcp");
        assert_eq!(settings["mcpServers"]["cardea"]["headers"]["X-Api-Key"], "k");
    }
}
