//! One measured figure, and the mark it should keep.

use serde_json::json;

/// A number with a name and a unit.
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    mark: Option<Mark>,
}

/// What a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Figure {
    /// A figure that is only told.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, mark: None }
    }

    /// The same with a mark.
    pub(crate) fn with_mark(self, mark: Mark) -> Self {
        Self { mark: Some(mark), ..self }
    }

    /// The JSON line it is printed as.
    pub(crate) fn line(&self) -> String {
        let value = (self.value * 1000.0).round() / 1000.0;
        let mut line = json!({ "name": self.name, "value": value, "unit": self.unit });
        if let Some(mark) = self.mark {
            line["mark"] = mark.text().into();
            line["met"] = mark.is_met(self.value).into();
        }
        line.to_string()
    }

    /// What is said of it if it misses its mark.
    pub(crate) fn missed(&self) -> Option<String> {
        let mark = self.mark.filter(|mark| !mark.is_met(self.value))?;
        Some(format!("{} is {:.3} {}, the mark is {}", self.name, self.value, self.unit, mark.text()))
    }
}

impl Mark {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(most) => format!("<= {most}"),
            Self::AtLeast(least) => format!(">= {least}"),
        }
    }
}

/// The middle of some values, which one disturbed round does not move.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_one_line_with_its_mark() {
        let figure = Figure::new("added", 1.23456, "ratio");
        assert_eq!(figure.line(), r#"{"name":"added","unit":"ratio","value":1.235}"#);
        assert_eq!(figure.missed(), None);
        let figure = figure.with_mark(Mark::AtMost(1.2));
        assert!(figure.line().contains(r#""mark":"<= 1.2","met":false"#), "{}", figure.line());
        assert!(figure.missed().unwrap().contains("the mark is <= 1.2"));
    }

    #[test]
    fn a_mark_is_met_on_its_own_side_and_never_by_no_number() {
        assert!(Mark::AtMost(1.0).is_met(1.0) && !Mark::AtMost(1.0).is_met(1.1));
        assert!(Mark::AtLeast(1.0).is_met(1.0) && !Mark::AtLeast(1.0).is_met(0.9));
        assert!(!Mark::AtMost(1.0).is_met(f64::NAN) && !Mark::AtLeast(1.0).is_met(f64::NAN));
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(vec![]).is_nan());
    }
}
