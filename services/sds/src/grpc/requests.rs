//! The requests of a call, as gRPC frames them.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Buf as _, BufMut as _, BytesMut};
use http::Request;
use meshkat_kit::{Budget, Connection, Kept, Share};
use prost::Message;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

/// The longest message that a client may send, in bytes. An Envoy that comes back tells the version of every resource
/// that it has. Twice what all names of a stream may have, and twice what gRPC's own servers take by default (4 MiB).
const LONGEST: usize = 8 << 20;

/// How long a message may take, from its first byte to its last.
const MESSAGE_TIME: Duration = Duration::from_secs(30);

/// How many bytes of messages that have not ended are kept, of all streams together.
static UNFINISHED: Budget = Budget::new(9 << 20);

/// Whether a message is compressed, and its length in four bytes.
pub(super) const HEADER: usize = 5;

/// A call that has begun.
pub(crate) struct Call<R> {
    /// The connection that it came on.
    pub(crate) connection: Option<Connection>,
    pub(crate) requests: Requests<R>,
}

impl<R> Call<R> {
    /// # Errors
    /// It is compressed, which nobody need be able to read.
    pub(crate) fn of(request: Request<Body>) -> Result<Self, Status> {
        let encoding = request.headers().get("grpc-encoding");
        if let Some(encoding) = encoding.filter(|encoding| *encoding != "identity") {
            let mut status = Status::unimplemented(format!("grpc-encoding: {encoding:?} is not supported"));
            status.metadata_mut().insert(
                "grpc-accept-encoding",
                tonic::metadata::MetadataValue::from_static("identity"),
            );
            return Err(status);
        }
        Ok(Self {
            connection: request.extensions().get::<Connection>().cloned(),
            requests: Requests::new(request.into_body()),
        })
    }
}

/// The requests of a call. Nothing is kept of one that has been read.
pub(crate) struct Requests<R> {
    body: Body,
    /// What has come and has not been read.
    buffer: Kept,
    /// What that takes of the memory for all, and when it has to be whole.
    unfinished: Option<(Share, Instant)>,
    /// How long one may take.
    time: Duration,
    /// What all that are like it may hold.
    budget: &'static Budget,
    request: PhantomData<fn() -> R>,
}

impl<R> Requests<R> {
    fn new(body: Body) -> Self {
        Self {
            body,
            buffer: Kept::default(),
            unfinished: None,
            time: MESSAGE_TIME,
            budget: &UNFINISHED,
            request: PhantomData,
        }
    }
}

impl<R: Message + Default> Requests<R> {
    /// The next request; `None` once there will be no more. Nothing is lost if it is dropped before it resolves.
    ///
    /// # Errors
    /// What comes is no request, or takes too long, or the client is gone. There is nothing to be read after it.
    pub(crate) async fn message(&mut self) -> Result<Option<R>, Status> {
        loop {
            if let Some(request) = self.take()? {
                return Ok(Some(request));
            }
            self.note_unfinished();
            let body = &mut self.body;
            let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
            let frame = match &self.unfinished {
                None => frame.await,
                Some((share, until)) => tokio::select! {
                    biased;
                    () = share.lost() => return Err(given_up()),
                    frame = frame => frame,
                    () = sleep_until(*until) => {
                        let time = self.time.as_secs();
                        return Err(Status::deadline_exceeded(format!("a request has to be whole within {time} s")));
                    }
                },
            };
            match frame {
                // Trailers say nothing that is needed.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.bytes().put(data);
                    }
                }
                Some(Err(error)) => return Err(Status::cancelled(error.to_string())),
                None if self.buffer.bytes().is_empty() => return Ok(None),
                None => return Err(Status::internal("the call ended in the middle of a request")),
            }
        }
    }

    /// A request that has begun is held to its time, and to the memory for all.
    fn note_unfinished(&mut self) {
        let length = self.buffer.bytes().len();
        // One that is lost was emptied, and stays lost.
        if length == 0 && !self.is_lost() {
            self.unfinished = None;
            return;
        }
        let begin = || (self.budget.join_with(&self.buffer), Instant::now() + self.time);
        let (share, _) = self.unfinished.get_or_insert_with(begin);
        share.hold(length);
    }

    fn is_lost(&self) -> bool {
        self.unfinished.as_ref().is_some_and(|(share, _)| share.is_lost())
    }

    /// The first request of those that have come, if it is there as a whole.
    fn take(&mut self) -> Result<Option<R>, Status> {
        let Some(message) = self.split_off()? else {
            return Ok(None);
        };
        // The next one has its own time. Its share is given back here and not before: nobody gives one back while he has what is
        // kept, which whoever makes him lose it waits for.
        self.unfinished = None;
        let request = R::decode(message);
        request.map(Some).map_err(|error| Status::internal(error.to_string()))
    }

    /// The bytes of the first request, if they are there.
    fn split_off(&self) -> Result<Option<BytesMut>, Status> {
        let mut buffer = self.buffer.bytes();
        // A share is lost before what it kept is emptied, so what is there now is whole.
        if self.is_lost() {
            return Err(given_up());
        }
        let Some(mut header) = buffer.get(..HEADER) else {
            return Ok(None);
        };
        if header.get_u8() != 0 {
            return Err(Status::internal(
                "a request is compressed, and grpc-encoding does not say so",
            ));
        }
        let length = header.get_u32() as usize;
        if length > LONGEST {
            return Err(Status::out_of_range(format!(
                "a request has {length} bytes; {LONGEST} are the most"
            )));
        }
        if buffer.len() < HEADER + length {
            return Ok(None);
        }
        buffer.advance(HEADER);
        let message = buffer.split_to(length);
        if buffer.is_empty() {
            // It still has room for as much as it once held.
            *buffer = BytesMut::new();
        }
        Ok(Some(message))
    }
}

fn given_up() -> Status {
    Status::resource_exhausted("the request was given up: too many others were being sent")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use envoy_types::pb::envoy::service::discovery::v3::DiscoveryRequest;
    use futures::StreamExt as _;
    use tonic::Code;

    use super::*;

    fn request(version: &str) -> DiscoveryRequest {
        DiscoveryRequest {
            version_info: version.to_owned(),
            ..Default::default()
        }
    }

    fn framed(request: &DiscoveryRequest) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.put_u32(request.encoded_len().try_into().unwrap());
        request.encode(&mut bytes).unwrap();
        bytes
    }

    /// A body that comes in pieces of so many bytes.
    fn requests(bytes: &[u8], piece: usize) -> Requests<DiscoveryRequest> {
        let pieces: Vec<_> = bytes
            .chunks(piece)
            .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
            .collect();
        Requests::new(Body::from_stream(futures::stream::iter(pieces)))
    }

    #[tokio::test]
    async fn requests_are_the_same_however_they_are_cut_into_pieces() {
        let all = [request("1"), request(""), request(&"2".repeat(70_000)), request("3")];
        let bytes: Vec<u8> = all.iter().flat_map(framed).collect();
        for piece in [1, 4, 5, 6, 16_384, bytes.len()] {
            let mut requests = requests(&bytes, piece);
            for expected in &all {
                assert_eq!(requests.message().await.unwrap().as_ref(), Some(expected));
            }
            assert_eq!(requests.message().await.unwrap(), None);
            assert_eq!(requests.buffer.bytes().capacity(), 0);
        }
    }

    #[tokio::test]
    async fn what_is_no_request_is_an_error() {
        let whole = framed(&request("1"));
        for (bytes, code) in [
            (&whole[..whole.len() - 1], Code::Internal),
            (&whole[..3], Code::Internal),
            (&[1, 0, 0, 0, 0], Code::Internal),
            (&[0, 0, 0, 0, 1, 0xff], Code::Internal),
            (&[0, 0xff, 0, 0, 0], Code::OutOfRange),
        ] {
            let error = requests(bytes, 2).message().await.unwrap_err();
            assert_eq!(error.code(), code, "{bytes:?}: {error}");
        }
    }

    /// A request that begins, and has so many bytes, and goes on for ever.
    fn unfinished(bytes: usize) -> Requests<DiscoveryRequest> {
        let mut begun = vec![0];
        begun.put_u32(u32::try_from(LONGEST).unwrap());
        begun.resize(HEADER + bytes, 0);
        let begun = futures::stream::once(async move { Ok::<_, Infallible>(begun) });
        Requests::new(Body::from_stream(begun.chain(futures::stream::pending())))
    }

    #[tokio::test]
    async fn a_request_that_is_not_whole_in_time_is_given_up() {
        let mut requests = unfinished(3);
        requests.time = Duration::from_millis(10);
        let error = requests.message().await.unwrap_err();
        assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
    }

    #[tokio::test]
    async fn where_requests_take_all_that_there_is_the_first_one_is_given_up() {
        static BUDGET: Budget = Budget::new(150);
        let mut first = unfinished(95);
        first.budget = &BUDGET;
        let first = tokio::spawn(async move { first.message().await });
        while BUDGET.held() < 100 {
            tokio::task::yield_now().await;
        }
        let whole = framed(&request(&"x".repeat(100)));
        let mut second = requests(&whole, 60);
        second.budget = &BUDGET;
        assert!(second.message().await.unwrap().is_some());
        let error = first.await.unwrap().unwrap_err();
        assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
        assert_eq!(BUDGET.held(), 0);
    }

    /// Two that take what there is from one another, over and over, while what they wait for becomes whole. On two threads.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_loses_what_he_has_in_the_moment_in_which_it_is_whole_is_told_so() {
        static BUDGET: Budget = Budget::new(150);
        let whole = framed(&request(&"x".repeat(100)));
        let one = || {
            let whole = whole.clone();
            async move {
                let mut seen = [0, 0];
                for _ in 0..2000 {
                    let mut requests = requests(&whole, 30);
                    requests.budget = &BUDGET;
                    match requests.message().await {
                        Ok(Some(_)) => seen[0] += 1,
                        Ok(None) => panic!("a request was lost without a word"),
                        Err(status) => {
                            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                            seen[1] += 1;
                        }
                    }
                }
                seen
            }
        };
        let (one, other) = tokio::join!(tokio::spawn(one()), tokio::spawn(one()));
        assert_eq!(one.unwrap().iter().chain(&other.unwrap()).sum::<u32>(), 4000);
        assert_eq!(BUDGET.held(), 0);
    }

    #[test]
    fn a_compressed_call_is_told_what_it_may_be() {
        let call = |encoding: &str| {
            let request = Request::builder().header("grpc-encoding", encoding).body(Body::empty());
            Call::<DiscoveryRequest>::of(request.unwrap())
        };
        assert!(call("identity").is_ok());
        let status = call("gzip").err().unwrap();
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(status.metadata().get("grpc-accept-encoding").unwrap(), "identity");
    }
}
