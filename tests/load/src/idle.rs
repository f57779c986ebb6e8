//! Connections that wait: what a gateway spends on clients that say nothing.

use http::Uri;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::client::Connection;
use crate::question::number;

/// Opens all, calls once on each, says so as a JSON line, and holds them until standard input ends.
pub(crate) async fn idle(url: &Uri, connections: u64) -> Outcome {
    let held = open(url, connections).await?;
    println!("{}", json!({ "connections": held.len() }));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}

async fn open(url: &Uri, connections: u64) -> Outcome<Vec<Connection>> {
    let mut opening = JoinSet::new();
    for index in 0..connections {
        let url = url.clone();
        opening.spawn(async move {
            let mut connection = Connection::open(&url).await?;
            connection.call(number(index)).await?;
            Outcome::Ok(connection)
        });
    }
    let mut held = Vec::new();
    while let Some(opened) = opening.join_next().await {
        held.push(opened??);
    }
    Ok(held)
}
