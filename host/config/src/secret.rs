//! Secrets: how they are written. They may come from the environment or from a file.

use std::ops::Range;
use std::path::Path;

use cardea_grant::Secret;
use serde_json::json;

use crate::kind::Kind;
use crate::reader::{Node, Reader};
use crate::report::Problem;
use crate::section::Shape;

impl Kind for Secret {
    fn shape() -> Shape {
        Shape { secret: true, ..Shape::plain("string", "", json!({ "type": "string", "minLength": 1 })) }
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(text) = node.value.as_str() else {
            reader.mismatch(node, &Self::shape());
            return None;
        };
        let value = match text.strip_prefix("file:") {
            Some(path) => {
                let path = expand(path, node, reader)?;
                from_file(&path, node, reader)?
            }
            None => expand(text, node, reader)?,
        };
        if value.is_empty() {
            let help = "leave the key out if there is nothing to say";
            reader.refuse(node, "is empty", help);
            return None;
        }
        Some(Self::new(value))
    }
}

/// Replaces every `${NAME}`; notes each that has no value before it gives up.
fn expand(text: &str, node: &Node<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut whole = true;
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            let span = reader.source.find(&node.span, &rest[start..]);
            let message = format!("`{}` has a `${{` without a `}}`", node.path);
            reader.report.push(Problem::new(span, message, "never closed"));
            return None;
        };
        let reference = &rest[start..=start + length];
        let span = reader.source.find(&node.span, reference);
        match variable(&reference[2..length], span, node, reader) {
            Some(value) => out.push_str(&value),
            None => whole = false,
        }
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    whole.then_some(out)
}

fn variable(name: &str, span: Range<usize>, node: &Node<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let well_formed = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
    if !well_formed {
        let message = format!("`{}` names no environment variable", node.path);
        let problem = Problem::new(span, message, "not the name of a variable");
        reader.report.push(problem.help("write it like `${API_TOKEN}`"));
        return None;
    }
    let (state, value) = match reader.world.env(name) {
        Some(value) if !value.is_empty() => return Some(value),
        Some(_) => ("empty", "has no value"),
        None => ("not set", "is not set"),
    };
    let message = format!("environment variable `{name}` is {state}; `{}` needs it", node.path);
    let problem = Problem::new(span, message, value);
    reader.report.push(problem.help(format!("set `{name}` where the gateway is started")));
    None
}

fn from_file(path: &str, node: &Node<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let path = reader.base().join(Path::new(path));
    let (what, label) = match reader.world.file(&path) {
        Ok(text) => match text.trim_end_matches(['\r', '\n']) {
            "" => ("is empty".to_string(), "this file holds nothing"),
            value => return Some(value.into()),
        },
        Err(error) => (format!("cannot be read: {error}"), "no secret can be read from here"),
    };
    let message = format!("the file `{}` {what}; `{}` needs it", path.display(), node.path);
    reader.report.push(Problem::new(node.span.clone(), message, label));
    None
}
