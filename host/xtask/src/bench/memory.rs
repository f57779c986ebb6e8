//! Resident memory with a thousand clients that wait, the gateway's beside the bare proxy's.

use crate::Outcome;
use crate::bench::stand::Stand;
use crate::figure::{Figure, Mark};

const CONNECTIONS: u32 = 1000;
const KIB_PER_MIB: f64 = 1024.0;

/// What a gateway with eight stages may need beyond the bare proxy.
const BEYOND_PROXY: Mark = Mark::AtMost(40.0);

/// Both hold their connections at the same time.
pub(crate) fn measure(stand: &Stand) -> Outcome<Vec<Figure>> {
    let (proxy, gateway) = (stand.target("proxy")?, stand.target("eight")?);
    let _waiting = [stand.load.idle(proxy, CONNECTIONS)?, stand.load.idle(gateway, CONNECTIONS)?];
    let proxy = proxy.process.resident()? / KIB_PER_MIB;
    let gateway = gateway.process.resident()? / KIB_PER_MIB;
    Ok(vec![
        Figure::new(format!("rss_{CONNECTIONS}_idle_proxy"), proxy, "MiB"),
        Figure::new(format!("rss_{CONNECTIONS}_idle_gateway"), gateway, "MiB"),
        Figure::new(format!("rss_{CONNECTIONS}_idle_beyond_proxy"), gateway - proxy, "MiB").with_mark(BEYOND_PROXY),
    ])
}
