//! Answers on their way to clients, some of whom never take them.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

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
    /// What it began with, where that was no part of it.
    first: Option<Option<Result<Frame<Bytes>, axum::Error>>>,
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
    /// `comes_by_itself`: what it consists of depends on when it is asked for.
    pub(crate) fn new(
        body: Body,
        comes_by_itself: bool,
        connection: Connection,
        waiting: &Waiting,
        under_way: UnderWay,
    ) -> Self {
        let number = {
            let mut since = waiting.lock();
            since.next += 1;
            since.next
        };
        let mut answered = Self {
            body,
            rest: Bytes::new(),
            first: None,
            share: None,
            connection,
            waiting: waiting.clone(),
            number,
            _under_way: under_way,
        };
        if !comes_by_itself {
            answered.begin();
        }
        answered
    }

    /// A long body that is there as a whole counts from now on: over HTTP/2 it may be long until it is asked for, or for ever.
    fn begin(&mut self) {
        let is_long = self
            .body
            .size_hint()
            .exact()
            .is_some_and(|length| length > PIECE as u64);
        if !is_long {
            return;
        }
        // One that has nothing yet is asked again by who sends it.
        let first = Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(first) = first else { return };
        match first.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => {
                self.rest = data;
                self.hold();
            }
            Some(Ok(Err(frame))) => self.first = Some(Some(Ok(frame))),
            Some(Err(error)) => self.first = Some(Some(Err(error))),
            None => self.first = Some(None),
        }
    }

    /// Counts what is there and was not given.
    fn hold(&mut self) {
        let connection = &self.connection;
        let share = self.share.get_or_insert_with(|| WAITING.join(connection.token()));
        share.hold(self.rest.len());
    }

    /// The next piece of what is there.
    fn piece(&mut self) -> Frame<Bytes> {
        let piece = self.rest.split_to(PIECE.min(self.rest.len()));
        if self.rest.is_empty() {
            self.rest = Bytes::new();
            self.share = None;
        } else {
            self.hold();
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
            let frame = match self.first.take() {
                Some(first) => first,
                None => ready!(Pin::new(&mut self.body).poll_frame(context)),
            };
            let frame = match frame {
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
        self.rest.is_empty() && self.first.is_none() && self.body.is_end_stream()
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

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::crowd::Crowd;

    const LONG: usize = 1 << 20;

    /// An answer of a megabyte, and what cuts its connection.
    fn answer(crowd: &Arc<Crowd>, comes_by_itself: bool) -> (Answered, CancellationToken) {
        let (cut, address) = (CancellationToken::new(), "127.0.0.1:1".parse().unwrap());
        let under_way = crowd.join(cut.clone()).unwrap().0.begin().unwrap();
        let connection = Connection::new(address, address, cut.clone(), CancellationToken::new());
        let body = Body::from(vec![b' '; LONG]);
        let answered = Answered::new(body, comes_by_itself, connection, &Waiting::default(), under_way);
        (answered, cut)
    }

    #[tokio::test]
    async fn an_answer_counts_from_when_it_is_there_and_the_oldest_goes() {
        let crowd = Crowd::new(false);
        // A client whose window is shut asks for nothing of it.
        let mut answers: Vec<_> = (0..33).map(|_| answer(&crowd, false)).collect();
        assert_eq!(WAITING.held(), 32 * LONG);
        let cut: Vec<_> = answers.iter().map(|(_, cut)| cut.is_cancelled()).collect();
        assert!(cut[0] && !cut[1..].contains(&true), "{cut:?}");
        // All of it is there.
        let (mut last, _) = answers.pop().unwrap();
        assert_eq!(last.size_hint().exact(), Some(LONG as u64));
        let mut length = 0;
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut last).poll_frame(context)).await {
            length += frame.unwrap().into_data().unwrap().len();
        }
        assert_eq!(length, LONG);
        drop((answers, last));
        assert_eq!(WAITING.held(), 0);
        let by_itself = answer(&crowd, true);
        assert_eq!(WAITING.held(), 0);
        drop(by_itself);
    }
}
