//! The paths by which an operator changes generations: `/v1/generations`, `/v1/shadow`, `/v1/reload`, `/v1/rollback`.

use std::time::Duration;

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;
use tokio::time::timeout;

use crate::guard::Guard;
use crate::route::{Page, json_page, not_allowed, problem, unauthorized};
use crate::{Operator, Ran};

/// How long a run is waited for. Compiling a plugin can take longer; whoever asked then looks for its number among the runs.
const PATIENCE: Duration = Duration::from_secs(2);

enum Wish {
    Generations,
    Shadows,
    Reload,
    RollBack,
}

/// Answers a request that was admitted, if its path is one of these.
pub(crate) async fn answer(head: &Parts, guard: &Guard, operator: &dyn Operator) -> Option<Page> {
    let (method, wish) = match head.uri.path() {
        "/v1/generations" => (Method::GET, Wish::Generations),
        "/v1/shadow" => (Method::GET, Wish::Shadows),
        "/v1/reload" => (Method::POST, Wish::Reload),
        "/v1/rollback" => (Method::POST, Wish::RollBack),
        _ => return None,
    };
    if head.method != method {
        return Some(not_allowed(&method));
    }
    if !guard.trusts(&head.headers) {
        return Some(unauthorized());
    }
    Some(match wish {
        Wish::Generations => json_page(StatusCode::OK, &operator.generations()),
        Wish::Shadows => json_page(StatusCode::OK, &operator.shadows()),
        Wish::Reload => told(operator.reload()).await,
        Wish::RollBack => told(operator.roll_back()).await,
    })
}

/// How a run ended, if it ends soon: 200 if what was asked for serves, 409 if it cannot.
async fn told(Ran { id, ended }: Ran) -> Page {
    match timeout(PATIENCE, ended).await {
        Ok(Some(run)) => {
            let refused = matches!(run["outcome"].as_str(), Some("refused" | "abandoned"));
            json_page(if refused { StatusCode::CONFLICT } else { StatusCode::OK }, &run)
        }
        Ok(None) => problem(StatusCode::SERVICE_UNAVAILABLE, "the gateway is stopping"),
        Err(_) => json_page(StatusCode::ACCEPTED, &json!({ "id": id, "outcome": "running" })),
    }
}
