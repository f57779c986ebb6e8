//! JSON as CEL has it: whole numbers are `int`, all others `double`.

use std::collections::HashMap;

use cel::Value;
use serde_json::Value as Json;

/// The value.
pub(crate) fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => text.into(),
        Json::Array(items) => items.into_iter().map(value).collect::<Vec<_>>().into(),
        Json::Object(members) => {
            let members: HashMap<String, Value> =
                members.into_iter().map(|(name, member)| (name, value(member))).collect();
            members.into()
        }
    }
}
