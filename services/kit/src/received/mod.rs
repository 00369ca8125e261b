//! What reached a service: `GET /received`, and the layer that notes it.
//!
//! It is noted before a fault strikes, as what was asked for is not what was answered.

mod head;
mod note;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde::{Serialize, Serializer};

use crate::connection::Ends;
use crate::guard::Guard;
use crate::keep::{Log, in_turn, json_length};
use crate::problem::unknown_method;

pub use head::{Head, joined};
pub(crate) use note::note;

/// How many requests are kept.
const MOST: usize = 1000;
/// How many bytes all of them have together, as they are told.
const MOST_BYTES: usize = 4 << 20;
/// How many bytes are kept of a body.
const BODY_KEPT: usize = 16 << 10;
/// What an entry takes beside what is told of it, about.
const ENTRY: usize = 256;

/// What reached a service since it began, or since it was told to forget. Clones share it.
#[derive(Debug, Clone)]
pub struct Received(Arc<Mutex<Log<Reached>>>);

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Protocol {
    Http,
    Grpc,
    GrpcWeb,
    Websocket,
    Tcp,
}

/// A request, or a TCP connection.
#[derive(Debug, Serialize)]
struct Reached {
    #[serde(serialize_with = "rfc3339")]
    at: SystemTime,
    protocol: Protocol,
    #[serde(flatten)]
    head: Option<Head>,
    #[serde(flatten)]
    ends: Ends,
    /// The first 16 KiB of what was sent and read.
    #[serde(serialize_with = "text")]
    body: Vec<u8>,
    body_bytes: u64,
    body_truncated: bool,
}

/// Something that was noted and may go on.
#[derive(Debug, Clone)]
pub struct Noted {
    received: Received,
    number: u64,
}

impl Default for Received {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Log::new(MOST, MOST_BYTES))))
    }
}

impl Received {
    /// A TCP connection without a protocol that is known.
    pub fn connection(&self, peer: SocketAddr) -> Noted {
        self.begin(Protocol::Tcp, None, Ends::of(peer, None))
    }

    fn begin(&self, protocol: Protocol, head: Option<Head>, ends: Ends) -> Noted {
        let reached = Reached {
            at: SystemTime::now(),
            protocol,
            head,
            ends,
            body: Vec::new(),
            body_bytes: 0,
            body_truncated: false,
        };
        let bytes = ENTRY + json_length(&reached);
        let number = self.lock().push(reached, bytes);
        Noted {
            received: self.clone(),
            number,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Log<Reached>> {
        // Changed in steps that leave it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// These bytes have come as well.
    pub fn add(&self, bytes: &[u8]) {
        let mut log = self.received.lock();
        let Some(reached) = log.grow(self.number, 0) else {
            return;
        };
        reached.body_bytes += bytes.len() as u64;
        let kept = &bytes[..bytes.len().min(BODY_KEPT - reached.body.len())];
        reached.body_truncated |= kept.len() < bytes.len();
        if !kept.is_empty()
            && let Some(reached) = log.grow(self.number, json_length(&String::from_utf8_lossy(kept)))
        {
            reached.body.extend_from_slice(kept);
        }
    }
}

/// `/received`, for those who run the service.
pub(crate) fn routes(received: Received, guard: &Guard) -> Router {
    let routes = Router::new()
        .route("/received", get(show).delete(forget))
        .with_state(received)
        .method_not_allowed_fallback(unknown_method);
    guard.private(routes)
}

async fn show(State(received): State<Received>) -> Response {
    in_turn(|| {
        let log = received.lock();
        log.told("requests", log.iter())
    })
    .await
}

async fn forget(State(received): State<Received>) -> StatusCode {
    received.lock().clear();
    StatusCode::NO_CONTENT
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(*time))
}

fn text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}
