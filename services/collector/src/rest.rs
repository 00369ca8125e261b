//! What those who run the service may see: what came.

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use meshkat_kit::{Log, in_turn};
use serde::{Deserialize, Serialize};

use crate::collected::{Collected, Kept};
use crate::metrics::Shown;

/// Which of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    service: Option<String>,
    trace_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    /// What the name begins with.
    #[serde(default)]
    name: String,
}

pub(crate) fn routes(collected: &Collected) -> Router {
    Router::new()
        .route("/traces", get(traces).delete(forget_traces))
        .route("/logs", get(logs).delete(forget_logs))
        .route("/metrics", get(metrics).delete(forget_metrics))
        .with_state(collected.clone())
}

async fn traces(State(collected): State<Collected>, Query(which): Query<Which>) -> Response {
    in_turn(|| shown(&collected.lock().spans, "spans", &which)).await
}

async fn logs(State(collected): State<Collected>, Query(which): Query<Which>) -> Response {
    in_turn(|| shown(&collected.lock().logs, "logs", &which)).await
}

fn shown(log: &Log<Kept>, name: &str, which: &Which) -> Response {
    let is = |asked: &Option<String>, has: &String| asked.as_ref().is_none_or(|asked| asked == has);
    let all = log
        .iter()
        .filter(|kept| is(&which.service, &kept.service) && is(&which.trace_id, &kept.trace_id));
    log.told(name, all.map(|kept| &kept.text))
}

/// What is known of statistics, as it is told.
#[derive(Serialize)]
struct Statistics<'a> {
    count: u64,
    left_out: u64,
    metrics: Vec<Shown<'a>>,
}

async fn metrics(State(collected): State<Collected>, Query(Named { name }): Query<Named>) -> Response {
    in_turn(|| {
        let inner = collected.lock();
        Json(Statistics {
            count: inner.metrics.count(),
            left_out: inner.metrics.left_out(),
            metrics: inner.metrics.shown(&name).collect(),
        })
        .into_response()
    })
    .await
}

async fn forget_traces(State(collected): State<Collected>) -> StatusCode {
    collected.lock().spans.clear();
    StatusCode::NO_CONTENT
}

async fn forget_logs(State(collected): State<Collected>) -> StatusCode {
    collected.lock().logs.clear();
    StatusCode::NO_CONTENT
}

async fn forget_metrics(State(collected): State<Collected>) -> StatusCode {
    collected.lock().metrics.clear();
    StatusCode::NO_CONTENT
}
