//! What gRPC services of others' make need to be served safely.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version, header};
use http_body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::server::NamedService;
use tower::Service;

use crate::budget::{Budget, Share};
use crate::problem::Problem;

/// The longest gRPC message that a service takes, in bytes, unless it says otherwise: gRPC's own limit.
pub const GRPC_MESSAGE_LIMIT: usize = 4 << 20;

/// How many bytes of messages that have not ended are kept, of all streams together.
static UNFINISHED: Budget = Budget::new(16 << 20);

/// Whether a message is compressed, and its length in four bytes.
const PREFIX: usize = 5;

/// Serves a gRPC service beside other routes. What clients leave unfinished is held to a budget; how long a message may be is the service's
/// own limit.
pub fn grpc_service<S>(router: Router, service: S) -> Router
where
    S: NamedService + Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    let routes = Router::new().route_service(&format!("/{}/{{method}}", S::NAME), service);
    router.merge(routes.layer(from_fn(hold_to_budget)))
}

/// Whether a request or an answer is gRPC.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"application/grpc") && !kind.starts_with(b"application/grpc-web")
    })
}

/// Refuses gRPC over HTTP/1: there it has no place to tell how a call ended. Servers of gRPC's own make take HTTP/2 alone, and an Envoy
/// that asks one over HTTP/1.1 would learn here that all is well.
pub(crate) async fn refuse_http1(request: Request, next: Next) -> Response {
    if request.version() < Version::HTTP_2 && is_grpc(request.headers()) {
        return too_old(request.version());
    }
    next.run(request).await
}

/// What grpc-go answers where it shares a port with other requests.
fn too_old(version: Version) -> Response {
    let detail = format!(
        "gRPC is spoken over HTTP/2, and this came over {version:?}; an Envoy's cluster speaks HTTP/2 with `http2_protocol_options: {{}}`"
    );
    Problem::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
        .detail(detail)
        .into_response()
}

async fn hold_to_budget(request: Request, next: Next) -> Response {
    // Whatever it says that it is: nothing else is spoken here.
    if request.version() < Version::HTTP_2 {
        return too_old(request.version());
    }
    next.run(request.map(|body| Body::new(Messages::new(body, &UNFINISHED))))
        .await
}

/// The body of a call, whose reader keeps what has come of a message until it is whole.
struct Messages {
    body: Body,
    share: Share,
    /// Whoever sends nothing more learns of it, too.
    lost: Pin<Box<WaitForCancellationFutureOwned>>,
    frame: Frames,
}

impl Messages {
    fn new(body: Body, budget: &'static Budget) -> Self {
        let lost = CancellationToken::new();
        Self {
            body,
            share: budget.join(lost.clone()),
            lost: Box::pin(lost.cancelled_owned()),
            frame: Frames::default(),
        }
    }
}

/// Where in its messages a body is.
#[derive(Debug, Default)]
struct Frames {
    /// What has come of the prefix of a message.
    prefix: Vec<u8>,
    /// What is to come of its bytes.
    left: usize,
    /// What has come of it.
    unfinished: usize,
}

impl Frames {
    /// Reads on, and gives how many bytes of a message that is not whole have come.
    fn read(&mut self, mut bytes: &[u8]) -> usize {
        while !bytes.is_empty() {
            if self.left == 0 {
                let (taken, rest) = bytes.split_at(bytes.len().min(PREFIX - self.prefix.len()));
                self.prefix.extend_from_slice(taken);
                bytes = rest;
                if let [_, a, b, c, d] = self.prefix[..] {
                    self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.prefix.clear();
                }
                self.unfinished = 0;
            } else {
                let taken = bytes.len().min(self.left);
                self.left -= taken;
                self.unfinished = if self.left == 0 { 0 } else { self.unfinished + taken };
                bytes = &bytes[taken..];
            }
        }
        self.unfinished
    }
}

/// There was no room for a message.
#[derive(Debug, thiserror::Error)]
#[error("the message was given up: too many others were being sent")]
struct GivenUp;

impl HttpBody for Messages {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.lost.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(axum::Error::new(GivenUp))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let unfinished = self.frame.read(data);
            self.share.hold(unfinished);
            if self.share.is_lost() {
                return Poll::Ready(Some(Err(axum::Error::new(GivenUp))));
            }
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

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    /// The beginning of a message of 1000 bytes, of which so many come, and then nothing.
    fn unfinished(bytes: usize, budget: &'static Budget) -> Body {
        let mut begun = vec![0, 0, 0, 3, 0xe8];
        begun.resize(PREFIX + bytes, 0);
        let begun = futures::stream::once(async move { Ok::<_, Infallible>(begun) });
        Body::new(Messages::new(
            Body::from_stream(begun.chain(futures::stream::pending())),
            budget,
        ))
    }

    #[tokio::test]
    async fn where_messages_take_all_that_there_is_the_first_one_is_given_up() {
        static BUDGET: Budget = Budget::new(150);
        let mut first = unfinished(100, &BUDGET).into_data_stream();
        first.next().await.unwrap().unwrap();
        assert_eq!(BUDGET.held(), 100);
        let mut second = unfinished(60, &BUDGET).into_data_stream();
        second.next().await.unwrap().unwrap();
        assert_eq!(BUDGET.held(), 60);
        first.next().await.unwrap().unwrap_err();
        drop((first, second));
        assert_eq!(BUDGET.held(), 0);
    }

    #[test]
    fn what_has_come_of_a_message_is_counted_until_it_is_whole() {
        let mut bytes = vec![0, 0, 0, 0, 3];
        bytes.extend_from_slice(b"abc");
        bytes.extend_from_slice(&[0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[1, 0, 0, 1, 0]);
        bytes.extend_from_slice(&[b' '; 255]);
        for piece in [1, 2, 5, 7, bytes.len()] {
            let mut frames = Frames::default();
            let mut most = 0;
            let mut last = 0;
            for piece in bytes.chunks(piece) {
                last = frames.read(piece);
                most = most.max(last);
            }
            assert_eq!((last, most), (255, 255), "{piece}");
            assert_eq!(frames.read(b" "), 0);
        }
    }

    #[test]
    fn what_is_grpc_says_so() {
        let headers = |kind: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
        assert!(is_grpc(&headers("application/grpc")) && is_grpc(&headers("application/grpc+proto")));
        assert!(!is_grpc(&headers("application/grpc-web+proto")) && !is_grpc(&headers("application/json")));
    }
}
