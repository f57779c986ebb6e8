//! TOML whose keys the gateway does not know, a stage's config, as JSON with a place for every JSON pointer.

use serde_json::{Map, Number, Value, json};
use toml::de::DeValue;

use crate::Spans;
use crate::kind::Kind;
use crate::reader::{Node, Reader};
use crate::section::Shape;

/// A table of any keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) value: Value,
    /// The keys are JSON pointers.
    pub(crate) spans: Spans,
}

impl Kind for Document {
    fn shape() -> Shape {
        Shape::plain("table", "", json!({ "type": "object" }))
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        if !node.value.is_table() {
            reader.mismatch(node, &Self::shape());
            return None;
        }
        let mut spans = Spans::new(node.span.clone());
        let value = convert(node, "", &mut spans, reader)?;
        Some(Self { value, spans })
    }
}

/// The JSON of a value without places; `None` for what JSON cannot say.
pub(crate) fn json_of(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(moment) => Value::String(moment.to_string()),
        DeValue::Integer(number) => {
            let (text, radix) = (number.as_str(), number.radix());
            let signed = i64::from_str_radix(text, radix).map(Number::from);
            Value::Number(signed.or_else(|_| u64::from_str_radix(text, radix).map(Number::from)).ok()?)
        }
        DeValue::Float(number) => Value::Number(Number::from_f64(number.as_str().parse().ok()?)?),
        DeValue::Array(items) => {
            let items: Option<Vec<Value>> = items.iter().map(|item| json_of(item.get_ref())).collect();
            Value::Array(items?)
        }
        DeValue::Table(table) => {
            let entry = |(key, value): (&toml::Spanned<std::borrow::Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
                Some((key.get_ref().to_string(), json_of(value.get_ref())?))
            };
            let entries: Option<Map<String, Value>> = table.iter().map(entry).collect();
            Value::Object(entries?)
        }
    })
}

fn convert(node: &Node<'_>, pointer: &str, spans: &mut Spans, reader: &mut Reader<'_>) -> Option<Value> {
    spans.note(pointer, node.span.clone());
    match node.value {
        DeValue::Table(table) => {
            let mut object = Map::new();
            let mut whole = true;
            for (key, value) in table.iter() {
                let pointer = format!("{pointer}/{}", key.get_ref().replace('~', "~0").replace('/', "~1"));
                match convert(&node.child(key.get_ref(), value), &pointer, spans, reader) {
                    Some(value) => drop(object.insert(key.get_ref().to_string(), value)),
                    None => whole = false,
                }
            }
            whole.then_some(Value::Object(object))
        }
        DeValue::Array(items) => {
            let convert =
                |(index, item)| convert(&node.element(index, item), &format!("{pointer}/{index}"), spans, reader);
            let items: Vec<Option<Value>> = items.iter().enumerate().map(convert).collect();
            items.into_iter().collect::<Option<Vec<Value>>>().map(Value::Array)
        }
        DeValue::String(text) => reader.plain(node, text).then(|| Value::String(text.to_string())),
        other => {
            let value = json_of(other);
            if value.is_none() {
                reader.refuse(node, "is a number that JSON cannot hold", "");
            }
            value
        }
    }
}
