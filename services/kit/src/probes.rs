//! `/healthz`, `/readyz` and `/whoami`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::identity::Identity;
use crate::problem::Problem;

/// Whether a service is ready for work: what `/readyz` tells. Clones share one answer.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Ready from the start.
    pub fn ready() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Not ready until [`Readiness::set`] says so.
    pub fn pending() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// Changes the answer for every clone.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// The answer now.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The three routes; `listen` is the address that the service listens on.
pub(crate) fn routes(identity: Identity, readiness: Readiness, listen: SocketAddr) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready).with_state(readiness))
        .route(
            "/whoami",
            get(move |connection| async move { whoami(&identity, listen, &connection) }),
        )
}

async fn ready(State(readiness): State<Readiness>) -> Result<&'static str, Problem> {
    if readiness.is_ready() {
        Ok("ready")
    } else {
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail("not ready yet"))
    }
}

fn whoami(identity: &Identity, listen: SocketAddr, connection: &Connection) -> Json<Value> {
    let peer = connection.peer();
    Json(json!({
        "service": identity.service(),
        "instance": identity.instance(),
        "pid": std::process::id(),
        "listen": listen.to_string(),
        "peer": {"address": peer.ip().to_string(), "port": peer.port()},
    }))
}
