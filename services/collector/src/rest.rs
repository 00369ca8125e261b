//! What those who run the service may see: what came.

use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use meshkat_kit::Log;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::collected::{Collected, Kept};

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
    shown(&collected.lock().spans, "spans", &which)
}

async fn logs(State(collected): State<Collected>, Query(which): Query<Which>) -> Response {
    shown(&collected.lock().logs, "logs", &which)
}

fn shown(log: &Log<Kept>, name: &str, which: &Which) -> Response {
    let is = |asked: &Option<String>, has: &String| asked.as_ref().is_none_or(|asked| asked == has);
    let all = log
        .iter()
        .filter(|kept| is(&which.service, &kept.service) && is(&which.trace_id, &kept.trace_id));
    log.told(name, all.map(|kept| &kept.text))
}

async fn metrics(State(collected): State<Collected>, Query(Named { name }): Query<Named>) -> Json<Value> {
    let inner = collected.lock();
    Json(json!({
        "count": inner.metrics.count(),
        "left_out": inner.metrics.left_out(),
        "metrics": inner.metrics.shown(&name).collect::<Vec<_>>(),
    }))
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
