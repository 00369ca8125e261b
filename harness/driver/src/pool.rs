//! The connections of a client: made when they are needed, and used again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    body::{Body as _, Incoming},
    client::conn::TrySendError,
};
use meshkat_model::{
    observation::{Exchange, HttpVersion},
    scenario::value::Protocol,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    connection::{Connection, Http1, Http2, Made},
    lost::Lost,
    peer::Peer,
    streams::Streams,
};

/// An idle connection that is older is not used again: one that the other side closes in the same moment would look like a failed
/// request.
const IDLE: Duration = Duration::from_secs(20);

/// Idle connections to one peer; more are closed.
const MOST_IDLE: usize = 1000;

/// Connections to any peers.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    idle: Arc<Mutex<HashMap<Peer, VecDeque<Http1>>>>,
    streams: Streams,
    /// How many there may be at the same time, and that each of them is used in turn; none where it does not matter.
    slots: Option<Arc<Semaphore>>,
}

/// What is sent over a connection.
pub(crate) struct Message {
    /// Where to.
    pub(crate) peer: Peer,
    /// In HTTP/1.1; none where it is never spoken with the peer.
    pub(crate) http1: Option<Http1Message>,
    /// In HTTP/2; none where it is never spoken with the peer.
    pub(crate) http2: Option<http::Request<Full<Bytes>>>,
    /// Whether a connection is used that was used before.
    pub(crate) is_fresh: bool,
    /// How long the connection may take to be ready for the next one.
    pub(crate) timeout: Duration,
}

/// A request in HTTP/1.1.
pub(crate) struct Http1Message {
    /// The head, as it goes over the wire.
    pub(crate) head: Bytes,
    /// The same request for the library, which frames the body and reads the answer.
    pub(crate) request: http::Request<Full<Bytes>>,
    /// Whether the connection is in step afterwards.
    pub(crate) is_in_step: bool,
}

/// An answer, and what it came over.
struct Answered {
    response: http::Response<Incoming>,
    exchange: Exchange,
    over: Over,
}

/// What an answer comes over, held until it is read.
enum Over {
    Http1(Http1, Option<OwnedSemaphorePermit>),
    Http2(Arc<Http2>),
}

impl Over {
    fn made(&self) -> &Made {
        match self {
            Self::Http1(connection, _) => &connection.made,
            Self::Http2(connection) => &connection.made,
        }
    }
}

impl Pool {
    /// Connections that all share, as many as are needed at the same time; of those that have streams, one to each peer.
    pub(crate) fn shared() -> Self {
        Self {
            idle: Arc::default(),
            streams: Streams::new(1),
            slots: None,
        }
    }

    /// So many connections, used in turn; who finds all of them in use waits, but for those that have streams.
    pub(crate) fn of(number: usize) -> Self {
        Self {
            idle: Arc::default(),
            streams: Streams::new(number),
            slots: Some(Arc::new(Semaphore::new(number))),
        }
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Peer, VecDeque<Http1>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends over a connection that is there, or over a new one, and reads the answer with `read`.
    ///
    /// # Errors
    /// Those of `read`, and that there is no connection, or that it broke.
    pub(crate) async fn send<T, E: From<Lost>>(
        &self,
        mut message: Message,
        read: impl AsyncFnOnce(http::Response<Incoming>, Exchange) -> Result<T, E>,
    ) -> Result<T, E> {
        let begun = Instant::now();
        let (keep, has_body) = message.http1.as_ref().map_or((false, false), |http1| {
            let has_body = !http1.request.body().is_end_stream();
            (!message.is_fresh && http1.is_in_step, has_body)
        });
        let mut answered = self.ask(&mut message).await?;
        answered.exchange.version = match answered.response.version() {
            http::Version::HTTP_2 => HttpVersion::Http2,
            http::Version::HTTP_10 => HttpVersion::Http10,
            _ => HttpVersion::Http11,
        };
        answered.exchange.first_byte = begun.elapsed();
        let is_http = answered.response.status() != http::StatusCode::SWITCHING_PROTOCOLS;
        let answer = read(answered.response, answered.exchange).await?;
        if let (true, Over::Http1(connection, slot)) = (keep && is_http, answered.over) {
            let given_back = self.clone().give_back(message.peer, connection, slot);
            if has_body {
                // The answer may have come before the whole body was sent. Who asked does not wait for the rest.
                tokio::spawn(tokio::time::timeout(message.timeout, given_back));
            } else {
                given_back.await;
            }
        }
        Ok(answer)
    }

    /// Sends, and waits for the head of the answer.
    async fn ask(&self, message: &mut Message) -> Result<Answered, Lost> {
        let mut queued = Duration::ZERO;
        loop {
            let over = self.acquire(message, &mut queued).await?;
            let (sent, over, is_used) = match over {
                Over::Http1(mut connection, slot) => {
                    let Some(http1) = message.http1.take() else {
                        return Err(Lost::not_prepared());
                    };
                    connection.head.set(http1.head.clone());
                    let sent = connection.sender.try_send_request(http1.request).await;
                    let is_used = connection.is_used;
                    let sent = sent.map_err(|error| {
                        unsent(error, |request| {
                            message.http1 = Some(Http1Message { request, ..http1 });
                        })
                    });
                    (sent, Over::Http1(connection, slot), is_used)
                }
                Over::Http2(connection) => {
                    let Some(request) = message.http2.take() else {
                        return Err(Lost::not_prepared());
                    };
                    let is_used = connection.is_used();
                    let sent = connection.sender.clone().try_send_request(request).await;
                    let sent = sent.map_err(|error| unsent(error, |request| message.http2 = Some(request)));
                    (sent, Over::Http2(connection), is_used)
                }
            };
            match sent {
                Ok(response) => {
                    return Ok(Answered {
                        response,
                        exchange: Exchange {
                            queued,
                            ..over.made().exchange(!is_used)
                        },
                        over,
                    });
                }
                // The other side had closed it while it was idle: nothing of the request was sent.
                Err((_, true)) if is_used => {
                    if let Over::Http2(connection) = &over {
                        self.streams.forget(&message.peer, connection);
                    }
                }
                Err((error, _)) => {
                    let ended = over.made().end.get().cloned().zip(message.peer.tls.clone());
                    return Err(match ended {
                        Some((end, tls)) => Lost::Ended(end, tls),
                        None => Lost::broke(error),
                    });
                }
            }
        }
    }

    /// A connection to send over: one that is there, or a new one. Adds how long it was waited for one that others use.
    async fn acquire(&self, message: &Message, queued: &mut Duration) -> Result<Over, Lost> {
        let peer = &message.peer;
        if peer.protocol != Some(Protocol::Http1) {
            let found = match message.is_fresh {
                true => Some(Connection::open(peer).await?),
                false => self.streams.connection(peer).await?,
            };
            match found {
                Some(Connection::Http2(connection)) => return Ok(Over::Http2(connection)),
                Some(Connection::Http1(connection)) => return Ok(Over::Http1(connection, self.slot(queued).await)),
                // It is known that the peer chooses HTTP/1.1.
                None => {}
            }
        }
        let slot = self.slot(queued).await;
        if let Some(connection) = self.take(peer).await {
            return Ok(Over::Http1(connection, slot));
        }
        match Connection::open(peer).await? {
            Connection::Http1(connection) => Ok(Over::Http1(connection, slot)),
            Connection::Http2(connection) => {
                self.streams.keep(peer, &connection).await;
                Ok(Over::Http2(connection))
            }
        }
    }

    /// The right to use a connection that one request at a time uses.
    async fn slot(&self, queued: &mut Duration) -> Option<OwnedSemaphorePermit> {
        let slots = Arc::clone(self.slots.as_ref()?);
        let begun = Instant::now();
        // Never closed.
        let slot = slots.acquire_owned().await.ok();
        *queued += begun.elapsed();
        slot
    }

    /// A connection that nobody uses, and that is still open.
    async fn take(&self, peer: &Peer) -> Option<Http1> {
        loop {
            let mut connection = {
                let mut all = self.idle();
                let idle = all.get_mut(peer)?;
                match &self.slots {
                    // A new one as long as there may be more; then the one that waits the longest.
                    Some(slots) if idle.len() <= slots.available_permits() => return None,
                    Some(_) => idle.pop_front()?,
                    // The one that was used last: the others become too old if they are too many.
                    None => idle.pop_back()?,
                }
            };
            let is_fresh = connection.since.elapsed() < IDLE;
            if is_fresh && connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection once it is ready for the next request; `slot` is free from then on. One that is closed is not kept.
    async fn give_back(self, peer: Peer, mut connection: Http1, slot: Option<OwnedSemaphorePermit>) {
        if connection.sender.ready().await.is_err() {
            return;
        }
        connection.is_used = true;
        connection.since = Instant::now();
        let mut all = self.idle();
        let idle = all.entry(peer).or_default();
        if idle.len() < MOST_IDLE {
            idle.push_back(connection);
        }
        // Whoever waits for it finds the connection.
        drop(all);
        drop(slot);
    }
}

/// What went wrong, and whether nothing was sent; then the request is given back.
fn unsent<T>(mut error: TrySendError<T>, give_back: impl FnOnce(T)) -> (hyper::Error, bool) {
    let unsent = error.take_message();
    let is_unsent = unsent.is_some();
    if let Some(request) = unsent {
        give_back(request);
    }
    (error.into_error(), is_unsent)
}
