//! How long one call takes when there is no other.

use std::time::Instant;

use http::Uri;

use crate::Outcome;
use crate::client::Connection;
use crate::question::number;
use crate::summary::Times;

/// Makes `warmup` calls unmeasured, then `requests` measured; the first error ends it.
pub(crate) async fn latency(url: &Uri, requests: u64, warmup: u64) -> Outcome {
    let mut connection = Connection::open(url).await?;
    for count in 0..warmup {
        connection.call(number(count)).await?;
    }
    let mut times = Times::new()?;
    let start = Instant::now();
    for count in warmup..warmup + requests {
        let question = number(count);
        let sent = Instant::now();
        connection.call(question).await?;
        times.add(sent.elapsed())?;
    }
    times.summary(0, start.elapsed()).print()
}
