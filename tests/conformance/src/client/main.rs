//! The client that the conformance suite's mock servers judge: on the official Rust SDK, in the era the suite names, it uses
//! everything a server offers. With the gateway between the two, it is the gateway that is judged.
#![allow(deprecated, reason = "the suite asks for sampling and roots, which the newest revision only deprecates")]

mod person;
mod values;

use std::env;
use std::error::Error;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, GetPromptRequestParams, JsonObject, ProtocolVersion, ReadResourceRequestParams, Tool,
};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::person::Person;

type Connection = RunningService<RoleClient, Person>;

/// The suite gives up after 30 seconds, and then says less about why.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the suite tells about a scenario, where it has more to tell than the server's URL.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scenario {
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
}

#[derive(Deserialize)]
struct ToolCall {
    name: String,
    arguments: JsonObject,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: cardea-conformance-client URL")?;
    let scenario = match env::var("MCP_CONFORMANCE_CONTEXT") {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Scenario::default(),
    };
    tokio::time::timeout(PATIENCE, run(&url, scenario)).await.map_err(|_| format!("not done after {PATIENCE:?}"))?
}

async fn run(url: &str, scenario: Scenario) -> Result<(), Box<dyn Error>> {
    let transport = StreamableHttpClientTransport::from_uri(url);
    let connection = Person.serve_with_lifecycle(transport, lifecycle()?).await?;
    let tools = connection.list_all_tools().await?;
    for call in calls(&tools, scenario) {
        let name = call.name.clone();
        tell(&format!("tools/call {name}"), connection.call_tool(call).await);
    }
    read_everything(&connection).await;
    connection.cancel().await?;
    Ok(())
}

/// The era of the revision under test.
fn lifecycle() -> Result<ClientLifecycleMode, Box<dyn Error>> {
    let version = env::var("MCP_CONFORMANCE_PROTOCOL_VERSION")?;
    let version: ProtocolVersion = serde_json::from_value(Value::String(version))?;
    Ok(match version.as_str() >= ProtocolVersion::V_2026_07_28.as_str() {
        true => ClientLifecycleMode::Discover { preferred_versions: vec![version] },
        false => ClientLifecycleMode::Initialize,
    })
}

/// What the scenario tells to call, or else every tool, with arguments that fit its schema.
fn calls(tools: &[Tool], scenario: Scenario) -> Vec<CallToolRequestParams> {
    if scenario.tool_calls.is_empty() {
        let call = |tool: &Tool| CallToolRequestParams::new(tool.name.clone()).with_arguments(arguments(tool, tools));
        return tools.iter().map(call).collect();
    }
    let call = |call: ToolCall| CallToolRequestParams::new(call.name).with_arguments(call.arguments);
    scenario.tool_calls.into_iter().map(call).collect()
}

/// `json_schema_echo` wants to hear the other tool's schema as it arrived here.
fn arguments(tool: &Tool, tools: &[Tool]) -> JsonObject {
    if tool.name == "json_schema_echo"
        && let Some(other) = tools.iter().find(|other| other.name != tool.name)
    {
        return JsonObject::from_iter([("schema".to_owned(), json!(other.input_schema))]);
    }
    values::fitting(&json!(tool.input_schema))
}

/// Reads every resource and gets every prompt of a server that has any.
async fn read_everything(connection: &Connection) {
    let Some(server) = connection.peer_info() else { return };
    if server.capabilities.resources.is_some() {
        let resources = tell("resources/list", connection.list_all_resources().await);
        for resource in resources.unwrap_or_default() {
            let read = connection.read_resource(ReadResourceRequestParams::new(resource.uri.as_str())).await;
            tell(&format!("resources/read {}", resource.uri), read);
        }
    }
    if server.capabilities.prompts.is_some() {
        for prompt in tell("prompts/list", connection.list_all_prompts().await).unwrap_or_default() {
            let got = connection.get_prompt(GetPromptRequestParams::new(prompt.name.as_str())).await;
            tell(&format!("prompts/get {}", prompt.name), got);
        }
    }
}

/// The suite judges what reaches its server; what came back is told to whoever reads the suite's log.
fn tell<T, E: Error>(what: &str, result: Result<T, E>) -> Option<T> {
    match result {
        Ok(value) => {
            println!("{what}: ok");
            Some(value)
        }
        Err(error) => {
            println!("{what}: {error}");
            None
        }
    }
}
