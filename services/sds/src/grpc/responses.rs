//! The responses of a call, as gRPC frames them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::Stream;
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use prost::Message;
use tonic::Status;

use super::requests::HEADER;

/// What is said in a call.
pub(super) type Responses<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;

/// A call that is answered with these. The next is asked for when the connection has room for it.
pub(super) fn answer<R: Message + 'static>(responses: Responses<R>) -> Response {
    let mut response = Response::new(Body::new(Framed(Some(responses))));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// `None` once the status was told.
struct Framed<R>(Option<Responses<R>>);

impl<R: Message> HttpBody for Framed<R> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(responses) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let status = match ready!(responses.as_mut().poll_next(context)) {
            Some(Ok(response)) => match framed(&response) {
                Ok(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Err(status) => status,
            },
            Some(Err(status)) => status,
            None => Status::ok(""),
        };
        self.0 = None;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(
            status.add_header(&mut trailers).map(|()| Frame::trailers(trailers)),
        ))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

/// In memory of its own, which is given back once it is sent.
fn framed(response: &impl Message) -> Result<Bytes, Status> {
    let length = response.encoded_len();
    let told = u32::try_from(length)
        .map_err(|_| Status::resource_exhausted(format!("a response has {length} bytes, more than gRPC can send")))?;
    let mut bytes = BytesMut::with_capacity(HEADER + length);
    bytes.put_u8(0);
    bytes.put_u32(told);
    response
        .encode(&mut bytes)
        .map_err(|error| Status::internal(error.to_string()))?;
    Ok(bytes.freeze())
}
