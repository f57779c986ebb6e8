//! The reference page of the manifest, for people.

use std::fmt::Write;

use crate::manifest::{Manifest, secret_keys};
use crate::section::{Form, Key, Presence, Section};

const HEAD: &str = "\
<!-- Written by `cargo xtask docs --write` from host/config/src/manifest.rs; edit that file instead. -->

# The manifest

The gateway is told what to do by one file, `cardea.toml`. `cardea check` says everything that is wrong with it, at once and
without starting anything; `cardea plan` says what a reload would change.

";

/// A manifest that uses the common keys; a test reads it.
pub(crate) const EXAMPLE: &str = r#"[listen]
address = "127.0.0.1:8080"

[[server]]
name = "git"
command = ["mcp-server-git", "--repository", "."]

[[server]]
name = "search"
url = "https://search.example.com/mcp"
headers = { Authorization = "Bearer ${SEARCH_TOKEN}" }

[[stage]]
plugin = "api-key"
config = { keys = [{ id = "dev", sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", roles = ["reader"] }] }

[[stage]]
plugin = "rate-limit"
match = { methods = ["tools/call"] }
grant.limiter = true
config = { per = "subject", capacity = 60, refill-per-second = 1.0 }
"#;

/// The reference page, in Markdown, made from the declarations that read the manifest.
pub fn reference() -> String {
    let mut page = format!("{HEAD}```toml\n{EXAMPLE}```\n\n{}", notation());
    section(&mut page, "", &Manifest::doc(), &Manifest::keys(), false);
    page
}

fn notation() -> String {
    let secrets: Vec<String> = secret_keys().iter().map(|key| format!("`{key}`")).collect();
    format!(
        "## How values are written\n\n\
         - **duration**: a whole number and a unit: `250ms`, `30s`, `5m`, `2h`, `1d`.\n\
         - **size**: a whole number and a unit, `64KiB`, `4MiB`, `1GiB`, or a number of bytes.\n\
         - **path**: relative to the folder of the manifest.\n\
         - **secret**: a string in which `${{NAME}}` stands for an environment variable, or `file:path` for the text of a \
         file. A variable that is not set or empty is an error, never an empty string. Secrets may stand in {}, and \
         nowhere else. They are never printed.\n",
        secrets.join(", ")
    )
}

/// One table and, below it, the tables inside it.
fn section(page: &mut String, path: &str, doc: &str, keys: &[Key], repeated: bool) {
    let heading = match (path, repeated) {
        ("", _) => "The top of the file".to_string(),
        (path, true) => format!("`[[{path}]]`"),
        (path, false) => format!("`[{path}]`"),
    };
    let _ = write!(page, "\n## {heading}\n\n{doc}\n\n");
    page.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
    for key in keys {
        row(page, path, key);
    }
    for key in keys {
        if let Form::Table { doc, keys, repeated } = &key.shape.form {
            section(page, &join(path, &key.name), doc, keys, *repeated);
        }
    }
}

fn row(page: &mut String, path: &str, key: &Key) {
    let name = &key.name;
    if let Form::Table { repeated, .. } = &key.shape.form {
        let path = join(path, name);
        let (words, header) = match repeated {
            true => ("list of tables", format!("[[{path}]]")),
            false => ("table", format!("[{path}]")),
        };
        let anchor = path.replace('.', "");
        let _ = writeln!(page, "| `{name}` | {words} | | see [`{header}`](#{anchor}) |");
        return;
    }
    let default = match key.presence {
        Presence::Required => "required".to_string(),
        Presence::Optional => String::new(),
        Presence::Default(text) => format!("`{text}`"),
    };
    let words = &key.shape.words;
    let words = if key.shape.secret { words.replace("string", "secret") } else { words.clone() };
    let _ = writeln!(page, "| `{name}` | {words} | {default} | {} |", meaning(key));
}

fn meaning(key: &Key) -> String {
    let mut meaning = key.doc.clone();
    for (word, doc) in &key.shape.choices {
        let _ = write!(meaning, "<br>`\"{word}\"`: {doc}");
    }
    if let Some((low, high)) = key.range {
        let _ = write!(meaning, "<br>From {} to {}.", low.trim_matches('"'), high.trim_matches('"'));
    }
    meaning.replace('|', "\\|")
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_string(),
        path => format!("{path}.{name}"),
    }
}
