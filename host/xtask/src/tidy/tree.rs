//! The text files of the repository: what a person wrote, not what a tool did.

use std::fs;
use std::path::Path;

use crate::Outcome;

/// Folders that tools fill.
const NOT_OURS: [&str; 6] = [".git", "target", ".cardea", "node_modules", "__pycache__", ".venv"];
/// Files that tools write.
const GENERATED: [&str; 3] = ["Cargo.lock", "package-lock.json", "uv.lock"];

/// A file and what is in it.
pub(crate) struct File {
    /// Its path from the repository's root, with `/` between the parts.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl File {
    /// Whether its name ends so.
    pub(crate) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

/// Every text file below `root`, in the order of their paths.
pub(crate) fn files(root: &Path) -> Outcome<Vec<File>> {
    let mut found = Vec::new();
    walk(root, "", &mut found)?;
    found.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(found)
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<File>) -> Outcome {
    let unreadable = |error| format!("{} cannot be read: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), found)?;
        } else if kind.is_file() && !GENERATED.contains(&name.as_str()) {
            // What is not UTF-8 is an image or a component: there is nothing to read in it.
            found.extend(fs::read_to_string(entry.path()).ok().map(|text| File { path, text }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_wrote_is_left_out_and_the_rest_comes_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b.rs", "a/c.rs", "target/x.rs", "a/node_modules/y.js", "Cargo.lock"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::write(folder.path().join("logo.png"), [0xff, 0xfe]).unwrap();
        let paths: Vec<String> = files(folder.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["a/c.rs", "b.rs"]);
    }
}
