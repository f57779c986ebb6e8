//! The stage's `config` against the plugin's own JSON Schema.

use serde_json::Value;

use crate::{ConfigProblem, Inspection, LoadError, LoadErrorKind};

/// More places than this are not worth reading at once.
const MOST_PLACES: usize = 8;

impl Inspection {
    /// Sees to it that a configuration fits. Without a schema, `init` alone decides.
    pub(crate) fn check_config(&self, config: &Value) -> Result<(), LoadError> {
        let Some(schema) = &self.config_schema else { return Ok(()) };
        let unusable = |why: String| {
            LoadError::new(
                LoadErrorKind::Manifest,
                format!("config.schema.json inside it is no JSON Schema: {why}"),
                "Correct the schema and build the plugin again",
            )
        };
        let schema: Value = serde_json::from_str(schema).map_err(|fault| unusable(fault.to_string()))?;
        let validator = jsonschema::validator_for(&schema).map_err(|fault| unusable(fault.to_string()))?;
        let places: Vec<_> = validator
            .iter_errors(config)
            .take(MOST_PLACES)
            .map(|fault| ConfigProblem { pointer: fault.instance_path().to_string(), message: fault.to_string() })
            .collect();
        if places.is_empty() {
            return Ok(());
        }
        let mut error = LoadError::new(
            LoadErrorKind::Config,
            "its configuration does not fit its schema",
            "`cardea plugin inspect` shows the schema",
        );
        error.places = places;
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use cardea_chain::Hooks;
    use serde_json::json;

    use super::*;

    fn inspection(schema: &str) -> Inspection {
        Inspection {
            manifest: None,
            role: cardea_chain::Role::Limit,
            config_schema: Some(schema.to_owned()),
            hooks: Hooks::default(),
            imports: Vec::new(),
            digest: String::new(),
            size: 0,
        }
    }

    #[test]
    fn every_place_is_named_by_its_pointer() {
        let schema = r#"{ "type": "object", "additionalProperties": false, "properties": {
            "limits": { "type": "array", "items": { "properties": { "capacity": { "type": "integer", "minimum": 1 } } } } } }"#;
        let inspection = inspection(schema);
        assert_eq!(inspection.check_config(&json!({ "limits": [{ "capacity": 1 }] })), Ok(()));
        let wrong = json!({ "limits": [{ "capacity": "many" }, { "capacity": 0 }], "limit": 1 });
        let error = inspection.check_config(&wrong).unwrap_err();
        let pointers: Vec<_> = error.places.iter().map(|place| place.pointer.as_str()).collect();
        assert!(pointers.contains(&"/limits/0/capacity") && pointers.contains(&"/limits/1/capacity"), "{pointers:?}");
        assert!(error.to_string().contains("`limit`") || error.to_string().contains("'limit'"), "{error}");
    }

    #[test]
    fn a_schema_that_is_none_is_the_plugins_fault() {
        for schema in ["{", r#"{ "type": "objekt" }"#, r#"{ "$ref": "https://example.com/schema.json" }"#] {
            let error = inspection(schema).check_config(&json!({})).unwrap_err();
            assert_eq!(error.kind, LoadErrorKind::Manifest, "{schema}");
        }
    }
}
