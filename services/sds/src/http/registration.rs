//! `/v1/registration/{service}`: what an Envoy with API version 1 (REST_LEGACY) polls.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use meshkat_kit::Problem;

use super::{Context, edsservice};
use crate::host::Service;
use crate::name::ServiceName;

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/v1/registration/{service}", get(hosts))
}

/// The registry's own shape is that of API version 1, with every tag there.
async fn hosts(State(context): State<Context>, name: ServiceName) -> Result<Json<Arc<Service>>, Problem> {
    edsservice::find(&context, &name).map(Json)
}
