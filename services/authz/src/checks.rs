//! What was asked and decided, and the rules: what those who run the service may see and change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use meshkat_kit::{JsonBody, Log, Problem, in_turn, json_length};
use serde::Serialize;

use crate::rules::{Asked, Decision, Rules};

/// How many checks are kept, and of how many bytes together, as they are told.
const MOST: usize = 1000;
const MOST_BYTES: usize = 4 << 20;
/// What an entry takes beside what is told of it, about.
const ENTRY: usize = 256;

/// The rules in force and what was asked. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Checks(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    rules: Arc<Rules>,
    log: Log<Check>,
}

/// How an Envoy asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

#[derive(Debug, Serialize)]
struct Check {
    protocol: Protocol,
    #[serde(flatten)]
    asked: Asked,
    allowed: bool,
    rule: Option<usize>,
}

impl Default for Checks {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            rules: Arc::default(),
            log: Log::new(MOST, MOST_BYTES),
        })))
    }
}

impl Checks {
    /// Decides, and notes it.
    pub(crate) fn decide(&self, protocol: Protocol, asked: Asked) -> Decision {
        let rules = Arc::clone(&self.lock().rules);
        let decision = rules.decide(&asked);
        let check = Check {
            protocol,
            asked,
            allowed: decision.allow,
            rule: decision.rule,
        };
        let bytes = ENTRY + json_length(&check);
        self.lock().log.push(check, bytes);
        decision
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Changed in single steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /rules`.
pub(crate) async fn rules(State(checks): State<Checks>) -> Json<Rules> {
    Json((*checks.lock().rules).clone())
}

/// `PUT /rules`.
pub(crate) async fn replace_rules(
    State(checks): State<Checks>,
    JsonBody(rules): JsonBody<Rules>,
) -> Result<Json<Rules>, Problem> {
    rules.check()?;
    checks.lock().rules = Arc::new(rules.clone());
    Ok(Json(rules))
}

/// `DELETE /rules`: those of the beginning are in force again.
pub(crate) async fn forget_rules(State(checks): State<Checks>) -> StatusCode {
    checks.lock().rules = Arc::default();
    StatusCode::NO_CONTENT
}

/// `GET /checks`.
pub(crate) async fn show(State(checks): State<Checks>) -> Response {
    in_turn(|| {
        let inner = checks.lock();
        inner.log.told("checks", inner.log.iter())
    })
    .await
}

/// `DELETE /checks`.
pub(crate) async fn forget(State(checks): State<Checks>) -> StatusCode {
    checks.lock().log.clear();
    StatusCode::NO_CONTENT
}
