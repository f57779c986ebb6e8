//! What one hook costs, and a chain of eight, warm and fresh.

use std::sync::Arc;

use cardea_chain::{Call, Chain, Observer, Outlet, Stage, Trace};
use cardea_hotpath::call;
use cardea_plugin::{Isolation, WasmStage};
use serde_json::json;

use crate::Outcome;
use crate::figure::{micros, tell};
use crate::house::{House, chain};

const STAGES: usize = 8;

/// Measures all of it.
pub(crate) async fn measure(house: &House) -> Outcome {
    let call = call(1 << 10);
    for (name, told, isolation) in [
        ("stage_warm", json!({}), Isolation::Shared),
        ("stage_warm_3_reads", json!({ "reads": 3 }), Isolation::Shared),
        ("stage_fresh", json!({}), Isolation::Call),
    ] {
        let stage = house.measured(told, isolation).await?;
        tell(name, micros(async || passes(&stage, &call).await).await?, "us");
    }
    let bare = micros(async || walks(&chain(&[]), &call).await).await?;
    tell("walk_without_stages", bare, "us");
    for (name, isolation) in [("chain_of_8_warm", Isolation::Shared), ("chain_of_8_fresh", Isolation::Call)] {
        let mut stages = Vec::new();
        for _ in 0..STAGES {
            stages.push(house.measured(json!({ "reads": 3 }), isolation).await?);
        }
        let chain = chain(&stages);
        let walked = micros(async || walks(&chain, &call).await).await?;
        tell(name, walked - bare, "us");
        if isolation == Isolation::Shared {
            let watched = chain.watched_by(Arc::new(Forgetful));
            let seen = micros(async || walks(&watched, &call).await).await?;
            tell("chain_of_8_warm_when_watched", seen - bare, "us");
        }
    }
    Ok(())
}

/// A hook that must pass.
pub(crate) async fn passes(stage: &WasmStage, call: &Arc<Call>) -> Outcome {
    match stage.judge_call(call).await {
        Ok(_) => Ok(()),
        Err(fault) => Err(format!("{}: {}", fault.kind.as_str(), fault.inside).into()),
    }
}

/// A walk that must reach the server and come back.
pub(crate) async fn walks(chain: &Chain, call: &Arc<Call>) -> Outcome {
    let (outlet, _notes) = Outlet::new(1);
    let reply = chain.walk(Arc::clone(call), Vec::new(), &outlet).await;
    if reply.is_error() { Err(format!("the walk ended with {reply:?}").into()) } else { Ok(()) }
}

/// What watching costs the corridor, without what is made of it.
struct Forgetful;

impl Observer for Forgetful {
    fn begun(&self) {}

    fn ended(&self, _: Trace) {}
}
