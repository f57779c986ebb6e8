//! `cardea-fake-server`: an MCP server for tests that speaks either protocol over either transport, and misbehaves when told to.
//!
//! It is written by hand and not on an SDK, because its bytes are what tests compare, and its bad manners are what they need.

mod diary;
mod http;
mod listeners;
mod message;
mod offers;
mod options;
mod peer;
mod server;
mod stdio;
mod tasks;
mod tools;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::options::Options;
use crate::server::Server;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let over_http = options.http;
    let server = Arc::new(Server::new(options));
    let served = if over_http { http::serve(server).await } else { stdio::serve(server).await };
    match served {
        // At once: calls that hang would keep the runtime from ending.
        Ok(()) => std::process::exit(0),
        Err(complaint) => {
            eprintln!("cardea-fake-server: {complaint}");
            ExitCode::FAILURE
        }
    }
}
