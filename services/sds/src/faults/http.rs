//! `/xds/v3/faults`: what is to go wrong.

use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use meshkat_kit::{Guard, JsonBody, Problem};
use serde_json::{Value, json};

use super::spec::FaultSpec;
use super::{Fault, Faults};

/// The routes; none if faults are not allowed.
pub(crate) fn routes(faults: &Faults, guard: &Guard) -> Router {
    if !faults.0.allowed {
        return Router::new();
    }
    Router::new()
        .route("/xds/v3/faults", get(show).put(put).delete(end))
        .with_state(faults.clone())
        .route_layer(from_fn_with_state(guard.clone(), Guard::protect))
}

async fn show(State(faults): State<Faults>) -> Json<Value> {
    Json(faults.fault().map_or_else(|| json!({}), |fault| json!(*fault)))
}

async fn put(State(faults): State<Faults>, JsonBody(spec): JsonBody<FaultSpec>) -> Result<Json<Fault>, Problem> {
    let fault = Fault::try_from(spec).map_err(|error| Problem::bad_request(error.to_string()))?;
    tracing::info!(?fault, "discovery fails on purpose from now on");
    faults.replace(Some(fault.clone()));
    Ok(Json(fault))
}

async fn end(State(faults): State<Faults>) -> StatusCode {
    if faults.fault().is_some() {
        tracing::info!("discovery does not fail on purpose any more");
        faults.replace(None);
    }
    StatusCode::NO_CONTENT
}
