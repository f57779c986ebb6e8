//! The input document as Cedar's four questions: who, does what, to what, and under which circumstances.

use std::collections::HashSet;
use std::str::FromStr;

use cardea_sdk_policy::Input;
use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression};
use serde_json::Value;

/// A request, and the entities it goes with: those that are configured, who calls, and what is called.
pub(crate) fn of(input: &Input, configured: &Entities) -> Result<(Request, Entities), String> {
    let caller = &input.subject;
    let subject = uid("Subject", &caller.id)?;
    let mut parents = HashSet::new();
    for (kind, names) in [("Role", &caller.roles), ("Group", &caller.groups)] {
        for name in names {
            parents.insert(uid(kind, name)?);
        }
    }
    parents.insert(uid("Tenant", &caller.tenant)?);
    let resource = match input.kind.as_str() {
        "tool" => uid("Tool", &input.name)?,
        "prompt" => uid("Prompt", &input.name)?,
        "resource" => uid("Resource", &input.name)?,
        "resource-template" => uid("ResourceTemplate", &input.name)?,
        _ => uid("Method", &input.method)?,
    };
    let server = uid("Server", &input.server)?;
    let own = [
        Entity::new_no_attrs(subject.clone(), parents),
        Entity::new_no_attrs(resource.clone(), HashSet::from([server])),
    ];
    let entities = configured.clone().add_entities(own, None).map_err(|error| error.to_string())?;
    let action = uid("Action", &input.method)?;
    let request = Request::new(subject, action, resource, context(input)?, None).map_err(|error| error.to_string())?;
    Ok((request, entities))
}

fn uid(kind: &str, name: &str) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(kind).map_err(|error| error.to_string())?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(name)))
}

fn context(input: &Input) -> Result<Context, String> {
    let Value::Object(members) = input.to_json() else { return Ok(Context::empty()) };
    let pairs = members.iter().filter_map(|(name, value)| Some((name.clone(), expression(value)?)));
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

/// A value as Cedar has it. It has no null, which is left out, and no numbers but 64-bit integers: others are their text.
fn expression(value: &Value) -> Option<RestrictedExpression> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => RestrictedExpression::new_bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => RestrictedExpression::new_long(whole),
            None => RestrictedExpression::new_string(number.to_string()),
        },
        Value::String(text) => RestrictedExpression::new_string(text.clone()),
        Value::Array(items) => RestrictedExpression::new_set(items.iter().filter_map(expression)),
        Value::Object(members) => {
            let members = members.iter().filter_map(|(name, value)| Some((name.clone(), expression(value)?)));
            // Member names of one object all differ, which is the one thing that could be wrong.
            RestrictedExpression::new_record(members).ok()?
        }
    })
}
