//! `/healthz`, `/readyz` and `/whoami`.

use std::fmt;
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

type Note = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Whether a service is ready for work: what `/readyz` tells. Clones share one answer.
#[derive(Clone)]
pub struct Readiness {
    ready: Arc<AtomicBool>,
    note: Option<Note>,
}

impl Readiness {
    /// Ready from the start.
    pub fn ready() -> Self {
        Self {
            ready: Arc::new(AtomicBool::new(true)),
            note: None,
        }
    }

    /// Not ready until [`Readiness::set`] says so.
    pub fn pending() -> Self {
        Self {
            ready: Arc::new(AtomicBool::new(false)),
            note: None,
        }
    }

    /// What else there is to tell, asked for at each answer: why it is not ready yet, or what is wrong although it is.
    #[must_use]
    pub fn note(mut self, note: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.note = Some(Arc::new(note));
        self
    }

    /// Changes the answer for every clone.
    pub fn set(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// The answer now.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Readiness").field(&self.is_ready()).finish()
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

/// `ready` is the first line; a note is the second.
async fn ready(State(readiness): State<Readiness>) -> Result<String, Problem> {
    let note = readiness.note.as_ref().and_then(|note| note());
    if readiness.is_ready() {
        Ok(note.map_or("ready".to_owned(), |note| format!("ready\n{note}\n")))
    } else {
        let detail = note.map_or("not ready yet".to_owned(), |note| format!("not ready yet: {note}"));
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail(detail))
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
