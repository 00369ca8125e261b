//! Failing on purpose: `/faults`, and what it makes of the service's own routes.

mod current;
mod inject;
mod spec;

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use crate::guard::Guard;
use crate::json::JsonBody;
use crate::problem::{Problem, unknown_method};

pub(crate) use current::Faults;
pub(crate) use inject::inject;
pub use spec::{Fault, FaultError, FaultSpec};

/// `/faults`, which is not there for requests that came through an Envoy, and is changed by those alone who may.
pub(crate) fn routes(faults: Faults, guard: &Guard) -> Router {
    let routes = Router::new()
        .route("/faults", get(show).put(put).delete(clear))
        .with_state(faults)
        .method_not_allowed_fallback(unknown_method);
    guard.private(routes)
}

async fn show(State(faults): State<Faults>) -> Json<Value> {
    Json(faults.current().map_or_else(|| json!({}), |fault| json!(*fault)))
}

async fn put(State(faults): State<Faults>, JsonBody(spec): JsonBody<FaultSpec>) -> Result<Json<Fault>, Problem> {
    let fault = Fault::try_from(spec).map_err(|error| Problem::bad_request(error.to_string()))?;
    tracing::info!(?fault, "failing on purpose from now on");
    faults.replace(Some(Arc::new(fault.clone())));
    Ok(Json(fault))
}

async fn clear(State(faults): State<Faults>) -> StatusCode {
    faults.replace(None);
    StatusCode::NO_CONTENT
}
