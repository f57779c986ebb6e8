//! How many calls go through when many clients each make one after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::Connection;
use crate::question::number;
use crate::summary::{Summary, Times};

/// Calls are numbered so that no two connections ever use the same.
const CALLS_PER_CONNECTION: u64 = 1 << 32;

/// Measures and prints.
pub(crate) async fn throughput(url: &Uri, connections: u64, seconds: f64) -> Outcome {
    measure(url, connections, Duration::try_from_secs_f64(seconds)?).await?.print()
}

/// Opens every connection and makes one call on it before the clock starts.
async fn measure(url: &Uri, connections: u64, period: Duration) -> Outcome<Summary> {
    let start_together = Arc::new(Barrier::new(usize::try_from(connections)? + 1));
    let mut clients = JoinSet::new();
    for index in 0..connections {
        clients.spawn(client(url.clone(), index * CALLS_PER_CONNECTION, period, Arc::clone(&start_together)));
    }
    start_together.wait().await;
    let start = Instant::now();
    let mut all = Times::new()?;
    let mut errors = 0;
    while let Some(ended) = clients.join_next().await {
        let (times, error) = ended??;
        all.merge(&times)?;
        errors += error;
    }
    Ok(all.summary(errors, start.elapsed()))
}

/// One client; an error is said, counted, and its last call.
async fn client(url: Uri, first: u64, period: Duration, start_together: Arc<Barrier>) -> Outcome<(Times, u64)> {
    let mut times = Times::new()?;
    let opened = open_warm(&url, first).await;
    start_together.wait().await;
    let outcome = match opened {
        Ok(connection) => call_until(connection, first + 1, Instant::now() + period, &mut times).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome {
        eprintln!("cardea-load: {error}");
    }
    Ok((times, u64::from(outcome.is_err())))
}

async fn open_warm(url: &Uri, first: u64) -> Outcome<Connection> {
    let mut connection = Connection::open(url).await?;
    connection.call(number(first)).await?;
    Ok(connection)
}

async fn call_until(mut connection: Connection, first: u64, end: Instant, times: &mut Times) -> Outcome {
    let mut count = first;
    while Instant::now() < end {
        let question = number(count);
        let sent = Instant::now();
        connection.call(question).await?;
        times.add(sent.elapsed())?;
        count += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::echo;
    use crate::serve::spawn;

    #[tokio::test]
    async fn every_connection_calls_and_no_call_fails() {
        let url = format!("http://{}/mcp", spawn(echo::answer).await).parse().unwrap();
        let summary = measure(&url, 8, Duration::from_millis(50)).await.unwrap();
        assert_eq!(summary.errors, 0);
        assert!(summary.requests >= 8, "{summary:?}");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error_for_each_connection() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("http://{free}/mcp").parse().unwrap();
        let summary = measure(&url, 3, Duration::from_millis(50)).await.unwrap();
        assert_eq!((summary.requests, summary.errors), (0, 3));
    }
}
