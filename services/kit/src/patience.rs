//! How long a client may take.
//!
//! A connection on which nothing is asked may stay for ever: an Envoy keeps its connections. What has begun has to go on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What an HTTP/2 client sends first. Such a connection is watched by pings from then on.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// How long a client may leave what it is sent without taking any of it.
    pub taken_within: Duration,
    /// How often an HTTP/2 connection is asked whether anybody is there.
    pub ping_every: Duration,
    /// How long the answer to that may take; then the connection is closed. A peer that is paused gives none either, so
    /// this is longer than anybody is paused who is to go on with what was under way.
    pub pong_within: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            taken_within: Duration::from_secs(60),
            ping_every: Duration::from_secs(30),
            pong_within: Duration::from_secs(30),
        }
    }
}

/// The requests of a connection. What arrives while one is worked on belongs to it, and is for others to wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request that is worked on until this is dropped.
#[derive(Debug)]
pub(crate) struct Working(Requests);

impl Requests {
    pub(crate) fn begin(&self) -> Working {
        self.0.begun.fetch_add(1, Ordering::AcqRel);
        Working(self.clone())
    }

    fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Acquire)
    }

    fn is_busy(&self) -> bool {
        // In this order: one that begins in between makes it busy, and rightly so.
        let ended = self.0.ended.load(Ordering::Acquire);
        self.begun() > ended
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}

/// A connection that fails if the head of a request takes too long.
pub(crate) struct Watched<S> {
    stream: S,
    requests: Requests,
    /// How many requests had begun when this was last looked at.
    begun: u64,
    head: Duration,
    /// How much of the preface of HTTP/2 has come; `None` once it was something else.
    preface: Option<usize>,
    /// Runs out when the head that has begun should have ended.
    running: Option<Pin<Box<Sleep>>>,
    taken_within: Duration,
    /// Runs out when something of what is sent should have been taken.
    sending: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, requests: Requests, patience: Patience) -> Self {
        Self {
            stream,
            requests,
            begun: 0,
            head: patience.head,
            preface: Some(0),
            running: None,
            taken_within: patience.taken_within,
            sending: None,
        }
    }

    /// Gives up on a peer that takes nothing of what it is sent.
    fn sent(&mut self, sent: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if sent.is_ready() {
            self.sending = None;
            return sent;
        }
        let limit = self.taken_within;
        let sending = self.sending.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if sending.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "nothing is taken of what is sent",
            )));
        }
        Poll::Pending
    }

    fn is_http2(&self) -> bool {
        self.preface == Some(H2_PREFACE.len())
    }

    fn heard(&mut self, bytes: &[u8]) {
        if let Some(known) = self.preface
            && !self.is_http2()
        {
            let rest = &H2_PREFACE[known..];
            let length = rest.len().min(bytes.len());
            self.preface = (rest[..length] == bytes[..length]).then_some(known + length);
        }
        if self.is_http2() || self.requests.is_busy() {
            self.running = None;
        } else if self.running.is_none() {
            self.running = Some(Box::pin(tokio::time::sleep_until(Instant::now() + self.head)));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let begun = self.requests.begun();
        if self.begun != begun {
            // The head that was waited for has come.
            self.begun = begun;
            self.running = None;
        }
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            let heard = &buffer.filled()[before..];
            if !heard.is_empty() {
                self.heard(heard);
            }
            return Poll::Ready(result);
        }
        let late = self
            .running
            .as_mut()
            .is_some_and(|running| running.as_mut().poll(cx).is_ready());
        if late {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the head of a request took too long",
            )));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sent(sent, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.sent(sent, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
