//! What a process writes, line by line, for whoever waits for a certain one.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::{DEADLINE, Outcome};

/// The lines so far.
#[derive(Clone, Debug)]
pub struct Lines {
    all: watch::Receiver<Vec<Arc<str>>>,
    reader: AbortHandle,
}

impl Lines {
    /// Reads a pipe to its end, in a task.
    pub(crate) fn of(pipe: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (sender, all) = watch::channel(Vec::new());
        let reader = tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|all| all.push(line.into()));
            }
        });
        Self { all, reader: reader.abort_handle() }
    }

    /// Waits for the first line, from the one numbered `from` on, of which something is picked. Fails if the process closes
    /// its output before.
    pub async fn find<T>(&self, what: &str, from: usize, pick: impl Fn(&str) -> Option<T>) -> Outcome<T> {
        let mut all = self.all.clone();
        let found = |lines: &Vec<Arc<str>>| lines.iter().skip(from).find_map(|line| pick(line));
        let waited = timeout(DEADLINE, all.wait_for(|lines| found(lines).is_some())).await;
        let why = match waited {
            Ok(Ok(lines)) => match found(&lines) {
                Some(picked) => return Ok(picked),
                None => "it went away",
            },
            Ok(Err(_)) => "the output ended",
            Err(_) => "the deadline passed",
        };
        Err(format!("{what} was not seen before {why}; what was written:\n{}", self.text()))
    }

    /// Waits until the process has closed its output.
    pub(crate) async fn end(&self) {
        let mut all = self.all.clone();
        let _ = timeout(DEADLINE, all.wait_for(|_| false)).await;
    }

    /// Closes the pipe at this end: whatever the process still writes finds nobody.
    pub(crate) async fn close(&self) {
        self.reader.abort();
        self.end().await;
    }

    /// How many there are by now.
    pub fn count(&self) -> usize {
        self.all.borrow().len()
    }

    /// All of them by now.
    pub fn text(&self) -> String {
        self.all.borrow().join("\n")
    }
}
