//! `cardea-load`: what a measurement of the gateway needs — a native server behind it, a bare proxy beside it, load before it.
#![allow(clippy::print_stdout, reason = "results go to standard output as JSON lines")]

mod client;
mod echo;
mod idle;
mod latency;
mod proxy;
mod question;
mod serve;
mod summary;
mod swaps;
mod throughput;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use http::Uri;

/// What a subcommand ends with.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Serves and makes load on 127.0.0.1, and prints what it measured as JSON.
#[derive(Parser)]
#[command(name = "cardea-load")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// An MCP server of both eras with one tool, `echo`.
    Echo,
    /// A pass-through proxy that reads nothing: the least any gateway can add.
    Proxy {
        /// The server whose host and port every request goes to.
        #[arg(long)]
        to: Uri,
    },
    /// One call after the other on one connection.
    Latency {
        /// Where to call.
        #[arg(long)]
        url: Uri,
        /// How many calls are measured.
        #[arg(long, default_value_t = 2000)]
        requests: u64,
        /// How many calls are made before.
        #[arg(long, default_value_t = 200)]
        warmup: u64,
    },
    /// Many connections, each with one call after the other, for some seconds.
    Throughput {
        /// Where to call.
        #[arg(long)]
        url: Uri,
        /// How many connections.
        #[arg(long)]
        connections: u64,
        /// For how long.
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
    },
    /// Lets a gateway swap generations while many connections call.
    Swaps(swaps::Options),
    /// Opens connections, makes one call on each, and holds them until standard input ends.
    Idle {
        /// Where to call.
        #[arg(long)]
        url: Uri,
        /// How many connections.
        #[arg(long, default_value_t = 1000)]
        connections: u64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().part).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cardea-load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(part: Part) -> Outcome {
    match part {
        Part::Echo => echo::echo().await,
        Part::Proxy { to } => proxy::proxy(to).await,
        Part::Swaps(options) => swaps::swaps(&options).await,
        Part::Latency { url, requests, warmup } => latency::latency(&url, requests, warmup).await,
        Part::Throughput { url, connections, seconds } => throughput::throughput(&url, connections, seconds).await,
        Part::Idle { url, connections } => idle::idle(&url, connections).await,
    }
}
