//! What the suite asks for by name, read from `data/`: definitions, answers that never change, and questions to the client.

use std::collections::HashMap;

use rmcp::ErrorData;
use rmcp::model::{
    CallToolResult, GetPromptResult, InputRequest, Prompt, ReadResourceResult, Resource, ResourceContents,
    ResourceTemplate, Tool,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::fill;
use crate::rounds::Rounds;

/// All of `data/`.
pub(crate) struct Catalog {
    /// What can be called.
    pub(crate) tools: Definitions<Tool>,
    /// What can be asked for with `prompts/get`.
    pub(crate) prompts: Definitions<Prompt>,
    /// What can be read.
    pub(crate) resources: Resources,
    /// Which tools and prompts need answers of the client first.
    pub(crate) rounds: HashMap<String, Rounds>,
    asks: HashMap<String, Value>,
}

/// One kind of item, and what those that always say the same say.
#[derive(Deserialize)]
pub(crate) struct Definitions<T> {
    /// In the order they are listed.
    pub(crate) definitions: Vec<T>,
    answers: HashMap<String, Value>,
}

/// What can be read.
#[derive(Deserialize)]
pub(crate) struct Resources {
    /// Those with a URI of their own.
    pub(crate) definitions: Vec<Resource>,
    /// Those with a part to be filled in.
    pub(crate) templates: Vec<ResourceTemplate>,
    contents: HashMap<String, Value>,
}

impl Catalog {
    /// Fails if a file of `data/` is not what this program takes it for.
    pub(crate) fn read() -> serde_json::Result<Self> {
        Ok(Self {
            tools: serde_json::from_str(include_str!("data/tools.json"))?,
            prompts: serde_json::from_str(include_str!("data/prompts.json"))?,
            resources: serde_json::from_str(include_str!("data/resources.json"))?,
            rounds: serde_json::from_str(include_str!("data/rounds.json"))?,
            asks: serde_json::from_str(include_str!("data/asks.json"))?,
        })
    }

    /// The tool's definition.
    pub(crate) fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.definitions.iter().find(|tool| tool.name == name)
    }

    /// What this tool says, if it says the same every time but for its arguments.
    pub(crate) fn tool_answer(&self, name: &str, arguments: &Value) -> Option<Result<CallToolResult, ErrorData>> {
        self.tools.answers.get(name).map(|answer| typed(answer, arguments))
    }

    /// What this prompt says.
    pub(crate) fn prompt_answer(&self, name: &str, arguments: &Value) -> Option<Result<GetPromptResult, ErrorData>> {
        self.prompts.answers.get(name).map(|answer| typed(answer, arguments))
    }

    /// The question of this name, as it travels.
    pub(crate) fn ask(&self, name: &str, values: &Value) -> Result<InputRequest, ErrorData> {
        let ask = self.asks.get(name).ok_or_else(|| ErrorData::internal_error(format!("no ask {name}"), None))?;
        typed(ask, values)
    }

    /// What stands behind a URI, whole or with its template's part filled in.
    pub(crate) fn resource(&self, uri: &str) -> Option<Result<ReadResourceResult, ErrorData>> {
        let (contents, values) = self.resources.contents.iter().find_map(|(template, contents)| {
            let values = match template.split_once("{id}") {
                None => (template == uri).then(|| json!({})),
                Some((before, after)) => uri.strip_prefix(before)?.strip_suffix(after).map(|id| json!({ "id": id })),
            };
            Some((contents, values?))
        })?;
        Some(typed::<ResourceContents>(contents, &values).map(|contents| ReadResourceResult::new(vec![contents])))
    }
}

fn typed<T: DeserializeOwned>(template: &Value, values: &Value) -> Result<T, ErrorData> {
    serde_json::from_value(fill::json(template, values))
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_the_data_is_what_it_is_taken_for() {
        let catalog = Catalog::read().unwrap();
        let nothing = json!({});
        for name in catalog.tools.answers.keys() {
            assert!(catalog.tool(name).is_some(), "{name} answers and is not listed");
            catalog.tool_answer(name, &nothing).unwrap().unwrap();
        }
        for name in catalog.prompts.answers.keys() {
            catalog.prompt_answer(name, &nothing).unwrap().unwrap();
        }
        for name in catalog.asks.keys() {
            catalog.ask(name, &nothing).unwrap();
        }
        for resource in &catalog.resources.definitions {
            catalog.resource(&resource.uri).unwrap().unwrap();
        }
    }

    #[test]
    fn a_template_s_part_is_taken_from_the_uri() {
        let result = Catalog::read().unwrap().resource("test://template/123/data").unwrap().unwrap();
        let said = serde_json::to_value(result).unwrap();
        assert_eq!(said["contents"][0]["text"], r#"{"id":"123","templateTest":true,"data":"Data for ID: 123"}"#);
        assert!(Catalog::read().unwrap().resource("test://template/123").is_none());
    }
}
