//! A body that comes as it was asked to.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{HeaderMap, Version};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::{Shape, replace};
use crate::connection::Connection;

/// What a body that was asked for is made of, again and again.
static FILLING: [u8; 16 << 10] = filling();

/// How many pieces of a slow body come in a second, if each has at least a byte.
const PIECES: u64 = 20;

const fn filling() -> [u8; 16 << 10] {
    let digits = *b"0123456789abcdef";
    let mut filling = [0; 16 << 10];
    let mut at = 0;
    while at < filling.len() {
        filling[at] = digits[at % digits.len()];
        at += 1;
    }
    filling
}

/// The body broke off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the body breaks off on purpose")]
struct BrokenOff;

/// Where the bytes come from.
enum Source {
    Answer(Body),
    /// So many are still to come.
    Filling(u64),
}

/// A body that comes as it was asked to.
pub(super) struct Shaped {
    source: Source,
    /// What is left of a part of it.
    rest: Bytes,
    rate: Option<NonZeroU64>,
    /// Until the next piece may come.
    pause: Option<Pin<Box<Sleep>>>,
    /// After how many bytes it breaks off.
    left: Option<u64>,
    /// What was given before it breaks off had its turn to be sent.
    had_its_turn: bool,
    trailers: Option<HeaderMap>,
    connection: Connection,
    version: Version,
}

impl Shaped {
    pub(super) fn new(body: Body, shape: Shape, connection: Connection, version: Version) -> Self {
        let mut trailers = HeaderMap::new();
        replace(&mut trailers, &shape.trailers);
        Self {
            source: shape.body_bytes.map_or(Source::Answer(body), Source::Filling),
            rest: Bytes::new(),
            rate: shape.body_rate,
            pause: None,
            left: shape.abort_after,
            had_its_turn: false,
            trailers: (!trailers.is_empty()).then_some(trailers),
            connection,
            version,
        }
    }

    /// The next part of what it is made of: bytes, or trailers.
    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = match &mut self.source {
            Source::Answer(body) => ready!(Pin::new(body).poll_frame(context)),
            Source::Filling(0) => None,
            Source::Filling(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(FILLING.len());
                *left -= length as u64;
                Some(Ok(Frame::data(Bytes::from_static(&FILLING[..length]))))
            }
        };
        Poll::Ready(frame)
    }

    /// The next piece of what is there.
    fn piece(&mut self) -> Bytes {
        let mut length = self.rest.len() as u64;
        if let Some(left) = self.left {
            length = length.min(left);
        }
        if let Some(rate) = self.rate {
            let rate = rate.get();
            length = length.min((rate / PIECES).max(1));
            let time = Duration::from_nanos(length.saturating_mul(1_000_000_000) / rate);
            self.pause = Some(Box::pin(sleep(time)));
        }
        if let Some(left) = &mut self.left {
            *left -= length;
        }
        self.rest.split_to(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn break_off(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.had_its_turn {
            // hyper sends what it has when there is nothing more for the moment.
            self.had_its_turn = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.version == Version::HTTP_2 {
            return Poll::Ready(Some(Err(axum::Error::new(BrokenOff))));
        }
        self.connection.cut_now();
        Poll::Pending
    }
}

impl HttpBody for Shaped {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(context));
            this.pause = None;
        }
        while this.rest.is_empty() {
            match ready!(this.poll_source(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(frame) => {
                        let Some(ours) = this.trailers.take() else {
                            return Poll::Ready(Some(Ok(frame)));
                        };
                        let mut trailers = frame.into_trailers().unwrap_or_default();
                        trailers.extend(ours);
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let trailers = this.trailers.take();
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                }
            }
        }
        if this.left == Some(0) {
            return this.break_off(context);
        }
        Poll::Ready(Some(Ok(Frame::data(this.piece()))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.trailers.is_some() {
            // Over HTTP/1.1 in chunks, which have room for them.
            return SizeHint::default();
        }
        match &self.source {
            Source::Filling(left) => SizeHint::with_exact(*left + self.rest.len() as u64),
            Source::Answer(body) if self.rest.is_empty() => body.size_hint(),
            Source::Answer(_) => SizeHint::default(),
        }
    }
}
