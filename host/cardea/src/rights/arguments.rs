//! A question as it is asked on the command line.

use serde_json::{Map, Value};

use super::question::{Asked, Asker, Question};

/// Who calls, and what.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Name or URI of what is called, as its server knows it.
    name: Option<String>,
    /// The server.
    #[arg(long)]
    server: Option<String>,
    /// The method.
    #[arg(long, default_value = "tools/call")]
    method: String,
    /// The arguments, as a JSON object.
    #[arg(long, value_parser = object, default_value = "{}")]
    arguments: Map<String, Value>,
    /// What the server says of the tool, as a JSON object: `{"readOnlyHint": true}`.
    #[arg(long, value_parser = object, default_value = "{}")]
    annotations: Map<String, Value>,
    /// The path that is called, if it is not that of the server alone.
    #[arg(long)]
    endpoint: Option<String>,
    /// The caller's name within its issuer; empty for nobody.
    #[arg(long, default_value = "somebody")]
    subject: String,
    /// Who vouches for the caller.
    #[arg(long, default_value = "")]
    issuer: String,
    /// The caller's tenant.
    #[arg(long, default_value = "")]
    tenant: String,
    /// A role of the caller; may be repeated.
    #[arg(long = "role")]
    roles: Vec<String>,
    /// A group of the caller; may be repeated.
    #[arg(long = "group")]
    groups: Vec<String>,
    /// A scope of the caller's credential; may be repeated.
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// The caller's verified claims, as a JSON object.
    #[arg(long, value_parser = object, default_value = "{}")]
    claims: Map<String, Value>,
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("is no JSON object: {error}"))
}

impl From<Arguments> for Question {
    fn from(said: Arguments) -> Self {
        Self {
            subject: Asker {
                issuer: said.issuer,
                id: said.subject,
                kind: String::new(),
                tenant: said.tenant,
                roles: said.roles,
                groups: said.groups,
                scopes: said.scopes,
                claims: said.claims,
            },
            call: Asked {
                method: Some(said.method),
                server: said.server,
                name: said.name,
                arguments: said.arguments,
                annotations: said.annotations,
                endpoint: said.endpoint,
            },
        }
    }
}
