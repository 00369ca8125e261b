//! `/v2/discovery:endpoints` and `/v3/discovery:endpoints`: what an Envoy with REST discovery polls.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{StatusCode, header};
use meshkat_kit::{JsonBody, Problem};

use super::Context;
use crate::discovery::{self, Api, DiscoveryRequest};
use crate::metrics::Surface;

pub(super) fn v2() -> Router<Context> {
    Router::new().route(
        "/v2/discovery:endpoints",
        post(|State(context), JsonBody(request)| async move { answer(&context, Api::V2, Surface::V2, &request) }),
    )
}

pub(super) fn v3() -> Router<Context> {
    Router::new().route(
        "/v3/discovery:endpoints",
        post(|State(context), JsonBody(request)| async move { answer(&context, Api::V3, Surface::V3, &request) }),
    )
}

/// Always a whole 200, never a 304: only a 200 tells an Envoy that its endpoints are not stale.
fn answer(context: &Context, api: Api, surface: Surface, request: &DiscoveryRequest) -> Result<Response, Problem> {
    let kind = api.endpoint_type();
    if !request.type_url.is_empty() && request.type_url != kind {
        return Err(Problem::bad_request(format!(
            "type_url: {kind} is found here, not {:?}",
            request.type_url
        )));
    }
    let snapshot = context.registry.snapshot();
    let unwritable =
        |error: serde_json::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail(error.to_string());
    let response = discovery::endpoints(api, request, &snapshot).map_err(unwritable)?;
    let body = serde_json::to_vec(&response).map_err(unwritable)?;
    let unchanged = response.version_info == request.version_info;
    context.metrics.discovery(surface, response.resources.len(), unchanged);
    tracing::debug!(
        node = request.node.id,
        cluster = request.node.cluster,
        asked = ?request.resource_names,
        version = response.version_info,
        unchanged,
        "endpoints sent"
    );
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
