//! Which lines somebody wants to see.

use serde_json::Value;

/// All that is said must hold; what is not said does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Not before, milliseconds since the epoch.
    pub since_ms: Option<u64>,
    /// Before, milliseconds since the epoch.
    pub until_ms: Option<u64>,
    /// Exact values by JSON pointer into the line.
    pub equal: Vec<(&'static str, String)>,
}

impl Filter {
    /// Wants this value at this pointer.
    pub fn equal(mut self, pointer: &'static str, value: Option<String>) -> Self {
        self.equal.extend(value.map(|value| (pointer, value)));
        self
    }

    /// Whether a line is wanted. A line without a wanted value is not.
    pub fn wants(&self, line: &Value) -> bool {
        let at = line["atMs"].as_u64();
        self.since_ms.is_none_or(|since| at.is_some_and(|at| at >= since))
            && self.until_ms.is_none_or(|until| at.is_some_and(|at| at < until))
            && self.equal.iter().all(|(pointer, value)| line.pointer(pointer).and_then(Value::as_str) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_wish_must_hold() {
        let line = json!({ "atMs": 10, "method": "tools/call", "subject": { "id": "ann" } });
        let ann = Filter::default().equal("/subject/id", Some("ann".to_owned()));
        assert!(Filter::default().wants(&line) && ann.wants(&line));
        assert!(!ann.clone().equal("/server", Some("git".to_owned())).wants(&line));
        assert!(!Filter { until_ms: Some(10), ..ann.clone() }.wants(&line));
        assert!(Filter { since_ms: Some(10), until_ms: Some(11), ..ann }.wants(&line));
    }
}
