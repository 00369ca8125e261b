//! Connections: how they are made.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use meshkat_model::{
    observation::{Exchange, TlsSession},
    scenario::value::Protocol,
};
use tokio::task::AbortHandle;

use crate::{
    client::LONGEST_HEADERS,
    dial::{Dialled, dial},
    lost::Lost,
    peer::Peer,
    stream::TlsEnd,
    verbatim::{NextHead, Verbatim},
};

/// Headers of an answer over HTTP/2 that are longer are given up by the library. Longer than those that are bearable, which are
/// told as such.
const LONGEST_HEADER_LIST: u32 = 4 * LONGEST_HEADERS as u32;

/// What is known of a connection, which is closed when this is dropped.
#[derive(Debug)]
pub(crate) struct Made {
    tls: Option<Arc<TlsSession>>,
    /// How it ended, if TLS ended it.
    pub(crate) end: TlsEnd,
    connect: Duration,
    handshake: Option<Duration>,
    /// What drives it.
    task: AbortHandle,
}

impl Drop for Made {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection that sends one request after the other.
#[derive(Debug)]
pub(crate) struct Http1 {
    pub(crate) sender: http1::SendRequest<Full<Bytes>>,
    pub(crate) head: NextHead,
    pub(crate) made: Made,
    pub(crate) since: Instant,
    /// Whether it has sent a request before.
    pub(crate) is_used: bool,
}

/// A connection of streams: many requests at the same time.
#[derive(Debug)]
pub(crate) struct Http2 {
    pub(crate) sender: http2::SendRequest<Full<Bytes>>,
    pub(crate) made: Made,
    is_used: AtomicBool,
}

/// A connection, by what is spoken over it.
#[derive(Debug)]
pub(crate) enum Connection {
    Http1(Http1),
    Http2(Arc<Http2>),
}

impl Http2 {
    /// Whether it was used before; from now on it was.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used.swap(true, Ordering::Relaxed)
    }
}

impl Made {
    /// What is told of an answer that came over it, but for what the answer says itself.
    pub(crate) fn exchange(&self, is_new: bool) -> Exchange {
        Exchange {
            is_new,
            tls: self.tls.clone(),
            connect: is_new.then_some(self.connect),
            handshake: self.handshake.filter(|_| is_new),
            ..Exchange::default()
        }
    }
}

impl Connection {
    /// Makes one.
    pub(crate) async fn open(peer: &Peer) -> Result<Self, Lost> {
        let Dialled {
            stream,
            tls: session,
            end,
            connect,
            handshake,
        } = dial(peer).await?;
        let spoken = spoken(peer, session.as_deref())?;
        let made = |task: AbortHandle| Made {
            tls: session,
            end,
            connect,
            handshake,
            task,
        };
        match spoken {
            Protocol::Http1 => {
                let (stream, head) = Verbatim::new(stream);
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Lost::broke)?;
                // How it ends is told to whoever waits for an answer.
                let task = tokio::spawn(async move { drop(connection.await) });
                Ok(Self::Http1(Http1 {
                    sender,
                    head,
                    made: made(task.abort_handle()),
                    since: Instant::now(),
                    is_used: false,
                }))
            }
            Protocol::H2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.max_header_list_size(LONGEST_HEADER_LIST);
                let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(Lost::broke)?;
                let task = tokio::spawn(async move { drop(connection.await) });
                Ok(Self::Http2(Arc::new(Http2 {
                    sender,
                    made: made(task.abort_handle()),
                    is_used: AtomicBool::new(false),
                })))
            }
        }
    }
}

/// What is spoken over a connection, by what it was made for and what was agreed on.
fn spoken(peer: &Peer, session: Option<&TlsSession>) -> Result<Protocol, Lost> {
    let chosen = session.and_then(|session| session.alpn.as_deref());
    match (peer.protocol, &peer.tls) {
        // Nobody was asked: it is known that the peer speaks it.
        (Some(Protocol::H2), Some(tls)) if chosen.is_none() && !tls.settings().alpn.is_empty() => {
            Err(Lost::NoAlpn(tls.clone()))
        }
        (Some(protocol), _) => Ok(protocol),
        (None, _) if chosen == Some("h2") => Ok(Protocol::H2),
        (None, _) => Ok(Protocol::Http1),
    }
}
