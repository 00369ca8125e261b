//! The layer that notes each request and as much of its body as is read.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, header};
use http_body::{Frame, SizeHint};
use hyper::ext::Protocol as Extended;

use super::head::Head;
use super::{Noted, Protocol, Received};
use crate::connection::Connection;

/// Notes a request. What it speaks after its head can be [added][Noted::add] by whoever finds the [`Noted`] in its extensions.
pub(crate) async fn note(
    State(received): State<Received>,
    connection: Connection,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let noted = received.begin(protocol(&parts), Some(Head::of(&parts)), connection.ends());
    parts.extensions.insert(noted.clone());
    let body = Body::new(Read { body, noted });
    next.run(Request::from_parts(parts, body)).await
}

fn protocol(parts: &Parts) -> Protocol {
    let header = |name| parts.headers.get(name).map_or(&b""[..], |value| value.as_bytes());
    let kind = header(header::CONTENT_TYPE);
    let extended = parts.extensions.get::<Extended>().map(Extended::as_str);
    if kind.starts_with(b"application/grpc-web") {
        Protocol::GrpcWeb
    } else if kind.starts_with(b"application/grpc") {
        Protocol::Grpc
    } else if header(header::UPGRADE).eq_ignore_ascii_case(b"websocket")
        || (parts.method == Method::CONNECT && extended == Some("websocket"))
    {
        Protocol::Websocket
    } else {
        Protocol::Http
    }
}

/// A body that is noted as it is read.
struct Read {
    body: Body,
    noted: Noted,
}

impl HttpBody for Read {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.noted.add(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
