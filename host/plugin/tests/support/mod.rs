//! Small components written as text, and calls to try them with.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod house;
pub(crate) mod kv;
pub(crate) mod log;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cardea_chain::{
    Call, CallId, Client, Deadline, Directory, Duties, Fault, ItemKind, Place, Scratch, Subject, Target,
};
use cardea_message::{Method, Version};
use cardea_plugin::{Capabilities, Engine, EngineSettings, Grants, Isolation, Limits, StageSpec, WasmStage};
use cardea_state::Memory;
use futures_util::future::BoxFuture;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Exports `on-serve` beside the rest.
pub(crate) const ON_SERVE: &str = r#"(func (export "cardea:plugin/on-serve@0.1.0#serve") (result i32) unreachable)"#;
/// Imports the function of `invoke`.
pub(crate) const INVOKE: &str = r#"(import "cardea:plugin/invoke@0.1.0" "call" (func (param i32 i32 i32 i32 i32)))"#;
/// Imports one function of `kv`.
pub(crate) const KV: &str = r#"(import "cardea:plugin/kv@0.1.0" "delete" (func (param i32 i32 i32)))"#;

/// What guests use of WASI, each package after those it needs.
const WASI: [&str; 4] = [
    "package wasi:cli@0.2.0; interface exit { exit: func(status: result); }",
    "package wasi:random@0.2.0; interface random { get-random-bytes: func(len: u64) -> list<u8>; }",
    "package wasi:io@0.2.0; interface poll { resource pollable { block: func(); } }",
    "package wasi:clocks@0.2.0; interface monotonic-clock { use wasi:io/poll@0.2.0.{pollable};
        subscribe-duration: func(when: u64) -> pollable; }",
];
/// The same, for a world.
const WASI_IMPORTS: &str = "import wasi:cli/exit@0.2.0; import wasi:random/random@0.2.0; import wasi:io/poll@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.0;";

/// A component with `lifecycle` and `on-call`, whose functions are core wasm text. Each returns the address of its result;
/// at address 0 there are zeros, which mean `ok` and `pass`. `$size` is `call.size`.
pub(crate) struct Component<'a> {
    pub(crate) judge: &'a str,
    pub(crate) init: &'a str,
    pub(crate) selftest: &'a str,
    pub(crate) imports: &'a str,
    pub(crate) exports: &'a str,
    pub(crate) worlds: &'a str,
    pub(crate) pages: u32,
    pub(crate) role: &'a str,
    pub(crate) version: &'a str,
}

impl Default for Component<'_> {
    fn default() -> Self {
        Self {
            judge: "(i32.const 0)",
            init: "(i32.const 0)",
            selftest: "(i32.const 0)",
            imports: "",
            exports: "",
            worlds: "",
            pages: 1,
            role: "limit",
            version: "0.1.0",
        }
    }
}

impl Component<'_> {
    pub(crate) fn build(&self) -> Vec<u8> {
        let Self { judge, init, selftest, imports, exports, worlds, pages, role, version } = self;
        let text = format!(
            r#"(module
                (import "cardea:plugin/call@0.1.0" "size" (func $size (result i64)))
                {imports}
                (memory (export "memory") {pages})
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
                (func (export "cardea:plugin/lifecycle@0.1.0#init") (result i32) {init})
                (func (export "cardea:plugin/lifecycle@0.1.0#selftest") (result i32) {selftest})
                (func (export "cardea:plugin/on-call@0.1.0#judge") (result i32) {judge})
                {exports})"#
        );
        let mut module = wat::parse_str(text.replace("@0.1.0", &format!("@{version}"))).unwrap();
        let mut resolve = Resolve::default();
        add_interface(&mut resolve, version);
        for package in WASI {
            resolve.push_str("wasi.wit", package).unwrap();
        }
        let world = format!(
            "package test:hostile; world hostile {{ include cardea:plugin/imports@{version}; {WASI_IMPORTS}
                export cardea:plugin/lifecycle@{version}; export cardea:plugin/on-call@{version}; {worlds} }}"
        );
        let own = resolve.push_str("hostile.wit", &world).unwrap();
        let world = resolve.select_world(&[own], Some("hostile")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let mut component = ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap();
        let ask = if imports.contains("plugin/kv@") { "kv = true" } else { "" };
        let manifest =
            format!("[plugin]\nname = 'hostile'\nversion = '1.0.0'\napi = '0.1'\nrole = '{role}'\n[ask]\n{ask}\n");
        custom_section(&mut component, "cardea:manifest", manifest.as_bytes());
        component
    }
}

/// The interface as it stands in the repository, under a version.
fn add_interface(resolve: &mut Resolve, version: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    if version == "0.1.0" {
        resolve.push_dir(&folder).unwrap();
        return;
    }
    let changed = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let text = std::fs::read_to_string(&path).unwrap().replace("@0.1.0", &format!("@{version}"));
            std::fs::write(changed.path().join(path.file_name().unwrap()), text).unwrap();
        }
    }
    resolve.push_dir(changed.path()).unwrap();
}

/// Adds a section; of several with one name the outermost counts.
pub(crate) fn custom_section(component: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut section = leb(name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    component.push(0);
    component.extend(leb(section.len()));
    component.extend(section);
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

pub(crate) fn engine() -> Arc<Engine> {
    Engine::new(EngineSettings { instances: 16, ..EngineSettings::default() }).unwrap()
}

pub(crate) fn spec(name: &str) -> StageSpec {
    StageSpec {
        name: name.to_owned(),
        plugin: format!("{name}.wasm"),
        generation: 1,
        config: serde_json::json!({}),
        grants: Grants::default(),
        limits: Limits::default(),
        isolation: Isolation::Shared,
    }
}

pub(crate) fn capabilities() -> Capabilities {
    let memory = Arc::new(Memory::default());
    Capabilities::new(memory.clone(), memory)
}

pub(crate) async fn load(component: Component<'_>) -> Arc<WasmStage> {
    load_within(component, Limits { wall: Duration::from_secs(10), ..Limits::default() }).await
}

pub(crate) async fn load_within(component: Component<'_>, limits: Limits) -> Arc<WasmStage> {
    let spec = StageSpec { limits, ..spec("hostile") };
    engine().load(component.build().into(), spec, capabilities()).await.unwrap()
}

pub(crate) fn call(params: &str) -> Arc<Call> {
    call_until(params, Duration::from_secs(60))
}

pub(crate) fn call_until(params: &str, deadline: Duration) -> Arc<Call> {
    Arc::new(Call {
        id: CallId::new("1"),
        method: Method::parse("tools/call"),
        params: Some(Bytes::copy_from_slice(params.as_bytes())),
        name: None,
        native_name: None,
        server: None,
        endpoint: "/mcp".into(),
        directory: Arc::new(Nothing),
        client: Arc::new(Client {
            version: Version::LATEST,
            capabilities: Bytes::from_static(b"{}"),
            info: None,
            log_level: None,
            progress_token: None,
            session: None,
        }),
        subject: Arc::new(Subject::default()),
        headers: Arc::default(),
        deadline: Deadline::new(deadline, deadline),
        traceparent: None,
        received: SystemTime::now(),
        scratch: Scratch::default(),
        duties: Duties::default(),
    })
}

/// A directory that offers nothing.
struct Nothing;

impl Directory for Nothing {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        Box::pin(std::future::ready(Err(Fault::unknown_method(&call.method))))
    }

    fn place(&self, _: &Call, _: ItemKind, _: &str) -> Option<Place> {
        None
    }

    fn definition(&self, _: &Call, _: ItemKind, _: &str) -> Option<Bytes> {
        None
    }
}
