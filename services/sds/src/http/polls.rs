//! `/v2/discovery:endpoints` and `/v3/discovery:…`: what an Envoy with REST discovery polls.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{StatusCode, header};
use meshkat_kit::{JsonBody, Problem};

use super::Context;
use crate::clients::{NodeName, Poll};
use crate::discovery::{self, Api, DiscoveryRequest};
use crate::metrics::Surface;
use crate::resources::Kind;

pub(super) fn v2() -> Router<Context> {
    Router::new().route(
        "/v2/discovery:endpoints",
        post(|State(context), JsonBody(request)| async move { answer_v2(&context, &request) }),
    )
}

pub(super) fn v3() -> Router<Context> {
    Kind::ALL.into_iter().fold(Router::new(), |routes, kind| {
        routes.route(
            &format!("/v3/discovery:{}", kind.plural()),
            post(move |State(context), JsonBody(request)| async move { answer_v3(&context, kind, request) }),
        )
    })
}

/// Always a whole 200, never a 304: only a 200 tells an Envoy that its endpoints are not stale.
fn answer_v2(context: &Context, request: &DiscoveryRequest) -> Result<Response, Problem> {
    check_type(Api::V2.endpoint_type(), request)?;
    let services = context.registry.asked(&request.resource_names);
    let response = discovery::endpoints(Api::V2, &services).map_err(unwritable)?;
    let body = serde_json::to_vec(&response).map_err(unwritable)?;
    let (count, version) = (response.resources.len(), &response.version_info);
    Ok(answer(context, Surface::V2, request, count, version, body))
}

/// The same for any type, from the cache.
fn answer_v3(context: &Context, kind: Kind, request: DiscoveryRequest) -> Result<Response, Problem> {
    check_type(kind.type_url(), &request)?;
    let world = context.registry.resources().world();
    let view = world.view(&request.node.cluster);
    let response = discovery::resources(kind, &request, view).map_err(unwritable)?;
    let body = serde_json::to_vec(&response).map_err(unwritable)?;
    let (count, version) = (response.resources.len(), &response.version_info);
    let answer = answer(context, Surface::V3, &request, count, version, body);
    context.clients.polled(Poll {
        node: NodeName {
            id: request.node.id,
            cluster: request.node.cluster,
        },
        kind,
        names: request.resource_names,
        has: request.version_info,
        sent: response.version,
        error: request.error_detail.map(|error| (error.code, error.message)),
    });
    Ok(answer)
}

fn check_type(kind: &str, request: &DiscoveryRequest) -> Result<(), Problem> {
    if !request.type_url.is_empty() && request.type_url != kind {
        return Err(Problem::bad_request(format!(
            "type_url: {kind} is found here, not {:?}",
            request.type_url
        )));
    }
    Ok(())
}

fn unwritable(error: serde_json::Error) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail(error.to_string())
}

fn answer(
    context: &Context,
    surface: Surface,
    request: &DiscoveryRequest,
    count: usize,
    version: &str,
    body: Vec<u8>,
) -> Response {
    let unchanged = version == request.version_info;
    context.metrics.discovery(surface, count, unchanged);
    tracing::debug!(
        node = request.node.id,
        cluster = request.node.cluster,
        asked = ?request.resource_names,
        version,
        unchanged,
        "resources sent"
    );
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
