//! The MCP server that the conformance suite asks for, on the official Rust SDK: every tool, prompt and resource that its
//! scenarios name, in both eras or in one alone. It says its address in one line of JSON and serves until its standard input ends.
#![allow(deprecated, reason = "the suite asks for logging and sampling, which the newest revision only deprecates")]

mod asks;
mod catalog;
mod fill;
mod fixture;
mod jobs;
mod notices;
mod rounds;

use std::env;
use std::error::Error;
use std::net::Ipv4Addr;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rmcp::model::ProtocolVersion;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use crate::fixture::Fixture;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let fixture = Fixture::new(versions(env::args().nth(1).as_deref())?)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", serde_json::json!({ "address": listener.local_addr()?.to_string() }));
    tokio::select! {
        ended = serve(listener, fixture) => ended,
        // Whoever started this holds the other end, and so ends it by ending.
        ended = async { tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await } => Ok(ended.map(drop)?),
    }
}

fn versions(era: Option<&str>) -> Result<&'static [ProtocolVersion], String> {
    let all = ProtocolVersion::KNOWN_VERSIONS;
    let (legacy, modern) = all.split_at(all.partition_point(|version| *version < ProtocolVersion::V_2026_07_28));
    match era {
        None => Ok(all),
        Some("legacy") => Ok(legacy),
        Some("modern") => Ok(modern),
        Some(other) => Err(format!("no era is called {other}: legacy or modern, or nothing for both")),
    }
}

async fn serve(listener: TcpListener, fixture: Fixture) -> Result<(), Box<dyn Error>> {
    let service = StreamableHttpService::new(
        move || Ok(fixture.clone()),
        LocalSessionManager::default().into(),
        StreamableHttpServerConfig::default(),
    );
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is no news here: the suite says what it missed.
            drop(connection.await);
        });
    }
}
