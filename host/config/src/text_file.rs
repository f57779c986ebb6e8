//! Files whose texts become settings: policies and tables that are too long, or too much their own, to stand in the manifest.

use std::path::PathBuf;

use serde_json::json;

use crate::kind::{Kind, from_base};
use crate::reader::{Node, Reader};
use crate::report::Problem;
use crate::section::Shape;

/// A longer text is no setting.
const LONGEST: usize = 4 << 20;

/// A file and what stands in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Kind for TextFile {
    fn shape() -> Shape {
        let hint = "paths are relative to the folder of the manifest";
        Shape::plain("path", hint, json!({ "type": "string", "minLength": 1 }))
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let written = reader.text(node, &Self::shape())?;
        let path = from_base(reader.base(), written);
        let (what, label) = match reader.world.file(&path) {
            Ok(text) if text.trim().is_empty() => ("is empty".to_owned(), "this file holds nothing"),
            Ok(text) if text.len() > LONGEST => {
                (format!("has {} bytes; the most is {LONGEST}", text.len()), "too long for a setting")
            }
            Ok(text) => return Some(Self { path, text }),
            Err(error) => (format!("cannot be read: {error}"), "no text can be read from here"),
        };
        let message = format!("the file `{}` {what}; `{}` needs it", path.display(), node.path);
        reader.report.push(Problem::new(node.span.clone(), message, label));
        None
    }
}
