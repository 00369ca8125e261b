//! The layer that does what the `x-echo-` headers of a request ask for.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header;
use http::uri::Authority;
use meshkat_kit::{Connection, is_grpc};
use tonic::Status;

use crate::directives::Directives;
use crate::grpc::Deadline;

/// Waits, cuts the connection, or changes the answer.
pub(crate) async fn steer(connection: Connection, mut request: Request, next: Next) -> Response {
    let is_grpc = is_grpc(request.headers());
    let directives = match Directives::try_from(request.headers()) {
        Ok(directives) => Arc::new(directives),
        Err(problem) if is_grpc => return Status::invalid_argument(problem.told()).into_http::<Body>(),
        Err(problem) => return problem.into_response(),
    };
    let deadline = is_grpc.then(|| Deadline::of(request.headers())).flatten();
    if let Some(delay) = directives.delay {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            status = Deadline::passed(deadline) => return status.into_http::<Body>(),
        }
    }
    if directives.abort {
        match connection.cut().await {}
    }
    let version = request.version();
    if is_grpc {
        for_calls(&mut request, &directives, deadline);
    }
    let mut response = next.run(request).await;
    if let Some(status) = directives.status {
        *response.status_mut() = status;
    }
    directives.shape.clone().apply(response, &connection, version)
}

/// What a call needs to know of its request.
fn for_calls(request: &mut Request, directives: &Arc<Directives>, deadline: Option<Deadline>) {
    let host = request.headers().get(header::HOST);
    let authority = request.uri().authority().cloned();
    let authority = authority.or_else(|| Authority::try_from(host?.as_bytes()).ok());
    let extensions = request.extensions_mut();
    extensions.insert(Arc::clone(directives));
    if let Some(authority) = authority {
        extensions.insert(authority);
    }
    if let Some(deadline) = deadline {
        extensions.insert(deadline);
    }
}
