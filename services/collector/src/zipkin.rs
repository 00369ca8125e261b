//! Spans as Zipkin has them, version 2, as JSON.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::post;
use http::{StatusCode, header};
use meshkat_kit::{Problem, read_body};
use serde::Deserialize;
use serde_json::Value;

use crate::bounds::{Entries, check_json, told};
use crate::collected::{Collected, Source, Span};

/// The longest body, in bytes.
pub(crate) const BODY_LIMIT: usize = 4 << 20;

pub(crate) fn routes(collected: &Collected) -> Router {
    Router::new()
        .route("/api/v2/spans", post(spans))
        .with_state(collected.clone())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    trace_id: String,
    id: String,
    #[serde(default)]
    parent_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    timestamp: u64,
    #[serde(default)]
    duration: u64,
    #[serde(default)]
    local_endpoint: Endpoint,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    #[serde(default)]
    service_name: String,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    value: String,
}

async fn spans(State(collected): State<Collected>, request: Request) -> Result<StatusCode, Problem> {
    if let Some(kind) = request.headers().get(header::CONTENT_TYPE)
        && !kind.as_bytes().starts_with(b"application/json")
    {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("spans are taken as application/json: `collector_endpoint_version: HTTP_JSON` of an Envoy"));
    }
    let body = read_body(request.into_body(), BODY_LIMIT).await?;
    check_json(&body).map_err(|told| Problem::new(StatusCode::PAYLOAD_TOO_LARGE).detail(told))?;
    let spans: Vec<Wire> = serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let mut entries = Entries::default();
    for span in spans {
        entries.step().await;
        // As long as it is told, it is as long as it may be.
        if entries.admit(0) {
            collected.span(Span::from(span));
        }
    }
    let passed_over = entries.passed_over();
    if passed_over > 0 {
        tracing::warn!("spans: {}", told(passed_over));
        collected.lock().spans.pass_over(passed_over);
    }
    Ok(StatusCode::ACCEPTED)
}

impl From<Wire> for Span {
    fn from(wire: Wire) -> Self {
        Self {
            source: Source::Zipkin,
            service: wire.local_endpoint.service_name,
            trace_id: wire.trace_id,
            span_id: wire.id,
            parent_id: wire.parent_id,
            name: wire.name,
            kind: wire.kind.unwrap_or_else(|| "INTERNAL".to_owned()),
            start_us: wire.timestamp,
            duration_us: wire.duration,
            error: wire.tags.contains_key("error"),
            attributes: wire
                .tags
                .into_iter()
                .map(|(name, value)| (name, Value::String(value)))
                .collect(),
            events: wire
                .annotations
                .into_iter()
                .map(|annotation| annotation.value)
                .collect(),
        }
    }
}
