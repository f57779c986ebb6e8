//! What large bodies cost: nothing, as long as nobody reads them.

use bytes::Bytes;
use cardea_hotpath::call;
use cardea_message::Message;
use cardea_plugin::Isolation;
use serde_json::json;

use crate::Outcome;
use crate::cost::{passes, walks};
use crate::figure::{micros, tell};
use crate::house::{House, chain};

const SIZES: [(&str, usize); 3] = [("1_kib", 1 << 10), ("100_kib", 100 << 10), ("1_mib", 1 << 20)];

/// Measures all of it.
pub(crate) async fn measure(house: &House) -> Outcome {
    for (what, told) in [("untouched", json!({})), ("read_whole", json!({ "whole": true }))] {
        let stage = house.measured(told, Isolation::Shared).await?;
        for (size, bytes) in SIZES {
            let call = call(bytes);
            tell(&format!("body_{size}_{what}"), micros(async || passes(&stage, &call).await).await?, "us");
        }
    }
    let stages = chain(&[house.rbac().await?, house.rate_limit().await?]);
    let (small, large) = (call(1 << 10), call(1 << 20));
    let small = micros(async || walks(&stages, &small).await).await?;
    let large = micros(async || walks(&stages, &large).await).await?;
    tell("rbac_and_rate_limit_1_kib", small, "us");
    tell("rbac_and_rate_limit_1_mib", large, "us");
    tell("rbac_and_rate_limit_1_mib_over_1_kib", large / small, "ratio");
    tell("message_read_1_mib", read_once().await? / 1e3, "ms");
    Ok(())
}

/// What it costs that the house reads every message once.
async fn read_once() -> Outcome<f64> {
    let params = call(1 << 20);
    let params = String::from_utf8_lossy(params.params()).into_owned();
    let text = Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#));
    micros(async || match Message::parse(text.clone()) {
        Ok(message) => {
            std::hint::black_box(message);
            Ok(())
        }
        Err(fault) => Err(format!("{fault:?}").into()),
    })
    .await
}
