//! What a plugin does with grants, by a guest that does as each call tells it: requests, secrets, values, masks. The servers
//! are on loopback, which the stages list.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asks;
mod masks;
mod requests;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
mod values;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{Call, CallVerdict, Done, HookFault, Stage};
use cardea_egress::{Egress, Resolve};
use cardea_plugin::{Capabilities, Engine, EngineSettings, Grants, Limits, LoadError, StageSpec, WasmStage};
use cardea_state::Memory;
use futures_util::future::BoxFuture;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

/// The guest with a `plugin.toml` that asks for this.
fn guest(ask: &str) -> Bytes {
    guest_of("", ask)
}

/// The same with more lines below `[plugin]`.
fn guest_of(plugin: &str, ask: &str) -> Bytes {
    let mut component = std::fs::read(built("outside")).unwrap();
    let about = "[plugin]\nname = 'outside'\nversion = '1.0.0'\napi = '0.1'\nrole = 'shape'";
    let manifest = format!("{about}\n{plugin}\n[ask]\nhttp = ['GET http://asked.example/*']\n{ask}\n");
    // A key that is asked for twice is the test's own.
    let manifest =
        if ask.contains("http =") { manifest.replace("http = ['GET http://asked.example/*']\n", "") } else { manifest };
    support::custom_section(&mut component, "cardea:manifest", manifest.as_bytes());
    component.into()
}

/// A component that was built before, in the target folder this test runs from.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).unwrap();
    let file = target.join("guests").join(format!("{name}.wasm"));
    assert!(file.is_file(), "{} is missing. Run `cargo xtask plugins` first.", file.display());
    file
}

/// Grants as the manifest would give them, with everything the guest imports.
fn grants() -> Grants {
    Grants {
        kv: true,
        http: Some(vec!["GET http://asked.example/*".parse().unwrap()]),
        private_addresses: vec!["127.0.0.1/32".parse().unwrap()],
        secrets: [("hook".to_owned(), cardea_grant::Secret::new("key"))].into(),
        ..Grants::default()
    }
}

/// What the guest asks for in most tests, beside requests.
const ASK: &str = "kv = true\nsecret = ['hook']";

async fn load(component: Bytes, grants: Grants) -> Result<Arc<WasmStage>, LoadError> {
    load_on(&engine(16), component, grants, capabilities(&[])).await
}

async fn load_on(
    engine: &Arc<Engine>,
    component: Bytes,
    grants: Grants,
    capabilities: Capabilities,
) -> Result<Arc<WasmStage>, LoadError> {
    // A test machine may be busy with everything but the test.
    let limits = Limits { cpu: Duration::from_secs(5), wall: Duration::from_secs(10), ..Limits::default() };
    let spec = StageSpec { grants, limits, ..support::spec("outside") };
    engine.load(component, spec, capabilities).await
}

fn engine(instances: u32) -> Arc<Engine> {
    Engine::new(EngineSettings { instances, ..EngineSettings::default() }).unwrap()
}

/// Back ends in memory, and a way out on which every name stands for these addresses.
fn capabilities(names: &[&str]) -> Capabilities {
    let memory = Arc::new(Memory::default());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let names = Names(names.iter().map(|name| name.parse().unwrap()).collect());
    let egress = Egress::with(tls, Arc::new(names), cardea_egress::Limits::default());
    Capabilities::new(memory.clone(), memory).with_egress(Arc::new(egress))
}

struct Names(Vec<IpAddr>);

impl Resolve for Names {
    fn resolve(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

fn call(arguments: Value) -> Arc<Call> {
    support::call(&json!({ "name": "tool", "arguments": arguments }).to_string())
}

/// What the guest answers to a command.
async fn ask(stage: &WasmStage, arguments: Value) -> Value {
    match judged(stage, arguments).await.unwrap().verdict {
        CallVerdict::Answer(json) => serde_json::from_slice(&json).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn judged(stage: &WasmStage, arguments: Value) -> Result<Done<CallVerdict>, HookFault> {
    let call = call(arguments);
    stage.judge_call(&call).await
}
