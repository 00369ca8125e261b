//! The layer that makes requests fail.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use super::current::Faults;
use crate::connection::Connection;
use crate::problem::Problem;
use crate::shape::has_no_body;

/// Does to a request what the fault in force says, or nothing.
pub(crate) async fn inject(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let Some(fault) = faults
        .current()
        .filter(|fault| fault.strikes(request.uri().path(), fastrand::f64()))
    else {
        return next.run(request).await;
    };
    if let Some(delay) = fault.delay() {
        tokio::time::sleep(delay).await;
    }
    if fault.abort()
        && let Some(connection) = request.extensions().get::<Connection>()
    {
        match connection.cut().await {}
    }
    let version = request.version();
    let connection = request.extensions().get::<Connection>().cloned();
    let response = match fault.status() {
        Some(status) => failure(status),
        None => next.run(request).await,
    };
    match connection {
        Some(connection) if !fault.shape().is_nothing() => fault.shape().clone().apply(response, &connection, version),
        _ => response,
    }
}

fn failure(status: StatusCode) -> Response {
    if has_no_body(status) {
        return status.into_response();
    }
    Problem::new(status)
        .detail("failed on purpose, as PUT /faults asked")
        .into_response()
}
