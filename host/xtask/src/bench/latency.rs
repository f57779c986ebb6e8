//! The time a call takes on each way, and what the gateway and its stages add to it.

use crate::Outcome;
use crate::bench::stand::Stand;
use crate::figure::{Figure, Mark, median};

const ROUNDS: usize = 7;
const REQUESTS: u32 = 1500;
const WARMUP: u32 = 300;

/// A gateway without stages adds at most this many times what the bare proxy adds.
const ZERO_OVER_PROXY: Mark = Mark::AtMost(1.4);
/// Eight stages add at most this many times what the gateway without stages adds.
const STAGES_OVER_ZERO: Mark = Mark::AtMost(0.5);

/// Round by round over every way, so that a disturbance of the machine meets all of them.
pub(crate) fn measure(stand: &Stand) -> Outcome<Vec<Figure>> {
    let mut rounds = vec![Vec::with_capacity(ROUNDS); stand.targets.len()];
    for _ in 0..ROUNDS {
        for (target, values) in stand.targets.iter().zip(&mut rounds) {
            values.push(stand.load.latency(target, REQUESTS, WARMUP)?.p50);
        }
    }
    let names = stand.targets.iter().map(|target| target.name.as_str());
    Ok(figures(names.zip(rounds.into_iter().map(median)).collect()))
}

fn figures(p50: Vec<(&str, f64)>) -> Vec<Figure> {
    let of = |name| p50.iter().find(|(found, _)| *found == name).map_or(f64::NAN, |(_, value)| *value);
    let added = |name| of(name) - of("direct");
    let mut figures: Vec<Figure> =
        p50.iter().map(|(name, value)| Figure::new(format!("p50_{name}"), *value, "us")).collect();
    let beyond_direct = p50.iter().map(|(name, _)| *name).filter(|name| *name != "direct");
    figures.extend(beyond_direct.map(|name| Figure::new(format!("added_p50_{name}"), added(name), "us")));
    let zero_over_proxy = added("zero") / added("proxy");
    let stages_over_zero = (of("eight") - of("zero")) / added("zero");
    figures.push(Figure::new("added_p50_zero_over_proxy", zero_over_proxy, "ratio").with_mark(ZERO_OVER_PROXY));
    figures
        .push(Figure::new("added_p50_eight_stages_over_zero", stages_over_zero, "ratio").with_mark(STAGES_OVER_ZERO));
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_counted_from_the_direct_way() {
        let figures = figures(vec![("direct", 100.0), ("proxy", 200.0), ("zero", 230.0), ("eight", 308.0)]);
        let lines: Vec<String> = figures.iter().map(Figure::line).collect();
        assert!(lines.contains(&r#"{"name":"added_p50_proxy","unit":"us","value":100.0}"#.to_owned()), "{lines:?}");
        let line = |name: &str| lines.iter().find(|line| line.contains(name)).unwrap();
        assert!(line("zero_over_proxy").contains(r#""met":true"#) && line("zero_over_proxy").contains("1.3"));
        assert!(
            line("eight_stages_over_zero").contains(r#""met":false"#) && line("eight_stages_over_zero").contains("0.6")
        );
    }
}
