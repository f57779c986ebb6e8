//! Swaps of generations through the admin API, one after the other, while clients call: which calls fail, which meet two
//! generations, and what the gateway has left of it all.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Outcome;
use crate::client::Connection;
use crate::question::number;

/// Plugins that lie beside the manifest as `variant-<number>.wasm`. Each is compiled once before anything is measured.
const VARIANTS: u64 = 16;
/// The swap after which memory is counted from.
const SETTLED: u64 = 100;
/// How long old calls have for their end before what is left is counted.
const PATIENCE: Duration = Duration::from_secs(10);
/// Calls are numbered so that no two connections ever use the same.
const CALLS_PER_CONNECTION: u64 = 1 << 32;

/// What is swapped, and how often.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to call.
    #[arg(long)]
    url: Uri,
    /// The folder of the gateway's manifest.
    #[arg(long)]
    folder: PathBuf,
    /// The gateway's process id.
    #[arg(long)]
    pid: u32,
    /// How often.
    #[arg(long, default_value_t = 1000)]
    swaps: u64,
    /// How many connections call meanwhile.
    #[arg(long, default_value_t = 64)]
    connections: u64,
}

/// The line that is printed.
#[derive(Debug, Serialize)]
struct Summary {
    swaps: u64,
    failed_swaps: u64,
    swaps_per_second: f64,
    calls: u64,
    failed_calls: u64,
    mixed_calls: u64,
    rss_growth_kib: i64,
    files_before: u64,
    files_after: u64,
    tasks_before: u64,
    tasks_after: u64,
}

#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    calls: AtomicU64,
    failed: AtomicU64,
    mixed: AtomicU64,
}

/// Measures and prints.
pub(crate) async fn swaps(options: &Options) -> Outcome {
    let gateway = Gateway::find(options)?;
    for variant in 0..VARIANTS {
        gateway.swap(variant).await?;
    }
    let tally = Arc::new(Tally::default());
    let mut clients = JoinSet::new();
    for index in 0..options.connections {
        let connection = Connection::open(&options.url).await?;
        clients.spawn(call(connection, index * CALLS_PER_CONNECTION, Arc::clone(&tally)));
    }
    // Until every client has its connection, and the gateway its own to the server.
    while tally.calls.load(Ordering::Relaxed) < 8 * options.connections {
        sleep(Duration::from_millis(10)).await;
    }
    let (files_before, tasks_before) = (gateway.files()?, gateway.tasks().await?);
    let (mut settled, mut failed_swaps) = (gateway.resident()?, 0);
    let started = Instant::now();
    for swap in 0..options.swaps {
        if let Err(error) = gateway.swap(VARIANTS + swap).await {
            eprintln!("cardea-load: {error}");
            failed_swaps += 1;
        }
        if swap + 1 == SETTLED.min(options.swaps) {
            settled = gateway.resident()?;
        }
    }
    let (elapsed, grown) = (started.elapsed(), gateway.resident()? - settled);
    let ending = Instant::now();
    while (gateway.files()? > files_before || gateway.tasks().await? > tasks_before) && ending.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100)).await;
    }
    let (files_after, tasks_after) = (gateway.files()?, gateway.tasks().await?);
    tally.stop.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client?;
    }
    #[allow(clippy::cast_precision_loss, reason = "a double holds fifteen digits")]
    let swaps_per_second = options.swaps as f64 / elapsed.as_secs_f64();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let summary = Summary {
        swaps: options.swaps,
        failed_swaps,
        swaps_per_second,
        calls: count(&tally.calls),
        failed_calls: count(&tally.failed),
        mixed_calls: count(&tally.mixed),
        rss_growth_kib: grown,
        files_before,
        files_after,
        tasks_before,
        tasks_after,
    };
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}

/// One client; a call that fails is said and counted, and the next one is made.
async fn call(mut connection: Connection, first: u64, tally: Arc<Tally>) {
    for count in first.. {
        if tally.stop.load(Ordering::Relaxed) {
            return;
        }
        tally.calls.fetch_add(1, Ordering::Relaxed);
        match connection.call(number(count)).await {
            Ok(body) if !is_of_one(&body) => drop(tally.mixed.fetch_add(1, Ordering::Relaxed)),
            Ok(_) => {}
            Err(error) => {
                eprintln!("cardea-load: {error}");
                tally.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Whether both stages have left the same stamp.
fn is_of_one(body: &[u8]) -> bool {
    let reply: Value = serde_json::from_slice(body).unwrap_or_default();
    let result = &reply["result"];
    result["first"].is_u64() && result["first"] == result["second"]
}

/// The gateway, as its operator sees it.
struct Gateway {
    manifest: PathBuf,
    template: String,
    admin: SocketAddr,
    pid: u32,
}

impl Gateway {
    fn find(options: &Options) -> Outcome<Self> {
        let (manifest, place) = (options.folder.join("cardea.toml"), options.folder.join(".cardea/admin"));
        let template = fs::read_to_string(&manifest)?;
        Ok(Self { manifest, template, admin: fs::read_to_string(place)?.trim().parse()?, pid: options.pid })
    }

    /// Puts another variant with another stamp in place, and waits until it serves. The gateway sees by itself that the file has
    /// changed, and may have been quicker: then nothing has changed any more.
    async fn swap(&self, stamp: u64) -> Outcome {
        let fresh = self.manifest.with_extension("fresh");
        let text = self.template.replace("stamp = 0", &format!("stamp = {stamp}"));
        fs::write(&fresh, text.replace("variant-0.wasm", &format!("variant-{}.wasm", stamp % VARIANTS)))?;
        fs::rename(&fresh, &self.manifest)?;
        let (status, run) = self.ask(Method::POST, "/v1/reload").await?;
        match (status, run["outcome"].as_str()) {
            (StatusCode::OK, Some("published" | "unchanged")) => Ok(()),
            _ => Err(format!("swap {stamp} was answered {status}: {run}").into()),
        }
    }

    async fn tasks(&self) -> Outcome<u64> {
        let (_, status) = self.ask(Method::GET, "/status").await?;
        Ok(status["tasks"].as_u64().ok_or("the status tells no number of tasks")?)
    }

    fn files(&self) -> Outcome<u64> {
        Ok(fs::read_dir(Path::new("/proc").join(self.pid.to_string()).join("fd"))?.count() as u64)
    }

    /// KiB.
    fn resident(&self) -> Outcome<i64> {
        let status = fs::read_to_string(Path::new("/proc").join(self.pid.to_string()).join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the kernel tells no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    async fn ask(&self, method: Method, path: &str) -> Outcome<(StatusCode, Value)> {
        let (mut sender, connection) = handshake(TokioIo::new(TcpStream::connect(self.admin).await?)).await?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", self.admin.to_string());
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let status = answer.status();
        Ok((status, serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_of_one_generation_if_both_stamps_are_there_and_the_same() {
        assert!(is_of_one(br#"{"result":{"first":3,"second":3}}"#));
        for other in [r#"{"result":{"first":3,"second":4}}"#, r#"{"result":{"first":3}}"#, r#"{"result":{}}"#, "", "{}"]
        {
            assert!(!is_of_one(other.as_bytes()), "{other}");
        }
    }
}
