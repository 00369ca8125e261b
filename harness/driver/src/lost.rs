//! Why no answer came, as the protocol names it.

use std::{error::Error, io, net::IpAddr, time::Duration};

use meshkat_model::observation::{NoAnswer, NoAnswerKind};

use crate::tls::{self, Tls};

/// Why no answer came over a connection.
#[derive(Debug)]
pub(crate) enum Lost {
    /// There is no connection.
    NotConnected(io::Error),
    /// Nothing can be sent from this address.
    NoSource(IpAddr, io::Error),
    /// It broke in the handshake of TLS.
    InHandshake(io::Error),
    /// TLS says no: in the handshake, where nothing was sent, or behind it.
    Tls(rustls::Error, Tls),
    /// The peer chose none of the protocols that were offered.
    NoAlpn(Tls),
    /// It broke.
    Broke(Box<hyper::Error>),
    /// The peer reset the stream of an answer that had begun, and called it no error.
    NoEnd,
    /// TLS ended it behind the handshake.
    Ended(rustls::Error, Tls),
    /// Reading or writing failed.
    Io(io::Error),
    /// It ended before an answer was whole.
    Closed,
    /// What came is not what is spoken.
    Garbled(String),
}

impl Lost {
    pub(crate) fn broke(error: hyper::Error) -> Self {
        Self::Broke(Box::new(error))
    }

    /// The peer chose a protocol that the request was not made for.
    pub(crate) fn not_prepared() -> Self {
        Self::NotConnected(io::Error::other("the peer speaks what was not offered"))
    }

    /// Whether surely nothing of a request was sent.
    pub(crate) fn is_unsent(&self) -> bool {
        !matches!(
            self,
            Self::Broke(_) | Self::NoEnd | Self::Ended(..) | Self::Io(_) | Self::Closed | Self::Garbled(_)
        )
    }

    /// The same, for who asked.
    pub(crate) fn no_answer(&self, timeout: Duration) -> NoAnswer {
        match self {
            Self::NotConnected(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                told(NoAnswerKind::Refused, "the connection was refused".to_owned())
            }
            Self::NotConnected(error) if error.kind() == io::ErrorKind::TimedOut => too_late(timeout),
            Self::NotConnected(error) => broke(error),
            Self::NoSource(source, error) => NoAnswer {
                kind: None,
                message: format!("nothing can be sent from {source} on this machine: {error}"),
            },
            Self::InHandshake(error) => told(
                NoAnswerKind::Reset,
                format!("the connection broke in the TLS handshake: {error}"),
            ),
            Self::Tls(error, tls) | Self::Ended(error, tls) => tls::no_answer(error, tls.settings()),
            Self::NoAlpn(tls) => {
                let (kind, message) = tls::no_alpn(tls.settings());
                told(kind, message)
            }
            Self::NoEnd => told(
                NoAnswerKind::ResetStream,
                "the peer reset the stream: RST_STREAM NO_ERROR".to_owned(),
            ),
            Self::Io(error) => broke(error),
            Self::Closed => told(
                NoAnswerKind::Reset,
                "the connection broke: it was closed before the answer was whole".to_owned(),
            ),
            Self::Garbled(what) => NoAnswer {
                kind: None,
                message: what.clone(),
            },
            Self::Broke(error) => match innermost::<h2::Error>(&**error) {
                Some(error) => of_http2(error),
                None => broke(&**error),
            },
        }
    }
}

/// Nothing came in time.
pub(crate) fn too_late(timeout: Duration) -> NoAnswer {
    told(NoAnswerKind::Timeout, format!("nothing within {timeout:?}"))
}

fn told(kind: NoAnswerKind, message: String) -> NoAnswer {
    NoAnswer {
        kind: Some(kind),
        message,
    }
}

fn broke(error: &(dyn Error + 'static)) -> NoAnswer {
    let last = chain(error).last().unwrap_or(error);
    told(NoAnswerKind::Reset, format!("the connection broke: {last}"))
}

/// An error of HTTP/2, with its code by its name.
fn of_http2(error: &h2::Error) -> NoAnswer {
    let Some(reason) = error.reason().map(name) else {
        return broke(error);
    };
    match (error.is_remote(), error.is_reset(), error.is_go_away()) {
        (true, true, _) => told(
            NoAnswerKind::ResetStream,
            format!("the peer reset the stream: RST_STREAM {reason}"),
        ),
        (true, _, true) => told(
            NoAnswerKind::Goaway,
            format!("the peer ended the connection: GOAWAY {reason}"),
        ),
        _ => told(NoAnswerKind::Reset, format!("what came is not HTTP/2: {reason}")),
    }
}

/// The name of a code in RFC 9113; the number of one that has none there.
fn name(reason: h2::Reason) -> String {
    match u32::from(reason) {
        0..=0xd => format!("{reason:?}"),
        other => format!("{other:#x}"),
    }
}

/// An error and what is behind it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| <dyn Error + 'static>::source(*error))
}

fn innermost<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).filter_map(|error| error.downcast_ref()).last()
}
