//! What the tests of the real binary stand on: the gateway as a process, a client that says what it is told to and no more,
//! and cases, which are files that say what goes in and what must come out.

mod case;
mod expect;
mod gateway;
mod http;
mod lines;
mod programs;
mod redis;
mod run;
mod suite;
mod variables;

pub use case::{Case, Mistake};
pub use gateway::{Gateway, keep_code};
pub use http::{Connection, Reply, Request};
pub use lines::Lines;
pub use programs::Programs;
pub use redis::RedisServer;
pub use run::{Failure, run};
pub use suite::suite;

use std::time::Duration;

/// How long anything that must happen may take. Long, because only a failing test waits for it.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What went wrong, as a sentence.
pub type Outcome<T> = Result<T, String>;

/// Waits until something is there that nothing tells of, such as a file.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Outcome<T> {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, looking).await.map_err(|_| format!("{what} did not happen within {DEADLINE:?}"))
}
