//! ext_authz over HTTP: the request itself, without its body, below a path of its own.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use meshkat_kit::Head;

use crate::checks::{Checks, Protocol};
use crate::rules::{Asked, Decision};

/// What an Envoy's `path_prefix` has to be: other paths are the service's own.
const PREFIX: &str = "/check";

/// What tells an Envoy which headers it is to take away.
const REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// Where Envoys ask.
pub(crate) fn routes(checks: &Checks) -> Router {
    Router::new()
        .route(PREFIX, any(check))
        .route(&format!("{PREFIX}/"), any(check))
        .route(&format!("{PREFIX}/{{*path}}"), any(check))
        .with_state(checks.clone())
}

async fn check(State(checks): State<Checks>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let head = Head::of(&parts);
    let asked = Asked {
        method: head.method,
        host: head.host,
        path,
        headers: head.headers,
    };
    answer(checks.decide(Protocol::Http, asked))
}

fn answer(decision: Decision) -> Response {
    let status = if decision.allow {
        StatusCode::OK
    } else {
        StatusCode::from_u16(decision.status).unwrap_or(StatusCode::FORBIDDEN)
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &decision.set {
        // They were checked when the rules were given.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&decision.remove.join(","))
        && !decision.remove.is_empty()
    {
        headers.insert(REMOVE, value);
    }
    (status, headers, decision.body).into_response()
}
