//! Answers on their way to clients, some of whom never take them.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Duration, Instant};

use crate::budget::{Budget, Share};
use crate::connection::Connection;
use crate::crowd::UnderWay;

/// How many bytes of an answer are given to a connection at a time. What it has been given is not known to be stuck.
const PIECE: usize = 16 << 10;

/// How many bytes all answers hold that nobody takes, before those are cut that have waited for the longest.
static WAITING: Budget = Budget::new(32 << 20);

/// Since when each answer of a connection waits to be taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<Since>>);

#[derive(Debug, Default)]
struct Since {
    next: u64,
    since: BTreeMap<u64, Instant>,
}

/// The body of an answer, in pieces.
pub(crate) struct Answered {
    body: Body,
    /// What is left of a part of it.
    rest: Bytes,
    share: Option<Share>,
    connection: Connection,
    waiting: Waiting,
    number: u64,
    _under_way: UnderWay,
}

impl Waiting {
    /// Whether an answer has waited for so long.
    pub(crate) fn is_longer_than(&self, limit: Duration) -> bool {
        self.lock().since.values().any(|since| since.elapsed() > limit)
    }

    fn lock(&self) -> MutexGuard<'_, Since> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answered {
    pub(crate) fn new(body: Body, connection: Connection, waiting: &Waiting, under_way: UnderWay) -> Self {
        let number = {
            let mut since = waiting.lock();
            since.next += 1;
            since.next
        };
        Self {
            body,
            rest: Bytes::new(),
            share: None,
            connection,
            waiting: waiting.clone(),
            number,
            _under_way: under_way,
        }
    }

    /// The next piece of what is there.
    fn piece(&mut self) -> Frame<Bytes> {
        let piece = self.rest.split_to(PIECE.min(self.rest.len()));
        if self.rest.is_empty() {
            self.rest = Bytes::new();
            self.share = None;
        } else {
            let connection = &self.connection;
            let share = self.share.get_or_insert_with(|| WAITING.join(connection.token()));
            share.hold(self.rest.len());
        }
        self.waiting.lock().since.insert(self.number, Instant::now());
        Frame::data(piece)
    }
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // What was given before is taken, or there is room beside it.
        self.waiting.lock().since.remove(&self.number);
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        Poll::Ready(Some(Ok(self.piece())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let hint = self.body.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.waiting.lock().since.remove(&self.number);
    }
}
