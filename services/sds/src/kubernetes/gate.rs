//! Nothing is answered from a source that has not told anything yet.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use meshkat_kit::Problem;
use tokio::sync::watch;

use super::status::Status;

/// What is answered from the source.
const ANSWERED: [&str; 5] = ["/edsservice", "/v1/", "/v2/", "/v3/", "/envoy.service."];

/// Closed until everything was listed once.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    status: Arc<Status>,
    /// True once the service is to stop.
    stop: watch::Receiver<bool>,
}

impl Gate {
    pub(crate) fn new(status: Arc<Status>, stop: watch::Receiver<bool>) -> Self {
        Self { status, stop }
    }
}

/// Before there is anything to answer from, a service that is not known yet must not be taken for one that is not there: a
/// poll is refused, so that the Envoy polls again, and a gRPC stream waits, so that it is answered as soon as can be.
pub(crate) async fn pass(State(mut gate): State<Gate>, request: Request, next: Next) -> Response {
    let mut synced = gate.status.synced();
    let path = request.uri().path();
    if *synced.borrow() || !ANSWERED.iter().any(|start| path.starts_with(start)) {
        return next.run(request).await;
    }
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        let opened = async { synced.wait_for(|synced| *synced).await.is_ok() };
        let stopped = async { drop(gate.stop.wait_for(|stop| *stop).await) };
        let opened = tokio::select! {
            opened = opened => opened,
            () = stopped => false,
        };
        if opened {
            return next.run(request).await;
        }
    }
    let note = gate.status.note().unwrap_or_default();
    Problem::new(StatusCode::SERVICE_UNAVAILABLE)
        .detail(format!("not ready yet: {note}"))
        .into_response()
}
