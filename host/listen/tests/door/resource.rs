//! What a client without a token is told of an endpoint.

use cardea_listen::Settings;
use serde_json::json;

use crate::support::{House, modern_post, post, tool};

const AT: &str = "/.well-known/oauth-protected-resource";

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

/// A call with a token the doorman does not take.
fn expired(path: &str) -> String {
    let call = modern_post(&tool(1, "echo")).replacen("POST /mcp", &format!("POST {path}"), 1);
    call.replacen("\r\n", "\r\nAuthorization: Bearer expired\r\n", 1)
}

#[tokio::test]
async fn metadata_is_at_the_exact_path_of_its_endpoint_and_for_every_page() {
    let house = House::start().await;
    let mut client = house.connect().await;
    let reply = client.exchange(&get(&format!("{AT}/servers/x/mcp"), "Origin: https://anybody.example\r\n")).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let expected = json!({
        "resource": "http://localhost/servers/x/mcp",
        "authorization_servers": ["https://id.example"],
        "scopes_supported": ["mcp:tools"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(reply.json(), expected);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://anybody.example"));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=60"));
    for path in [
        "",
        "/",
        "/mcp",
        "/servers/x/mcp/",
        "/servers/x",
        "/servers/X/mcp",
        "servers/x/mcp",
        "//servers/x/mcp",
        "/servers/x/%6dcp",
    ] {
        let reply = client.exchange(&get(&format!("{AT}{path}"), "")).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    let reply = client.exchange(&post(&format!("{AT}/servers/x/mcp"), "", "{}")).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
    let mut client = house.connect().await;
    let evil = get(&format!("{AT}/servers/x/mcp"), "").replace("localhost", "evil.example");
    assert_eq!(client.exchange(&evil).await.status, 403, "a name that is not ours makes no metadata");
}

#[tokio::test]
async fn a_page_may_ask_before_it_asks() {
    let house = House::start().await;
    let asks = "Origin: https://anybody.example\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: mcp-protocol-version\r\n";
    let preflight = |path: &str| get(path, asks).replacen("GET", "OPTIONS", 1);
    let reply = house.connect().await.exchange(&preflight(&format!("{AT}/servers/x/mcp"))).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, Some("https://anybody.example")));
    let reply = house.connect().await.exchange(&preflight("/mcp")).await;
    assert_eq!(reply.status, 403, "calls are for allowed pages only");
}

#[tokio::test]
async fn a_challenge_says_where_the_metadata_is() {
    let house = House::start().await;
    let reply = house.connect().await.exchange(&expired("/servers/x/mcp")).await;
    assert_eq!(reply.status, 401);
    let location = format!("http://localhost{AT}/servers/x/mcp");
    let challenge = reply.header("www-authenticate").unwrap();
    assert_eq!(challenge, format!(r#"Bearer resource_metadata="{location}""#));
    let reply = house.connect().await.exchange(&expired("/mcp")).await;
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "nothing is declared of this endpoint");
}

#[tokio::test]
async fn behind_a_public_url_its_path_is_part_of_the_name() {
    let settings = Settings { public_url: Some("https://gateway.example/a/".to_owned()), ..Settings::default() };
    let house = House::with(settings).await;
    let reply = house.connect().await.exchange(&get(&format!("{AT}/a/servers/x/mcp"), "")).await;
    assert_eq!(reply.json()["resource"], "https://gateway.example/a/servers/x/mcp");
    assert_eq!(house.connect().await.exchange(&get(&format!("{AT}/servers/x/mcp"), "")).await.status, 404);
    let reply = house.connect().await.exchange(&expired("/servers/x/mcp")).await;
    let challenge = reply.header("www-authenticate").unwrap();
    assert_eq!(challenge, format!(r#"Bearer resource_metadata="https://gateway.example{AT}/a/servers/x/mcp""#));
}
