//! One process: started, listened to on its error output, and ended with all it has started itself.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cardea_chain::Fault;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::BufReader;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ChildSpec;
use crate::blame::Blame;
use crate::child::lines::{Line, next_line};

/// How long a process has to end after its input is closed, and again after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// The longest line of error output that is kept whole.
const ERROR_LINE: usize = 8 << 10;
/// How many of the last lines of error output go with a fault.
const LAST_WORDS: usize = 5;

/// A process under supervision.
pub(crate) struct Process {
    /// Ends the process when it is cancelled.
    pub(crate) stop: CancellationToken,
    /// How it ended, once it has.
    ended: watch::Receiver<Option<String>>,
    last_words: Arc<Mutex<VecDeque<String>>>,
}

/// All processes of one server, those that are ending too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nursery {
    running: TaskTracker,
    stop: CancellationToken,
}

impl Nursery {
    /// Ends every process, and waits until none is left.
    pub(crate) async fn empty(&self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }
}

/// The two ends a conversation goes through.
pub(crate) struct Pipes {
    pub(crate) input: ChildStdin,
    pub(crate) output: ChildStdout,
}

impl Process {
    /// Starts the program in a process group of its own.
    pub(crate) fn start(spec: &ChildSpec, blame: &Blame, nursery: &Nursery) -> Result<(Self, Pipes), Fault> {
        if nursery.stop.is_cancelled() {
            return Err(blame.unreachable("the gateway stops"));
        }
        let mut child = command(spec)
            .spawn()
            .map_err(|error| blame.unreachable(format!("`{}` cannot be started: {error}", spec.command)))?;
        let group = Group(child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())));
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(blame.internal("a process was started without its pipes"));
        };
        tracing::debug!(server = %blame.server(), pid = child.id(), "process started");
        let stop = nursery.stop.child_token();
        let (told, ended) = watch::channel(None);
        let last_words = Arc::<Mutex<VecDeque<String>>>::default();
        tokio::spawn(relay(errors, Arc::clone(blame.server()), Arc::clone(&last_words)));
        nursery.running.spawn(supervise(child, group, stop.clone(), told, blame.clone()));
        Ok((Self { stop, ended, last_words }, Pipes { input, output }))
    }

    /// Waits until it has ended, and says how.
    pub(crate) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let how = ended.wait_for(Option::is_some).await.ok().and_then(|how| how.clone());
        how.unwrap_or_else(|| "ended with the gateway".to_owned())
    }

    /// The last lines of its error output, for the operator.
    pub(crate) fn last_words(&self) -> String {
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.is_empty() {
            return String::new();
        }
        format!("; last on stderr: {}", words.iter().map(String::as_str).collect::<Vec<_>>().join(" | "))
    }
}

fn command(spec: &ChildSpec) -> Command {
    let mut command = Command::new(&spec.command);
    command
        .args(&spec.args)
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(directory) = &spec.cwd {
        command.current_dir(directory);
    }
    command
}

/// Waits for the process to end, or ends it. Whatever it has started in its group goes with it.
async fn supervise(
    mut child: Child,
    group: Group,
    stop: CancellationToken,
    told: watch::Sender<Option<String>>,
    blame: Blame,
) {
    let status = tokio::select! {
        status = child.wait() => status,
        // Its input is closed by whoever writes to it: the same token tells it.
        () = stop.cancelled() => match timeout(GRACE, child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                group.signal(Signal::TERM);
                match timeout(GRACE, child.wait()).await {
                    Ok(status) => status,
                    Err(_) => {
                        group.signal(Signal::KILL);
                        child.wait().await
                    }
                }
            }
        },
    };
    drop(group);
    let how = described(status);
    tracing::debug!(server = %blame.server(), "process {how}");
    stop.cancel();
    // Nobody may be left who wants to know.
    let _ = told.send(Some(how));
}

fn described(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("ended with {status}"),
        Err(error) => format!("cannot be waited for: {error}"),
    }
}

/// The process group of a child. What is left of it is killed when this is dropped, with the runtime too.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            // An error means that the group is gone.
            let _ = kill_process_group(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Writes error output to the log, and keeps its end.
async fn relay(errors: ChildStderr, server: Arc<str>, last_words: Arc<Mutex<VecDeque<String>>>) {
    let mut reader = BufReader::new(errors);
    while let Ok(Some(Line::Whole(line) | Line::Cut(line))) = next_line(&mut reader, ERROR_LINE).await {
        let text = printable(&line);
        tracing::info!(target: "server", server = %server, "{text}");
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() == LAST_WORDS {
            words.pop_front();
        }
        words.push_back(text.chars().take(200).collect());
    }
}

/// A line of foreign text that cannot move the cursor of whoever reads the log.
fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.trim_end()
        .chars()
        .map(|character| if character.is_control() && character != '\t' { '\u{fffd}' } else { character })
        .collect()
}
