//! The description of a request.

use std::collections::BTreeMap;
use std::pin::Pin;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, Request};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use meshkat_kit::{Connection, Ends, Head, Identity, Problem, is_grpc, joined};
use serde::Serialize;
use tonic::Status;

use crate::websocket;

/// How much of a request's body is echoed, in bytes.
const BODY_SHOWN: usize = 64 * 1024;

/// What reached the backend.
#[derive(Debug, Serialize)]
pub(crate) struct Echo {
    #[serde(flatten)]
    head: Head,
    /// Decoded; the values of a repeated name are joined by `, `.
    query_params: BTreeMap<String, String>,
    #[serde(flatten)]
    ends: Ends,
    instance: String,
    /// The first 64 KiB, as text; what is no UTF-8 shows as U+FFFD.
    body: String,
    /// The length of the whole body.
    body_bytes: u64,
    body_truncated: bool,
}

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The handler that answers any request with its [`Echo`], and what begins a WebSocket by echoing its messages.
pub(crate) fn handler(identity: &Identity) -> impl Fn(Connection, Request) -> Answer + Clone + Send + Sync + 'static {
    let instance = identity.instance().to_owned();
    move |connection, request| {
        let instance = instance.clone();
        Box::pin(async move {
            if is_grpc(request.headers()) {
                return Status::unimplemented("there is no such gRPC service").into_http::<Body>();
            }
            if websocket::is_asked_for(&request) {
                return websocket::answer(connection, request).await.into_response();
            }
            echo(instance, &connection, request).await.map(Json).into_response()
        })
    }
}

async fn echo(instance: String, connection: &Connection, request: Request) -> Result<Echo, Problem> {
    let (parts, body) = request.into_parts();
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|error| Problem::bad_request(error.body_text()))?;
    let shown = read(body).await?;
    Ok(Echo {
        head: Head::of(&parts),
        query_params: joined(pairs.0),
        ends: connection.ends(),
        instance,
        body: String::from_utf8_lossy(&shown.kept).into_owned(),
        body_bytes: shown.length,
        body_truncated: shown.length > shown.kept.len() as u64,
    })
}

struct Shown {
    kept: Vec<u8>,
    length: u64,
}

/// Reads a body to its end and keeps its beginning.
async fn read(body: Body) -> Result<Shown, Problem> {
    let mut stream = body.into_data_stream();
    let mut shown = Shown {
        kept: Vec::new(),
        length: 0,
    };
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
        let room = BODY_SHOWN - shown.kept.len();
        shown.kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        shown.length += chunk.len() as u64;
    }
    Ok(shown)
}
