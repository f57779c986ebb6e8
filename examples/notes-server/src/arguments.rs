//! Tool arguments whose mistakes come back as tool errors, which a model can read and correct, and not as protocol errors.

use rmcp::ErrorData;
use rmcp::handler::server::common::FromContextPart;
use rmcp::handler::server::tool::ToolCallContext;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The arguments of a call, or what is wrong with them in words for the caller.
pub(crate) struct Arguments<T>(pub(crate) Result<T, String>);

impl<S, T: DeserializeOwned> FromContextPart<ToolCallContext<'_, S>> for Arguments<T> {
    fn from_context_part(context: &mut ToolCallContext<'_, S>) -> Result<Self, ErrorData> {
        let object = context.arguments.take().unwrap_or_default();
        let read = serde_json::from_value(Value::Object(object));
        Ok(Self(read.map_err(|error| format!("The arguments do not fit the tool: {error}."))))
    }
}
