//! The gateway as a process: started on a manifest in a folder, found by its log, stopped as an operator stops it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::{DEADLINE, Lines, Outcome, Programs, until};

/// A running gateway. It is killed if it is dropped before it was stopped.
pub struct Gateway {
    child: Child,
    folder: PathBuf,
    log: Lines,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    told: bool,
}

/// The name of the manifest, which is also the one `cardea` looks for.
pub(crate) const MANIFEST: &str = "cardea.toml";

impl Gateway {
    /// Writes a manifest into a folder, starts `cardea serve` on it and waits until it serves.
    ///
    /// The manifest gets what a test needs and it does not say: free ports and a log that can be read.
    pub async fn start(
        programs: &Programs,
        folder: &Path,
        manifest: &str,
        environment: &[(String, String)],
    ) -> Outcome<Self> {
        keep_code(programs, folder)?;
        replace(&folder.join(MANIFEST), complete(manifest)?.as_bytes())?;
        let mut command = Command::new(&programs.cardea);
        command.arg("serve").current_dir(folder).env("PATH", programs.path());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child =
            command.spawn().map_err(|error| format!("cannot start {}: {error}", programs.cardea.display()))?;
        let pipe = child.stderr.take().ok_or("the gateway has no standard error")?;
        let log = Lines::of(pipe);
        let (address, admin) = log.find("the line that says where the gateway serves", 0, serving).await?;
        Ok(Self { child, folder: folder.to_path_buf(), log, address, admin, told: false })
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its operator reaches it.
    pub fn admin(&self) -> Outcome<SocketAddr> {
        self.admin.ok_or_else(|| "this gateway has no admin listener".to_owned())
    }

    /// What it logs.
    pub fn log(&self) -> &Lines {
        &self.log
    }

    /// Reads no further what it logs, as when whatever collects logs has died.
    pub async fn abandon_log(&self) {
        self.log.close().await;
    }

    /// Puts another manifest in place of the one that serves, in one step, as editors and deployments do, and waits until the
    /// gateway has taken or refused it. What it said of it comes back.
    pub async fn change_manifest(&self, text: &str) -> Outcome<String> {
        let seen = self.log.count();
        replace(&self.folder.join(MANIFEST), complete(text)?.as_bytes())?;
        self.log.find("the end of a reload", seen, reloaded).await
    }

    /// Its process.
    pub fn process(&self) -> Outcome<Pid> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        pid.ok_or_else(|| "the gateway has ended by itself".to_owned())
    }

    /// Kills it as `kill -9` does, in the middle of whatever it does.
    pub async fn kill(mut self) -> Outcome<()> {
        self.child.kill().await.map_err(|error| format!("cannot kill the gateway: {error}"))
    }

    /// Tells it to stop, and does not wait. Once: it would take a second signal for impatience.
    pub fn terminate(&mut self) -> Outcome<()> {
        if std::mem::replace(&mut self.told, true) {
            return Ok(());
        }
        kill_process(self.process()?, Signal::TERM).map_err(|error| format!("cannot signal the gateway: {error}"))
    }

    /// Tells it to stop if it was not told, waits until it has ended, and makes sure that it ended well and left nothing
    /// running.
    pub async fn stop(mut self) -> Outcome<()> {
        self.terminate()?;
        let ended = timeout(DEADLINE, self.child.wait()).await;
        let status = ended.map_err(|_| format!("the gateway did not stop within {DEADLINE:?}"))?;
        let status = status.map_err(|error| format!("cannot wait for the gateway: {error}"))?;
        self.log.end().await;
        if !status.success() {
            return Err(format!("the gateway ended with {status}; it logged:\n{}", self.log.text()));
        }
        let folder = &self.folder;
        until("the end of the gateway's servers", || survivors(folder).is_empty().then_some(()))
            .await
            .map_err(|late| format!("{late}: {}", survivors(folder).join(", ")))
    }
}

/// Writes a file beside and renames it over, so that nobody ever reads half of it.
pub(crate) fn replace(file: &Path, content: &[u8]) -> Outcome<()> {
    let fresh = file.with_extension("fresh");
    std::fs::write(&fresh, content)
        .and_then(|()| std::fs::rename(&fresh, file))
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// A manifest with what it does not say and a test needs, each as a table at its end, so that no line moves.
pub(crate) fn complete(manifest: &str) -> Outcome<String> {
    // What cannot be read has its own faults to show.
    let Ok(table) = manifest.parse::<toml::Table>() else { return Ok(manifest.to_owned()) };
    let mut text = manifest.trim_end().to_owned();
    for (section, key, value) in
        [("listen", "address", "127.0.0.1:0"), ("admin", "address", "127.0.0.1:0"), ("log", "format", "json")]
    {
        match table.get(section) {
            None => text.push_str(&format!("\n[{section}]\n{key} = \"{value}\"")),
            Some(written) if written.get(key).is_some() => {}
            Some(_) => return Err(format!("a manifest with [{section}] must say its {key}: {key} = \"{value}\"")),
        }
    }
    text.push('\n');
    Ok(text)
}

/// Compiled plugins are kept beside all data directories: they are the same in each, and take a second each to make.
pub fn keep_code(programs: &Programs, folder: &Path) -> Outcome<()> {
    use std::os::unix::fs::{DirBuilderExt, symlink};
    let data = folder.join(".cardea");
    let place = data.join("code");
    if place.exists() {
        return Ok(());
    }
    let mut private = std::fs::DirBuilder::new();
    private.recursive(true).mode(0o700);
    private
        .create(&programs.code)
        .and_then(|()| private.create(&data))
        .and_then(|()| symlink(&programs.code, &place))
        .map_err(|error| format!("cannot make {}: {error}", place.display()))
}

fn serving(line: &str) -> Option<(SocketAddr, Option<SocketAddr>)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let address = |key: &str| line.get(key)?.as_str()?.parse().ok();
    (line.get("message")? == "serving").then_some((address("address")?, address("admin")))
}

fn reloaded(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line.get("message")?.as_str()?;
    let ends = ["generation published", "nothing changed", "reload refused"];
    let is_end = ends.iter().any(|end| message.starts_with(end));
    is_end.then(|| message.to_owned())
}

/// Processes that run in a folder: the gateway's servers start in the one of its manifest.
fn survivors(folder: &Path) -> Vec<String> {
    let Ok(folder) = folder.canonicalize() else { return Vec::new() };
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let here = |process: &PathBuf| std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder);
    let named = |process: PathBuf| {
        let command = std::fs::read_to_string(process.join("cmdline")).unwrap_or_default().replace('\0', " ");
        format!("{} ({})", command.trim(), process.display())
    };
    processes.flatten().map(|entry| entry.path()).filter(here).map(named).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_manifest_is_completed_below_its_own_lines() {
        let text = complete("open = \"test\"\n[log]\nformat = \"json\"\n").unwrap();
        assert_eq!(
            text,
            "open = \"test\"\n[log]\nformat = \"json\"\n[listen]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n"
        );
        assert!(complete("[listen]\n").unwrap_err().contains("must say its address"));
        assert_eq!(complete("[listen").unwrap(), "[listen");
    }

    #[tokio::test]
    async fn what_still_runs_in_a_folder_is_found() {
        let folder = tempfile::tempdir().unwrap();
        assert!(survivors(folder.path()).is_empty());
        let mut sleeper =
            Command::new("sleep").arg("60").current_dir(folder.path()).kill_on_drop(true).spawn().unwrap();
        // Between fork and exec the child still bears our own name.
        let sleeping = || survivors(folder.path()).into_iter().find(|process| process.contains("sleep"));
        until("a process in the folder", sleeping).await.unwrap();
        sleeper.kill().await.unwrap();
        assert!(survivors(folder.path()).is_empty());
    }
}
