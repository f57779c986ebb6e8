//! What a policy may answer.

use serde::Deserialize;
use serde_json::Value;

/// What a policy decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The call may go on, the item may be seen.
    Allow,
    /// It may not.
    Deny(Denial),
}

/// Why not, as far as the policy says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    /// For the operator.
    pub reason: Option<String>,
    /// For the client.
    pub message: Option<String>,
    /// Scopes that would have allowed it.
    pub scopes: Vec<String>,
}

/// An answer that is more than a boolean.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    allow: bool,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
}

impl Decision {
    /// Reads an answer: a boolean, or an object with `allow` and perhaps `reason`, `message` and `scopes`. A member that is
    /// not known may be a condition that nobody here fulfils, so it is an error.
    pub fn from_json(answer: Value) -> Result<Self, String> {
        match answer {
            Value::Bool(true) => Ok(Self::Allow),
            Value::Bool(false) => Ok(Self::Deny(Denial::default())),
            answer @ Value::Object(_) => {
                let answer: Answer =
                    serde_json::from_value(answer).map_err(|error| format!("its answer is no decision: {error}"))?;
                let Answer { allow, reason, message, scopes } = answer;
                Ok(if allow { Self::Allow } else { Self::Deny(Denial { reason, message, scopes }) })
            }
            _ => Err("its answer is neither a boolean nor an object with `allow`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn booleans_and_objects_are_decisions_and_nothing_else_is() {
        assert_eq!(Decision::from_json(json!(true)), Ok(Decision::Allow));
        assert_eq!(Decision::from_json(json!({ "allow": true, "reason": "x" })), Ok(Decision::Allow));
        let denial = Denial { message: Some("no".to_owned()), scopes: vec!["s".to_owned()], ..Denial::default() };
        let answer = json!({ "allow": false, "message": "no", "scopes": ["s"] });
        assert_eq!(Decision::from_json(answer), Ok(Decision::Deny(denial)));
        for other in [json!(null), json!("true"), json!(1), json!([true]), json!({}), json!({ "allow": "true" })] {
            assert!(Decision::from_json(other.clone()).is_err(), "{other}");
        }
        assert!(Decision::from_json(json!({ "allow": true, "mask": ["/a"] })).is_err(), "an unknown condition");
    }
}
