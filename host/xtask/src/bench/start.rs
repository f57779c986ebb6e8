//! From the start of the gateway to the first call it has served, with eight stages: with nothing compiled, with what the build
//! compiled, and with what an earlier start left behind.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::figure::{Figure, Mark, median};
use crate::gateway::{self, Manifest};
use crate::process::{Process, Says};
use crate::workspace::Workspace;

const ROUNDS: usize = 11;
/// Compiling takes so long that the mean of a few is enough.
const COMPILING_ROUNDS: usize = 3;
/// How long the first call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// With code that is there already, milliseconds.
const WARM: Mark = Mark::AtMost(100.0);

/// Starts the gateway again and again.
pub(crate) fn measure(workspace: &Workspace) -> Outcome<Vec<Figure>> {
    let load = workspace.program("release", "cardea-load");
    let (_echo, echo) = Process::start(&load, &["echo"], Says::Output, gateway::native_address)?;
    let folder = workspace.target.join("bench/start");
    let manifest = Manifest { written: workspace.root.join("tests/load/manifests/eight.toml"), folder: folder.clone() };
    let cache = folder.join(".cardea/code");
    let gateway = workspace.program("release", "cardea");
    // A binary with nothing beside it has only what it compiles itself.
    let alone = alone(&gateway, &folder.join("alone"))?;
    let rounds = |rounds: usize, program: &Path, keep: bool| -> Outcome<f64> {
        let round = |_| {
            if !keep && cache.exists() {
                fs::remove_dir_all(&cache)
                    .map_err(|error| format!("{} cannot be removed: {error}", cache.display()))?;
            }
            first_call(program, &manifest, echo)
        };
        (0..rounds).map(round).collect::<Outcome<Vec<f64>>>().map(median)
    };
    let compiling = rounds(COMPILING_ROUNDS, &alone, false)?;
    let warm = rounds(ROUNDS, &alone, true)?;
    let built_in = rounds(ROUNDS, &gateway, false)?;
    Ok(vec![
        Figure::new("start_compiling", compiling, "ms"),
        Figure::new("start_code_of_build", built_in, "ms").with_mark(WARM),
        Figure::new("start_warm_cache", warm, "ms").with_mark(WARM),
    ])
}

fn alone(gateway: &Path, folder: &Path) -> Outcome<PathBuf> {
    let copy = folder.join("cardea");
    fs::create_dir_all(folder)
        .and_then(|()| fs::copy(gateway, &copy))
        .map_err(|error| format!("{} cannot be copied to {}: {error}", gateway.display(), copy.display()))?;
    Ok(copy)
}

/// Milliseconds from before the process is made to after its first answer.
fn first_call(program: &Path, manifest: &Manifest, echo: SocketAddr) -> Outcome<f64> {
    let started = Instant::now();
    let (_gateway, address) = gateway::start(program, manifest, &format!("http://{echo}/mcp"))?;
    let answer = call(address).map_err(|error| format!("the gateway at {address} did not answer: {error}"))?;
    let took = started.elapsed();
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(format!("the gateway at {address} answered {answer}"));
    }
    Ok(took.as_secs_f64() * 1e3)
}

fn call(address: SocketAddr) -> std::io::Result<String> {
    let body = concat!(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"first"},"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"#,
        r#""io.modelcontextprotocol/clientInfo":{"name":"xtask","version":"1"}}}}"#
    );
    let head = format!(
        "POST /servers/echo/mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\n\
         mcp-name: echo\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
