//! A misbehaving guest of `tests/guests/misbehaving`, with a neighbour on the same engine that must not notice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cardea_chain::{CallVerdict, HookFault, HookFaultKind, Stage};
use cardea_plugin::{Capabilities, Engine, Grants, LoadError, StageSpec, WasmStage};
use cardea_state::Memory;

use super::{Component, call, capabilities, engine, spec};

/// Misbehaves where the call is larger than `{}`.
const JUDGE: &str = "(if (i64.gt_u (call $size) (i64.const 10)) (then (return (call $misbehave)))) (i32.const 0)";
/// What comes into `(; repeated ;)`.
const REPEATED: &str = "nop ";

/// A guest as its file has it: lines `;; key: value`, then the fields of a core module with a function `$misbehave`.
pub(crate) struct Guest {
    text: &'static str,
}

impl Guest {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text }
    }

    fn directive(&self, key: &str) -> Option<&'static str> {
        let heads = self.text.lines().map_while(|line| line.strip_prefix(";; "));
        heads.filter_map(|line| line.split_once(": ")).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    fn number(&self, key: &str) -> Option<usize> {
        let digits: String = self.directive(key)?.chars().take_while(char::is_ascii_digit).collect();
        Some(digits.parse().unwrap())
    }

    /// The file, as it would be given to the gateway.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let repeated = REPEATED.repeat(self.number("repeat").unwrap_or_default());
        let text = self.text.replace("(; repeated ;)", &repeated);
        let hook = self.directive("hook").map(|hook| format!("export cardea:plugin/{hook}@0.1.0;")).unwrap_or_default();
        let component = Component {
            imports: &text,
            judge: JUDGE,
            worlds: &hook,
            role: self.directive("role").unwrap_or("content"),
            version: self.directive("version").unwrap_or("0.1.0"),
            ..Component::default()
        };
        let mut bytes = component.build();
        if let Some(percent) = self.number("keep") {
            bytes.truncate(bytes.len() * percent / 100);
        }
        if let Some(mebibytes) = self.number("pad") {
            super::custom_section(&mut bytes, "padding", &vec![0; mebibytes << 20]);
        }
        bytes
    }

    /// Why it is not loaded.
    pub(crate) async fn load_error(self) -> LoadError {
        let home = engine();
        let loaded = home.load(self.bytes().into(), spec("guest"), capabilities()).await;
        let error = loaded.err().expect("it was loaded");
        let neighbour =
            home.load(Component::default().build().into(), spec("neighbour"), capabilities()).await.unwrap();
        assert_passes(&neighbour).await;
        error
    }

    pub(crate) async fn house(self) -> House {
        self.house_with(capabilities()).await
    }

    pub(crate) async fn house_with(self, capabilities: Capabilities) -> House {
        let engine = engine();
        let stage = self.stage(&engine, "guest", capabilities.clone()).await;
        let neighbour = Component::default().build();
        let neighbour = engine.load(neighbour.into(), spec("neighbour"), capabilities).await.unwrap();
        House { stage, neighbour }
    }

    pub(crate) async fn stage(&self, engine: &Arc<Engine>, name: &str, capabilities: Capabilities) -> Arc<WasmStage> {
        let grants = Grants { kv: self.directive("grant") == Some("kv"), ..Grants::default() };
        engine.load(self.bytes().into(), StageSpec { grants, ..spec(name) }, capabilities).await.unwrap()
    }
}

/// The guest's stage, and one that behaves.
pub(crate) struct House {
    pub(crate) stage: Arc<WasmStage>,
    neighbour: Arc<WasmStage>,
}

impl House {
    /// The guest misbehaves, is stopped, and everybody is served.
    pub(crate) async fn stops(&self) -> HookFault {
        let fault = self.stage.judge_call(&call(BAD)).await.err().expect("it returned");
        self.serves().await;
        fault
    }

    /// The guest misbehaves, and traps.
    pub(crate) async fn traps(&self) -> String {
        let fault = self.stops().await;
        assert_eq!(fault.kind, HookFaultKind::Trap, "{fault:?}");
        fault.inside
    }

    /// The guest misbehaves, and returns from it.
    pub(crate) async fn bears(&self) {
        let done = self.stage.judge_call(&call(BAD)).await.map_err(|fault| format!("{fault:?}")).unwrap();
        assert_eq!(done.verdict, CallVerdict::Pass);
        assert!(done.effects.params.is_none() && done.effects.edited.is_empty());
        self.serves().await;
    }

    /// The next call is served by the guest and by its neighbour, and nothing is still on loan.
    pub(crate) async fn serves(&self) {
        for stage in [&self.stage, &self.neighbour] {
            assert_passes(stage).await;
            assert_eq!(stage.stats().pool.in_use, 0);
        }
    }
}

/// Makes the guest misbehave.
pub(crate) const BAD: &str = r#"{"arguments":{}}"#;

async fn assert_passes(stage: &WasmStage) {
    let done = stage.judge_call(&call("{}")).await.map_err(|fault| format!("{fault:?}")).unwrap();
    assert_eq!(done.verdict, CallVerdict::Pass);
}

/// Back ends, and the memory behind them.
pub(crate) fn shared() -> (Arc<Memory>, Capabilities) {
    let memory = Arc::new(Memory::default());
    (memory.clone(), Capabilities::new(memory.clone(), memory))
}
