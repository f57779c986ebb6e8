//! A real Redis of a test's own, on a socket in the test's folder.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{DEADLINE, Outcome};

/// A running Redis. It is killed when it is dropped.
pub struct RedisServer {
    folder: PathBuf,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one; none, with a line that says so, where there is no `redis-server`.
    pub fn start(folder: &Path) -> Outcome<Option<Self>> {
        let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if found.is_err() {
            eprintln!("skipped: there is no `redis-server` here; on Debian `apt-get install redis-server` brings it");
            return Ok(None);
        }
        let mut server = Self { folder: folder.to_path_buf(), process: None };
        server.run()?;
        Ok(Some(server))
    }

    /// What a client connects to.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Starts it again after [`RedisServer::kill`], with nothing of what it knew.
    pub fn run(&mut self) -> Outcome<()> {
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning"]);
        command.arg("--unixsocket").arg(self.socket()).arg("--dir").arg(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().map_err(|error| format!("cannot start redis-server: {error}"))?);
        let started = Instant::now();
        while self.tell("PING").as_deref() != Ok("+PONG") {
            if started.elapsed() > DEADLINE {
                return Err(format!("redis-server did not answer within {DEADLINE:?}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends it at once.
    pub fn kill(&mut self) -> Outcome<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.kill().and_then(|()| process.wait()).map_err(|error| format!("cannot end redis-server: {error}"))?;
        // Unlike a server that stops by itself, one that is killed leaves its socket behind.
        std::fs::remove_file(self.socket()).map_err(|error| format!("cannot remove its socket: {error}"))
    }

    /// Lets it answer nobody.
    pub fn freeze(&self) -> Outcome<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it answer again.
    pub fn thaw(&self) -> Outcome<()> {
        self.signal(Signal::CONT)
    }

    /// Makes it a replica, which takes no writes, or again a server of its own.
    pub fn read_only(&self, read_only: bool) -> Outcome<()> {
        let command = if read_only { "REPLICAOF 127.0.0.1 1" } else { "REPLICAOF NO ONE" };
        match self.tell(command)?.as_str() {
            "+OK" => Ok(()),
            other => Err(format!("`{command}` was answered with {other}")),
        }
    }

    /// Sends a command whose words have no spaces, and reads the first line of the answer.
    pub fn tell(&self, command: &str) -> Outcome<String> {
        let told = || -> std::io::Result<String> {
            let mut stream = UnixStream::connect(self.socket())?;
            stream.set_read_timeout(Some(DEADLINE))?;
            let words: Vec<&str> = command.split_whitespace().collect();
            let told = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
            stream.write_all(format!("*{}\r\n{}", words.len(), told.collect::<String>()).as_bytes())?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line)?;
            Ok(line.trim_end().to_owned())
        };
        told().map_err(|error| format!("redis-server did not take `{command}`: {error}"))
    }

    fn signal(&self, signal: Signal) -> Outcome<()> {
        let process = self.process.as_ref().and_then(|process| i32::try_from(process.id()).ok());
        let pid = process.and_then(Pid::from_raw).ok_or("redis-server does not run")?;
        kill_process(pid, signal).map_err(|error| format!("cannot signal redis-server: {error}"))
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
