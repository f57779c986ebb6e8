//! The notebook: notes by id, in memory, written to a JSON file after each change when there is one.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The longest title taken, in characters.
pub(crate) const MAX_TITLE: usize = 200;
/// The longest body taken, in characters.
pub(crate) const MAX_BODY: usize = 100_000;

/// One note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// Given by the notebook, never used twice.
    pub(crate) id: u64,
    /// One line.
    pub(crate) title: String,
    /// The text itself.
    pub(crate) body: String,
    /// Words to find it by.
    #[serde(default)]
    pub(crate) tags: Vec<String>,
}

/// All notes, and where they are kept.
#[derive(Debug)]
pub(crate) struct Notebook {
    content: Content,
    file: Option<PathBuf>,
}

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Content {
    next_id: u64,
    notes: BTreeMap<u64, Note>,
}

impl Notebook {
    /// A notebook that ends with the process and starts with a few notes, so that a first search finds something.
    pub(crate) fn in_memory() -> Self {
        Self { content: first_notes(), file: None }
    }

    /// The notebook kept in `file`; where there is no file yet, the one of [`Notebook::in_memory`], written there on the first change.
    pub(crate) fn open(file: PathBuf) -> Result<Self, String> {
        let content = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                format!("{} is not a notebook ({error}); move it away to start a new one", file.display())
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => first_notes(),
            Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
        };
        Ok(Self { content, file: Some(file) })
    }

    /// Every note, oldest first.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &Note> {
        self.content.notes.values()
    }

    /// The note with this id.
    pub(crate) fn note(&self, id: u64) -> Result<&Note, String> {
        self.content.notes.get(&id).ok_or_else(|| unknown(id))
    }

    /// Adds a note and gives it an id.
    pub(crate) fn add(&mut self, title: &str, body: &str, tags: Vec<String>) -> Result<Note, String> {
        let title = title.trim();
        if title.is_empty() {
            return Err("A note needs a title; `title` is empty.".to_owned());
        }
        within("title", title, MAX_TITLE)?;
        within("body", body, MAX_BODY)?;
        let id = self.content.next_id;
        let note = Note { id, title: title.to_owned(), body: body.to_owned(), tags };
        self.change(|content| {
            content.next_id += 1;
            content.notes.insert(id, note.clone());
        })?;
        Ok(note)
    }

    /// Removes a note and gives it back.
    pub(crate) fn delete(&mut self, id: u64) -> Result<Note, String> {
        let note = self.note(id)?.clone();
        self.change(|content| drop(content.notes.remove(&id)))?;
        Ok(note)
    }

    /// A change holds in memory only once it is on disk, so a full disk never leaves the two apart.
    fn change(&mut self, edit: impl FnOnce(&mut Content)) -> Result<(), String> {
        let mut changed = self.content.clone();
        edit(&mut changed);
        if let Some(file) = &self.file {
            let failed = |error: std::io::Error| format!("The note could not be saved: {error}.");
            let text = serde_json::to_vec_pretty(&changed).map_err(|error| failed(error.into()))?;
            let beside = file.with_extension("new");
            fs::write(&beside, text).and_then(|()| fs::rename(&beside, file)).map_err(failed)?;
        }
        self.content = changed;
        Ok(())
    }
}

fn unknown(id: u64) -> String {
    format!("There is no note {id}; list_notes shows those there are.")
}

fn within(field: &str, text: &str, most: usize) -> Result<(), String> {
    let length = text.chars().count();
    if length > most {
        return Err(format!("`{field}` has {length} characters; at most {most} are kept."));
    }
    Ok(())
}

fn first_notes() -> Content {
    let written = [
        ("Cardea", "The Roman goddess of the hinge: she opens what is shut and shuts what is open.", ["name", "myth"]),
        (
            "Hinge oil",
            "The garden gate squeaks again. Two drops on each hinge, then swing it ten times.",
            ["house", "todo"],
        ),
        (
            "Soup for Thursday",
            "Lentils, carrots, cumin, a lemon. Start at six; the guests come at seven.",
            ["kitchen", "guests"],
        ),
        ("Who has a key", "Ada, Grace and the neighbour. Barbara gave hers back in March.", ["house", "keys"]),
    ];
    let notes: BTreeMap<u64, Note> = (1..)
        .zip(written)
        .map(|(id, (title, body, tags))| {
            (id, Note { id, title: title.into(), body: body.into(), tags: tags.map(str::to_owned).into() })
        })
        .collect();
    Content { next_id: notes.len() as u64 + 1, notes }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_added_note_is_read_and_deleted_and_its_id_never_comes_back() {
        let mut notebook = Notebook::in_memory();
        let note = notebook.add(" Gate ", "shut it", vec!["house".to_owned()]).unwrap();
        assert_eq!(note.title, "Gate");
        assert_eq!(notebook.note(note.id).unwrap(), &note);
        assert_eq!(notebook.delete(note.id).unwrap(), note);
        assert!(notebook.note(note.id).unwrap_err().contains("list_notes"));
        assert!(notebook.add("Next", "", vec![]).unwrap().id > note.id);
    }

    #[test]
    fn a_note_without_title_or_too_long_is_refused() {
        let mut notebook = Notebook::in_memory();
        assert!(notebook.add("  ", "x", vec![]).unwrap_err().contains("title"));
        assert!(notebook.add(&"t".repeat(MAX_TITLE + 1), "x", vec![]).unwrap_err().contains("200"));
        assert!(notebook.add("t", &"b".repeat(MAX_BODY + 1), vec![]).unwrap_err().contains("body"));
        assert_eq!(notebook.notes().count(), Notebook::in_memory().notes().count());
    }

    #[test]
    fn a_file_keeps_the_notes_between_runs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.json");
        let id = Notebook::open(file.clone()).unwrap().add("Kept", "yes", vec![]).unwrap().id;
        assert_eq!(Notebook::open(file).unwrap().note(id).unwrap().title, "Kept");
    }

    #[test]
    fn a_file_that_is_no_notebook_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.json");
        fs::write(&file, "[]").unwrap();
        let complaint = Notebook::open(file.clone()).unwrap_err();
        assert!(complaint.contains("notes.json"), "{complaint}");
        assert_eq!(fs::read(file).unwrap(), b"[]");
    }

    #[test]
    fn a_change_that_cannot_be_saved_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let mut notebook = Notebook::open(folder.path().join("no-such-folder").join("notes.json")).unwrap();
        let before = notebook.notes().count();
        assert!(notebook.add("Lost", "", vec![]).unwrap_err().contains("could not be saved"));
        assert_eq!(notebook.notes().count(), before);
    }
}
