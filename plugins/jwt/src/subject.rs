//! From claims to a subject, by the pointers of the configuration.

use cardea_sdk::Subject;
use serde_json::Value;

use crate::config::Mapping;

impl Mapping {
    /// Who the claims are about. `tenant` is the one the configuration fixes; the error is for the operator.
    pub(crate) fn subject(&self, issuer: &str, tenant: &str, claims: &Value) -> Result<Subject, String> {
        let id = text(first(claims, &self.id)).ok_or("no claim gives its owner's name")?;
        let client = text(first(claims, &self.client)).unwrap_or_default();
        // Who acts for itself is its own client (RFC 9068 section 2.2).
        let kind = if client == id { "service" } else { "user" };
        let tenant = match &self.tenant[..] {
            _ if !tenant.is_empty() => tenant.to_owned(),
            [] => String::new(),
            // To be of no tenant would be to be of the default one.
            pointers => text(first(claims, pointers)).ok_or("no claim gives its owner's tenant")?,
        };
        let seconds = claims.get("exp").and_then(Value::as_f64);
        Ok(Subject {
            tenant,
            client,
            credential_id: text(claims.get("jti")).unwrap_or_default(),
            roles: texts(first(claims, &self.roles)),
            groups: texts(first(claims, &self.groups)),
            scopes: words(first(claims, &self.scopes)),
            actor_json: claims.get("act").filter(|actor| actor.is_object()).map(Value::to_string),
            claims_json: Some(claims.to_string()),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the gateway has checked it")]
            expires_ms: seconds.map(|seconds| (seconds * 1000.0) as u64),
            ..Subject::new(issuer, id, kind)
        })
    }
}

/// The texts of a list; a text alone is a list of one.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// The same, where a text has blanks between its words (RFC 6749 section 3.3).
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        other => texts(other),
    }
}

fn first<'c>(claims: &'c Value, pointers: &[String]) -> Option<&'c Value> {
    pointers.iter().find_map(|pointer| claims.pointer(pointer))
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}
