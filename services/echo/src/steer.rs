//! The layer that does what the `x-echo-` headers of a request ask for.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use meshkat_kit::{Connection, Problem};

use crate::directives::Directives;

/// Waits, cuts the connection, or changes the status and headers of the answer.
pub(crate) async fn steer(connection: Connection, request: Request, next: Next) -> Result<Response, Problem> {
    let directives = Directives::try_from(request.headers())?;
    if let Some(delay) = directives.delay {
        tokio::time::sleep(delay).await;
    }
    if directives.abort {
        match connection.cut().await {}
    }
    let mut response = next.run(request).await;
    if let Some(status) = directives.status {
        *response.status_mut() = status;
        // These three have no body, whatever the request was.
        if [
            StatusCode::NO_CONTENT,
            StatusCode::RESET_CONTENT,
            StatusCode::NOT_MODIFIED,
        ]
        .contains(&status)
        {
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(http::header::CONTENT_LENGTH);
            response.headers_mut().remove(http::header::CONTENT_TYPE);
        }
    }
    // A name that is given several times is set several times; one that the answer had is replaced.
    for (name, _) in &directives.headers {
        response.headers_mut().remove(name);
    }
    for (name, value) in directives.headers {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}
