//! The notebook's verbs as MCP tools: what each takes, what it answers, and what a careful client may know about it beforehand.

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::handler::server::common::schema_for_type;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::schemars::{self, JsonSchema};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::notes::{Note, Notebook};
use crate::search::rank;

const MAX_HITS: usize = 50;

/// The MCP server: one notebook behind five tools.
#[derive(Clone)]
pub(crate) struct NotesServer {
    notebook: Arc<Mutex<Notebook>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddNote {
    /// One line that says what the note is about.
    title: String,
    /// The text of the note.
    body: String,
    /// Words to find it by.
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchNotes {
    /// Words to look for in titles, tags and bodies.
    query: String,
    /// How many notes to give back at most: 1 to 50, 5 if not said.
    #[serde(default = "default_hits")]
    #[schemars(range(min = 1, max = 50))]
    limit: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneNote {
    /// The note's id, as list_notes and search_notes show it.
    id: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[tool_router]
impl NotesServer {
    /// A server over this notebook.
    pub(crate) fn new(notebook: Notebook) -> Self {
        Self { notebook: Arc::new(Mutex::new(notebook)) }
    }

    #[tool(
        title = "Add a note",
        description = "Writes a new note and answers its id.",
        input_schema = schema_for_type::<AddNote>(),
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = false, open_world_hint = false)
    )]
    fn add_note(&self, Arguments(arguments): Arguments<AddNote>) -> CallToolResult {
        answer(arguments.and_then(|AddNote { title, body, tags }| {
            let note = self.with(|notebook| notebook.add(&title, &body, tags))?;
            Ok((format!("Note {} is written: {}", note.id, note.title), json!(note)))
        }))
    }

    #[tool(
        title = "Search the notes",
        description = "Finds notes by words in their titles, tags and bodies, best match first.",
        input_schema = schema_for_type::<SearchNotes>(),
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn search_notes(&self, Arguments(arguments): Arguments<SearchNotes>) -> CallToolResult {
        answer(arguments.and_then(|SearchNotes { query, limit }| {
            let limit = hits_wanted(limit)?;
            Ok(self.with(|notebook| found(&query, &rank(notebook.notes(), &query), limit)))
        }))
    }

    #[tool(
        title = "Read a note",
        description = "Answers the whole of one note.",
        input_schema = schema_for_type::<OneNote>(),
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn read_note(&self, Arguments(arguments): Arguments<OneNote>) -> CallToolResult {
        answer(arguments.and_then(|OneNote { id }| {
            let note = self.with(|notebook| notebook.note(id).cloned())?;
            Ok((format!("{}\n\n{}\n\nTags: {}", line(&note), note.body, note.tags.join(", ")), json!(note)))
        }))
    }

    #[tool(
        title = "List all notes",
        description = "Answers the id and title of every note, oldest first.",
        input_schema = schema_for_type::<Nothing>(),
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn list_notes(&self, Arguments(arguments): Arguments<Nothing>) -> CallToolResult {
        answer(arguments.map(|Nothing {}| {
            self.with(|notebook| {
                let lines: Vec<String> = notebook.notes().map(line).collect();
                let notes: Vec<Value> =
                    notebook.notes().map(|note| json!({ "id": note.id, "title": note.title })).collect();
                (lines.join("\n"), json!({ "notes": notes }))
            })
        }))
    }

    #[tool(
        title = "Delete a note",
        description = "Deletes one note for good.",
        input_schema = schema_for_type::<OneNote>(),
        annotations(read_only_hint = false, destructive_hint = true, idempotent_hint = false, open_world_hint = false)
    )]
    fn delete_note(&self, Arguments(arguments): Arguments<OneNote>) -> CallToolResult {
        answer(arguments.and_then(|OneNote { id }| {
            let note = self.with(|notebook| notebook.delete(id))?;
            Ok((format!("Note {} is gone: {}", note.id, note.title), json!(note)))
        }))
    }

    /// A poisoned lock is taken all the same: a change replaces the content as a whole, so no panic can leave half of one.
    fn with<T>(&self, work: impl FnOnce(&mut Notebook) -> T) -> T {
        work(&mut self.notebook.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[tool_handler(
    name = "cardea-notes",
    instructions = "A small notebook. search_notes finds notes by words; read_note answers one whole; add_note and delete_note change it."
)]
impl ServerHandler for NotesServer {}

/// Text for a person and the same as data for a program; a refusal is a result with `isError`.
fn answer(outcome: Result<(String, Value), String>) -> CallToolResult {
    match outcome {
        Ok((text, data)) => {
            let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
            result.structured_content = Some(data);
            result
        }
        Err(complaint) => CallToolResult::error(vec![ContentBlock::text(complaint)]),
    }
}

fn default_hits() -> usize {
    5
}

fn hits_wanted(limit: usize) -> Result<usize, String> {
    match limit {
        1..=MAX_HITS => Ok(limit),
        other => Err(format!("`limit` is {other}; it goes from 1 to {MAX_HITS}.")),
    }
}

fn found(query: &str, hits: &[(usize, &Note)], limit: usize) -> (String, Value) {
    let shown = &hits[..hits.len().min(limit)];
    let data: Vec<Value> = shown.iter().map(|(score, note)| json!({ "score": score, "note": note })).collect();
    let text = match shown {
        [] => format!("No note holds a word of \"{query}\"."),
        _ => shown.iter().map(|(_, note)| format!("{}\n   {}", line(note), note.body)).collect::<Vec<_>>().join("\n"),
    };
    (text, json!({ "total": hits.len(), "hits": data }))
}

fn line(note: &Note) -> String {
    format!("{}. {}", note.id, note.title)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn server() -> NotesServer {
        NotesServer::new(Notebook::in_memory())
    }

    fn arguments<T: for<'de> Deserialize<'de>>(value: Value) -> Arguments<T> {
        Arguments(serde_json::from_value(value).map_err(|error| error.to_string()))
    }

    fn text(result: &CallToolResult) -> String {
        serde_json::to_value(result).unwrap()["content"][0]["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_search_shows_the_best_note_first_and_counts_the_rest() {
        let result = server().search_notes(arguments(json!({ "query": "hinge", "limit": 1 })));
        assert!(text(&result).starts_with("2. Hinge oil"), "{}", text(&result));
        assert_eq!(result.structured_content.unwrap()["total"], 2);
    }

    #[test]
    fn wrong_arguments_are_a_tool_error_that_says_what_is_wrong() {
        let result = server().search_notes(arguments(json!({ "query": "hinge", "limit": 0 })));
        assert_eq!(result.is_error, Some(true));
        assert!(text(&result).contains("1 to 50"));
        let result = server().read_note(arguments(json!({ "name": "hinge" })));
        assert_eq!(result.is_error, Some(true));
        assert!(text(&result).contains("unknown field `name`"), "{}", text(&result));
    }

    #[test]
    fn a_deleted_note_is_neither_read_nor_listed() {
        let server = server();
        assert_eq!(server.delete_note(arguments(json!({ "id": 3 }))).is_error, Some(false));
        assert_eq!(server.read_note(arguments(json!({ "id": 3 }))).is_error, Some(true));
        assert!(!text(&server.list_notes(arguments(json!({})))).contains("Soup"));
    }

    #[test]
    fn only_deleting_is_declared_destructive() {
        let destructive: Vec<_> = NotesServer::tool_router()
            .list_all()
            .into_iter()
            .filter(|tool| tool.annotations.as_ref().and_then(|hints| hints.destructive_hint) == Some(true))
            .map(|tool| tool.name.into_owned())
            .collect();
        assert_eq!(destructive, ["delete_note"]);
    }
}
