//! Failing on purpose: `/faults`, and what it makes of the service's own routes.

mod current;
mod inject;
mod spec;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::guard::{Guard, came_through_envoy};
use crate::json::JsonBody;
use crate::problem::{Problem, unknown_method, unknown_path};

pub(crate) use current::Faults;
pub(crate) use inject::inject;
pub use spec::{Fault, FaultError, FaultSpec};

/// `/faults`, which is not there for requests that came through an Envoy, and is changed by those alone who may.
pub(crate) fn routes(faults: Faults, guard: &Guard) -> Router {
    Router::new()
        .route("/faults", get(show).put(put).delete(clear))
        .with_state(faults)
        .method_not_allowed_fallback(unknown_method)
        .layer(from_fn_with_state(guard.clone(), Guard::protect))
        .layer(from_fn(hide_from_envoy))
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

async fn hide_from_envoy(uri: Uri, request: Request, next: Next) -> Response {
    if came_through_envoy(request.headers()) {
        return unknown_path(uri).await.into_response();
    }
    next.run(request).await
}
