//! `/v2/discovery:endpoints` and `/v3/discovery:…`: what an Envoy with REST discovery polls.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{StatusCode, header};
use meshkat_kit::{Connection, JsonBody, Problem};
use serde::Serialize;
use serde_json::Value;

use super::Context;
use crate::clients::{NodeName, Poll, Said};
use crate::discovery::{self, DiscoveryRequest};
use crate::faults::{Admitted, Content, NO_JSON};
use crate::metrics::Surface;
use crate::protocol::MOST_NAMES;
use crate::resources::Kind;
use crate::transport::Transport;

pub(super) fn v2() -> Router<Context> {
    Router::new().route(
        "/v2/discovery:endpoints",
        post(|State(context), connection, JsonBody(request)| async move {
            answer_v2(&context, &connection, &request).await
        }),
    )
}

pub(super) fn v3(kinds: impl IntoIterator<Item = Kind>) -> Router<Context> {
    kinds.into_iter().fold(Router::new(), |routes, kind| {
        routes.route(
            &format!("/v3/discovery:{}", kind.plural()),
            post(move |State(context), connection, JsonBody(request)| async move {
                answer_v3(&context, &connection, kind, request).await
            }),
        )
    })
}

/// Always a whole 200, never a 304: only a 200 tells an Envoy that its endpoints are not stale.
async fn answer_v2(
    context: &Context,
    connection: &Connection,
    request: &DiscoveryRequest,
) -> Result<Response, Problem> {
    check_type(discovery::V2_ENDPOINTS, request)?;
    let admitted = admit(context, connection, request).await?;
    let response = discovery::endpoints_v2(request, &context.store.world()).map_err(unwritable)?;
    let (count, version) = (response.resources.len(), &response.version_info);
    count_answer(context, Surface::V2, request, count, version);
    let Some(content) = admitted.content() else {
        return body(Some(&response));
    };
    let told = content.of_v2(serde_json::to_value(&response).map_err(unwritable)?);
    body(told.map(|told| with_own_version(told, content)).as_ref())
}

/// The same for any type, from the store.
async fn answer_v3(
    context: &Context,
    connection: &Connection,
    kind: Kind,
    request: DiscoveryRequest,
) -> Result<Response, Problem> {
    check_type(kind.type_url(), &request)?;
    let admitted = admit(context, connection, &request).await?;
    let seen = admitted.look(context.store.world());
    let view = seen.view(&request.node.cluster);
    let response = discovery::resources(kind, &request, view).map_err(unwritable)?;
    let (count, version) = (response.resources.len(), &response.version_info);
    count_answer(context, Surface::V3, &request, count, version);
    let answer = match seen.content() {
        Some(Content::Garbage) => body(None::<&()>),
        _ => body(Some(&response)),
    }?;
    let said = context.clients.polled(Poll {
        node: node(&request),
        kind,
        names: request.resource_names,
        has: request.version_info,
        sent: response.version,
        error: request.error_detail.map(|error| (error.code, error.message)),
    });
    let streams = context.metrics.streams();
    match said {
        Said::Taken => {
            connection.prove();
            streams.ack(Transport::Rest, Some(kind), None);
        }
        Said::Refused => streams.nack(Transport::Rest, Some(kind)),
        Said::Nothing => {}
    }
    Ok(answer)
}

fn node(request: &DiscoveryRequest) -> NodeName {
    NodeName::new(&request.node.id, &request.node.cluster)
}

async fn admit(context: &Context, connection: &Connection, request: &DiscoveryRequest) -> Result<Admitted, Problem> {
    if request.resource_names.len() > MOST_NAMES {
        return Err(Problem::bad_request(format!(
            "resource_names: a poll may ask for {MOST_NAMES} names, and no more"
        )));
    }
    let admitted = context.faults.admit(Some(node(request)), connection, Transport::Rest);
    Ok(admitted.await?)
}

/// What is not the truth is not to have its version either.
fn with_own_version(mut told: Value, content: Content) -> Value {
    let version = format!("{content:?}-{}", told["version_info"].as_str().unwrap_or_default());
    told["version_info"] = version.to_lowercase().into();
    told
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

pub(super) fn unwritable(error: serde_json::Error) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail(error.to_string())
}

/// An answer that is this as JSON, or none at all.
pub(super) fn body<T: Serialize>(told: Option<&T>) -> Result<Response, Problem> {
    let bytes = match told {
        Some(told) => serde_json::to_vec(told).map_err(unwritable)?,
        None => NO_JSON.into(),
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

fn count_answer(context: &Context, surface: Surface, request: &DiscoveryRequest, count: usize, version: &str) {
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
}
