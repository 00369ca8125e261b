//! A connection on which the heads of requests are sent as they were written.
//!
//! The HTTP library frames bodies, reads answers and keeps connections, and all of that is left to it. Its own heads are of parts
//! that it has normalised: a path without its `#…`, names of headers in lower case. So the head that it writes is kept back, and
//! the one that was written by a person goes in its place.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stream::Stream;

/// The end of a head.
const END: &[u8; 4] = b"\r\n\r\n";

/// Where the head of the next request is put before the library is told to send it.
#[derive(Debug, Clone, Default)]
pub(crate) struct NextHead(Arc<Mutex<Option<Bytes>>>);

impl NextHead {
    /// The next head that the library writes becomes this one.
    pub(crate) fn set(&self, head: Bytes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
    }

    fn take(&self) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A connection that puts heads in the place of others.
#[derive(Debug)]
pub(crate) struct Verbatim {
    stream: Stream,
    next: NextHead,
    /// The head that is to be written when the library's has ended, and how much of the library's end was seen.
    replacing: Option<(Bytes, usize)>,
    /// What is still to be written of a head.
    pending: Bytes,
}

impl Verbatim {
    pub(crate) fn new(stream: Stream) -> (Self, NextHead) {
        let next = NextHead::default();
        let verbatim = Self {
            stream,
            next: next.clone(),
            replacing: None,
            pending: Bytes::new(),
        };
        (verbatim, next)
    }

    fn write_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

/// How much of `bytes` belongs to a head of whose end so much was seen before; and of the end, how much is seen then.
fn rest_of_head(bytes: &[u8], mut seen: usize) -> (usize, usize) {
    for (at, byte) in bytes.iter().enumerate() {
        seen = match () {
            () if *byte == END[seen] => seen + 1,
            () if *byte == END[0] => 1,
            () => 0,
        };
        if seen == END.len() {
            return (at + 1, seen);
        }
    }
    (bytes.len(), seen)
}

impl AsyncWrite for Verbatim {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.write_pending(cx))?;
        if self.replacing.is_none() {
            self.replacing = self.next.take().map(|head| (head, 0));
        }
        let Some((head, seen)) = self.replacing.take() else {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        };
        let (taken, seen) = rest_of_head(bytes, seen);
        if seen == END.len() {
            // Written with the next bytes, or when the library flushes.
            self.pending = head;
        } else {
            self.replacing = Some((head, seen));
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_pending(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_pending(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Verbatim {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_where_it_ends_however_it_is_cut() {
        let head = b"GET / HTTP/1.1\r\na: b\r\n\r\r\n\r\nbody";
        for cut in 0..head.len() - 4 {
            let (first, seen) = rest_of_head(&head[..cut], 0);
            assert!(first == cut && seen < END.len(), "{cut}");
            assert_eq!(
                rest_of_head(&head[cut..], seen),
                (head.len() - 4 - cut, END.len()),
                "{cut}"
            );
        }
    }
}
