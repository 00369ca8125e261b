//! What those who run the service may see and change.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use meshkat_kit::{JsonBody, Problem, in_turn};
use serde_json::Value;

use crate::limits::Limits;
use crate::rules::Domain;

pub(crate) fn routes(limits: &Limits) -> Router {
    Router::new()
        .route("/rules", get(rules).put(replace_rules).delete(forget_rules))
        .route("/counters", get(counters).delete(forget_counters))
        .with_state(limits.clone())
}

async fn rules(State(limits): State<Limits>) -> Json<Value> {
    Json(limits.rules())
}

async fn replace_rules(
    State(limits): State<Limits>,
    JsonBody(domain): JsonBody<Domain>,
) -> Result<Json<Domain>, Problem> {
    limits.replace(domain.clone())?;
    Ok(Json(domain))
}

async fn forget_rules(State(limits): State<Limits>) -> StatusCode {
    limits.forget_rules();
    StatusCode::NO_CONTENT
}

async fn counters(State(limits): State<Limits>) -> Response {
    // Here already it becomes text.
    in_turn(|| Json(limits.counters()).into_response()).await
}

async fn forget_counters(State(limits): State<Limits>) -> StatusCode {
    limits.forget_counters();
    StatusCode::NO_CONTENT
}
