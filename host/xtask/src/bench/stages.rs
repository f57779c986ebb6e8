//! What stages cost and how runaway guests are stopped, as `cardea-stages` measures it, with the marks of each figure.

use std::process::Command;

use serde::Deserialize;

use crate::Outcome;
use crate::figure::{Figure, Mark};
use crate::step::output;
use crate::workspace::Workspace;

use Mark::AtMost;

/// Every figure: its name, its unit, and its mark where it has one.
const FIGURES: &[(&str, &str, Option<Mark>)] = &[
    ("compile_and_load", "ms", Some(AtMost(500.0))),
    ("swap_with_known_code", "ms", Some(AtMost(1.0))),
    ("rss_of_a_stage_with_one_instance", "KiB", Some(AtMost(32.0))),
    ("stage_warm", "us", Some(AtMost(0.6))),
    ("stage_warm_3_reads", "us", Some(AtMost(2.0))),
    ("stage_fresh", "us", Some(AtMost(16.25))),
    ("walk_without_stages", "us", None),
    ("chain_of_8_warm", "us", Some(AtMost(20.0))),
    ("chain_of_8_warm_when_watched", "us", None),
    ("chain_of_8_fresh", "us", Some(AtMost(130.0))),
    ("body_1_kib_untouched", "us", None),
    ("body_100_kib_untouched", "us", None),
    ("body_1_mib_untouched", "us", None),
    ("body_1_kib_read_whole", "us", None),
    ("body_100_kib_read_whole", "us", None),
    ("body_1_mib_read_whole", "us", None),
    ("rbac_and_rate_limit_1_kib", "us", None),
    ("rbac_and_rate_limit_1_mib", "us", None),
    ("rbac_and_rate_limit_1_mib_over_1_kib", "ratio", Some(AtMost(1.2))),
    ("message_read_1_mib", "ms", Some(AtMost(4.0))),
    ("runaway_stopped_after_budget_p50", "ms", Some(AtMost(2.0))),
    ("runaway_stopped_after_budget_p99", "ms", Some(AtMost(10.0))),
    ("others_p99_alone", "us", None),
    ("others_p99_beside_runaway", "us", None),
    ("others_p99_beside_over_alone", "ratio", Some(AtMost(2.0))),
];

/// One line of the program.
#[derive(Deserialize)]
struct Line {
    name: String,
    value: f64,
}

/// Runs one group of the program.
pub(crate) fn measure(workspace: &Workspace, group: &str) -> Outcome<Vec<Figure>> {
    let mut command = Command::new(workspace.program("release", "cardea-stages"));
    command.arg(group).arg("--target").arg(&workspace.target);
    output(&mut command)?.lines().map(figure).collect()
}

fn figure(line: &str) -> Outcome<Figure> {
    let Line { name, value } =
        serde_json::from_str(line).map_err(|error| format!("cardea-stages printed {line:?}: {error}"))?;
    let known = FIGURES.iter().find(|(known, ..)| *known == name);
    let (name, unit, mark) = known.ok_or_else(|| format!("cardea-stages measured {name}, which has no line here"))?;
    let figure = Figure::new(*name, value, unit);
    Ok(match mark {
        Some(mark) => figure.with_mark(*mark),
        None => figure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_figure_with_the_mark_of_its_name() {
        let line = figure(r#"{"name":"stage_warm","value":0.5,"unit":"us"}"#).unwrap().line();
        assert!(line.contains(r#""mark":"<= 0.6","met":true"#), "{line}");
        assert!(figure(r#"{"name":"another","value":1,"unit":"us"}"#).is_err());
        assert!(figure("measuring").is_err());
    }
}
