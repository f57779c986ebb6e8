//! `cardea-notes-server`: a notes store as an MCP server over stdio, small enough to read and real enough to use.

mod arguments;
mod notes;
mod search;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use rmcp::ServiceExt;
use rmcp::transport::stdio;

use crate::notes::Notebook;
use crate::tools::NotesServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("cardea-notes-server: {complaint}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let notebook = match notes_file()? {
        Some(path) => Notebook::open(path)?,
        None => Notebook::in_memory(),
    };
    let serving = NotesServer::new(notebook).serve(stdio()).await;
    let running = serving.map_err(|error| format!("the client did not complete the opening of MCP: {error}"))?;
    running.waiting().await.map(drop).map_err(|error| format!("serving stopped: {error}"))
}

/// The one option there is: `--file PATH` keeps the notes in a JSON file; without it they live as long as the process.
fn notes_file() -> Result<Option<PathBuf>, String> {
    let mut words = std::env::args_os().skip(1);
    match (words.next(), words.next(), words.next()) {
        (None, _, _) => Ok(None),
        (Some(option), Some(path), None) if option == "--file" => Ok(Some(PathBuf::from(path))),
        _ => Err("the arguments are not understood; usage: cardea-notes-server [--file NOTES.json]".to_owned()),
    }
}
