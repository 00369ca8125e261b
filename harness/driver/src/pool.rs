//! The connections of a client: made when they are needed, and used again.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};

use crate::verbatim::{NextHead, Verbatim};

/// An idle connection that is older is not used again: one that the other side closes in the same moment would look like a failed
/// request.
const IDLE: Duration = Duration::from_secs(20);

/// Idle connections to one address; more are closed.
const MOST_IDLE: usize = 1000;

/// Connections to any addresses.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    idle: Arc<Mutex<HashMap<SocketAddr, VecDeque<Connection>>>>,
    /// How many there may be at the same time, and that each of them is used in turn; none where it does not matter.
    slots: Option<Arc<Semaphore>>,
}

/// A connection that sends one request after the other. Closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    head: NextHead,
    task: AbortHandle,
    since: Instant,
    /// Whether it has sent a request before.
    is_used: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why no answer came over a connection.
#[derive(Debug)]
pub(crate) enum Lost {
    /// There is no connection.
    NotConnected(io::Error),
    /// It broke.
    Broke(hyper::Error),
}

/// What is sent over a connection.
pub(crate) struct Message {
    /// Where to.
    pub(crate) to: SocketAddr,
    /// The head, as it goes over the wire.
    pub(crate) head: Bytes,
    /// The same request for the library, which frames the body and reads the answer.
    pub(crate) request: http::Request<Full<Bytes>>,
    /// Whether the connection is used again.
    pub(crate) keep: bool,
    /// How long the connection may take to be ready for the next one.
    pub(crate) timeout: Duration,
}

impl Pool {
    /// Connections that all share, as many as are needed at the same time.
    pub(crate) fn shared() -> Self {
        Self {
            idle: Arc::default(),
            slots: None,
        }
    }

    /// So many connections, used in turn; who finds all of them in use waits.
    pub(crate) fn of(number: usize) -> Self {
        Self {
            idle: Arc::default(),
            slots: Some(Arc::new(Semaphore::new(number))),
        }
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<SocketAddr, VecDeque<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends over a connection that is there, or over a new one, and reads the answer with `read`.
    ///
    /// # Errors
    /// Those of `read`, and that there is no connection, or that it broke.
    pub(crate) async fn send<T, E: From<Lost>>(
        &self,
        message: Message,
        read: impl AsyncFnOnce(http::Response<Incoming>) -> Result<T, E>,
    ) -> Result<T, E> {
        let slot = match &self.slots {
            // Never closed.
            Some(slots) => Arc::clone(slots).acquire_owned().await.ok(),
            None => None,
        };
        let mut request = message.request;
        let has_body = !request.body().is_end_stream();
        let (response, connection) = loop {
            let mut connection = match self.take(message.to).await {
                Some(connection) => connection,
                None => Connection::open(message.to).await?,
            };
            connection.head.set(message.head.clone());
            match connection.sender.try_send_request(request).await {
                Ok(response) => break (response, connection),
                Err(mut error) => match error.take_message() {
                    // The other side had closed it while it was idle: nothing of the request was sent.
                    Some(unsent) if connection.is_used => request = unsent,
                    _ => return Err(Lost::Broke(error.into_error()).into()),
                },
            }
        };
        let is_http = response.status() != http::StatusCode::SWITCHING_PROTOCOLS;
        let answer = read(response).await?;
        if message.keep && is_http {
            let given_back = self.clone().give_back(message.to, connection, slot);
            if has_body {
                // The answer may have come before the whole body was sent. Who asked does not wait for the rest.
                tokio::spawn(tokio::time::timeout(message.timeout, given_back));
            } else {
                given_back.await;
            }
        }
        Ok(answer)
    }

    /// A connection that nobody uses, and that is still open.
    async fn take(&self, to: SocketAddr) -> Option<Connection> {
        loop {
            let mut connection = {
                let mut all = self.idle();
                let idle = all.get_mut(&to)?;
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
    async fn give_back(self, to: SocketAddr, mut connection: Connection, slot: Option<OwnedSemaphorePermit>) {
        if connection.sender.ready().await.is_err() {
            return;
        }
        connection.is_used = true;
        connection.since = Instant::now();
        let mut all = self.idle();
        let idle = all.entry(to).or_default();
        if idle.len() < MOST_IDLE {
            idle.push_back(connection);
        }
        // Whoever waits for it finds the connection.
        drop(all);
        drop(slot);
    }
}

impl Connection {
    async fn open(to: SocketAddr) -> Result<Self, Lost> {
        let stream = TcpStream::connect(to).await.map_err(Lost::NotConnected)?;
        stream.set_nodelay(true).map_err(Lost::NotConnected)?;
        let (stream, head) = Verbatim::new(stream);
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Lost::Broke)?;
        // How it ends is told to whoever waits for an answer.
        let task = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Self {
            sender,
            head,
            task,
            since: Instant::now(),
            is_used: false,
        })
    }
}
