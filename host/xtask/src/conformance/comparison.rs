//! The fixture directly and through the gateway, side by side: what passes on the one way must pass on the other.

use std::fmt::Display;

use crate::conformance::found::{Found, Outcomes};
use crate::conformance::known::{Judged, Lost};

/// Two runs of the same scenarios.
pub(crate) struct Comparison<'a> {
    direct: &'a Found,
    through: &'a Found,
}

impl<'a> Comparison<'a> {
    /// Of a run without the gateway and one with it.
    pub(crate) fn new(direct: &'a Found, through: &'a Found) -> Self {
        Self { direct, through }
    }

    /// Every check that passes directly and not through the gateway, and every one that fails only there.
    pub(crate) fn lost(&self) -> Vec<Lost> {
        let mut lost = Vec::new();
        for scenario in self.direct.scenarios() {
            let mut checks: Vec<&str> = self.direct.checks(scenario).chain(self.through.checks(scenario)).collect();
            checks.sort_unstable();
            checks.dedup();
            let gone = checks.into_iter().filter(|id| self.is_lost(scenario, id));
            lost.extend(gone.map(|id| Lost {
                check: format!("{scenario}/{id}"),
                message: self.through.message(scenario, id).unwrap_or("it did not come out as a success").to_owned(),
            }));
        }
        lost
    }

    /// Whether a check is no loss any more: it passes, or the suite knows none of that name. One that does not even pass directly, as
    /// a check of times on a busy machine may not, says nothing.
    pub(crate) fn is_stale(&self, check: &str) -> bool {
        let Some((scenario, id)) = check.split_once('/') else { return true };
        let made = [self.direct, self.through].into_iter().any(|found| found.checks(scenario).any(|it| it == id));
        !made || self.through.outcome(scenario, id) == Outcomes::Passed
    }

    /// A line for each scenario: the checks that pass directly, those that pass through the gateway, and what to think of it.
    pub(crate) fn table(&self, judged: &Judged) -> String {
        let mut table = line("scenario", "direct", "through", "");
        for scenario in self.direct.scenarios() {
            let (direct, through) = (self.direct.passed_in(scenario), self.through.passed_in(scenario));
            table += &line(scenario, direct, through, &judged.remark(scenario));
        }
        table + &line("all", self.direct.passed(), self.through.passed(), "")
    }

    fn is_lost(&self, scenario: &str, id: &str) -> bool {
        let (direct, through) = (self.direct.outcome(scenario, id), self.through.outcome(scenario, id));
        (direct == Outcomes::Passed && through != Outcomes::Passed)
            || (through == Outcomes::Failed && direct != Outcomes::Failed)
    }
}

fn line(scenario: &str, direct: impl Display, through: impl Display, remark: &str) -> String {
    format!("    {scenario:<48}{direct:>8}{through:>9}{remark}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::found::tests::found;

    fn lost(direct: &[(&str, &[(&str, &str)])], through: &[(&str, &[(&str, &str)])]) -> Vec<String> {
        let (direct, through) = (found(direct), found(through));
        Comparison::new(&direct, &through).lost().into_iter().map(|lost| lost.check).collect()
    }

    #[test]
    fn what_passes_directly_must_pass_through_the_gateway() {
        let direct: &[(&str, &[(&str, &str)])] = &[
            ("a", &[("fails", "SUCCESS"), ("gone", "SUCCESS"), ("info", "SUCCESS"), ("same", "SUCCESS")]),
            ("b", &[("x", "SUCCESS")]),
        ];
        let through: &[(&str, &[(&str, &str)])] =
            &[("a", &[("fails", "FAILURE"), ("info", "INFO"), ("same", "SUCCESS"), ("only here", "FAILURE")])];
        assert_eq!(lost(direct, through), ["a/fails", "a/gone", "a/info", "a/only here", "b/x"]);
        assert_eq!(lost(direct, direct), [""; 0]);
    }

    #[test]
    fn a_check_is_stale_when_it_passes_or_is_not_made_at_all() {
        let (direct, through) =
            (found(&[("a", &[("x", "SUCCESS"), ("late", "WARNING")])]), found(&[("a", &[("x", "SUCCESS")])]));
        let comparison = Comparison::new(&direct, &through);
        assert!(comparison.is_stale("a/x") && comparison.is_stale("a/typo") && comparison.is_stale("typo"));
        assert!(!comparison.is_stale("a/late"));
    }

    #[test]
    fn what_the_fixture_fails_itself_is_no_loss() {
        let failing: &[(&str, &[(&str, &str)])] = &[("a", &[("x", "FAILURE"), ("y", "SKIPPED")])];
        assert_eq!(lost(failing, failing), [""; 0]);
    }
}
