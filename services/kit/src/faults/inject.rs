//! The layer that makes requests fail.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use super::current::Faults;
use crate::connection::Connection;
use crate::problem::Problem;

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
    match fault.status() {
        Some(status) => failure(status),
        None => next.run(request).await,
    }
}

fn failure(status: StatusCode) -> Response {
    // These three have no body, whatever else they are.
    if [
        StatusCode::NO_CONTENT,
        StatusCode::RESET_CONTENT,
        StatusCode::NOT_MODIFIED,
    ]
    .contains(&status)
    {
        return status.into_response();
    }
    Problem::new(status)
        .detail("failed on purpose, as PUT /faults asked")
        .into_response()
}
