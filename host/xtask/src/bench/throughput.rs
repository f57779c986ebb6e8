//! Calls per second on each way, from one connection to a thousand, as a share of what the bare proxy lets through.

use crate::Outcome;
use crate::bench::stand::Stand;
use crate::figure::{Figure, Mark, median};

const CONNECTIONS: [u32; 5] = [1, 8, 32, 256, 1000];
const ROUNDS: usize = 3;
const SECONDS: f64 = 1.2;

/// With eight stages at least this share of the bare proxy's calls gets through.
const EIGHT_OVER_PROXY: Mark = Mark::AtLeast(0.65);

/// For each number of connections round by round over every way.
pub(crate) fn measure(stand: &Stand) -> Outcome<Vec<Figure>> {
    let mut figures = Vec::new();
    for connections in CONNECTIONS {
        let mut rounds = vec![Vec::with_capacity(ROUNDS); stand.targets.len()];
        for _ in 0..ROUNDS {
            for (target, values) in stand.targets.iter().zip(&mut rounds) {
                values.push(stand.load.throughput(target, connections, SECONDS)?.rps);
            }
        }
        let names = stand.targets.iter().map(|target| target.name.as_str());
        figures.extend(figures_at(connections, &names.zip(rounds.into_iter().map(median)).collect::<Vec<_>>()));
    }
    Ok(figures)
}

fn figures_at(connections: u32, rps: &[(&str, f64)]) -> Vec<Figure> {
    let proxy = rps.iter().find(|(name, _)| *name == "proxy").map_or(f64::NAN, |(_, value)| *value);
    let absolute = rps.iter().map(|(name, value)| Figure::new(format!("rps_{connections}_{name}"), *value, "1/s"));
    let gateways = rps.iter().filter(|(name, _)| !["direct", "proxy"].contains(name));
    let shares = gateways.map(|(name, value)| {
        let figure = Figure::new(format!("throughput_{connections}_{name}_over_proxy"), value / proxy, "ratio");
        if *name == "eight" { figure.with_mark(EIGHT_OVER_PROXY) } else { figure }
    });
    absolute.chain(shares).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_s_share_is_counted_from_the_proxy_s() {
        let figures = figures_at(8, &[("direct", 400.0), ("proxy", 200.0), ("zero", 180.0), ("eight", 120.0)]);
        let lines: Vec<String> = figures.iter().map(Figure::line).collect();
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[4], r#"{"name":"throughput_8_zero_over_proxy","unit":"ratio","value":0.9}"#);
        assert!(lines[5].contains(r#""met":false"#) && lines[5].contains("0.6"), "{}", lines[5]);
    }
}
