//! Bytes that are sent as they are: requests of HTTP/1 that no library would send, and what is no HTTP at all.

use std::time::{Duration, Instant};

use bytes::Bytes;
use meshkat_model::observation::{Answer, Came, NoAnswer, NoAnswerKind, PeerEnd, RawAnswers, Transfer};

use crate::{
    Client, Request,
    client::{LONGEST_BODY, Problem},
    dial::dial,
    lost::{Lost, too_late},
    wire::Wire,
};

/// Whether, and how, the end of a connection is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Await {
    /// It is not.
    Nothing,
    /// Until the peer ends it.
    End,
    /// For as long as there is time: it is to stay open.
    Open,
}

/// Requests of HTTP/1, byte by byte.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// What is sent.
    pub bytes: Bytes,
    /// How many answers are waited for.
    pub answers: usize,
    /// What is waited for behind them.
    pub then: Await,
}

/// Bytes over TCP.
#[derive(Debug, Clone)]
pub struct TcpRequest {
    /// What is sent.
    pub bytes: Bytes,
    /// Whether nothing more is sent behind them (FIN).
    pub half_close: bool,
    /// What is waited for.
    pub until: Until,
    /// What is waited for behind it.
    pub then: Await,
}

/// Which bytes are waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// None.
    Nothing,
    /// So many.
    Length(usize),
    /// These, wherever they come.
    Contains(Vec<u8>),
}

impl Until {
    fn is_met(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Nothing => true,
            Self::Length(length) => bytes.len() >= *length,
            Self::Contains(part) => part.is_empty() || bytes.windows(part.len()).any(|window| window == part),
        }
    }
}

/// Whether each of the requests of these bytes is a HEAD: each has a line that ends with a version of HTTP.
fn heads(bytes: &[u8]) -> Vec<bool> {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let lines = lines.filter(|line| line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0"));
    lines.map(|line| line.starts_with(b"HEAD ")).collect()
}

/// How many requests a peer may count in these bytes, at the most: of what is none nobody knows. Each has a line with a version, or ends
/// with an empty line.
fn requests_in(bytes: &[u8]) -> usize {
    let empty = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let empty = empty.filter(|line| line.is_empty()).count();
    heads(bytes).len().max(empty).max(1)
}

impl Client {
    /// Sends requests of HTTP/1 byte by byte, over a connection of their own, and waits for so many answers and for what is waited for
    /// behind them, or for the timeout. Where it goes is that of `request`, of which nothing else is sent.
    pub async fn raw(&self, request: &Request, raw: &RawRequest) -> RawAnswers {
        let start = Instant::now();
        let heads = heads(&raw.bytes);
        let tally = self.tally();
        let number = requests_in(&raw.bytes).max(raw.answers);
        let _open: Vec<_> = (0..number).map(|_| tally.open(request.to())).collect();
        let mut seen = RawAnswers {
            answers: Vec::new(),
            end: PeerEnd::Open,
            none: None,
            took: Duration::ZERO,
        };
        let exchange = exchange(request, raw, &heads, &mut seen);
        let none: Option<NoAnswer> = match tokio::time::timeout(request.timeout, exchange).await {
            Ok(Ok(())) => None,
            Ok(Err(problem)) => Some(problem.no_answer(request.timeout)),
            Err(_) => Some(too_late(request.timeout)),
        };
        // Where no answer was waited for, time that ran out is none that is missing.
        let is_missing = |none: &NoAnswer| match raw.answers {
            0 => none.kind != Some(NoAnswerKind::Timeout),
            wanted => seen.answers.len() < wanted,
        };
        seen.none = none.filter(is_missing);
        seen.took = start.elapsed();
        seen
    }

    /// Sends bytes over a connection of their own, and reads until what is waited for has come, or for the timeout.
    pub async fn tcp(&self, request: &Request, tcp: &TcpRequest) -> Transfer {
        let start = Instant::now();
        let tally = self.tally();
        let number = requests_in(&tcp.bytes);
        let _open: Vec<_> = (0..number).map(|_| tally.open(request.to())).collect();
        let mut came = None;
        let transfer = transfer(request, tcp, &mut came);
        let ended = tokio::time::timeout(request.timeout, transfer).await;
        let is_late = ended.is_err();
        let outcome = match (came, ended) {
            (_, Ok(Err(problem))) => Err(problem.no_answer(request.timeout)),
            (Some(came), _) => Ok(Came {
                is_late: is_late && (tcp.then != Await::Open || !tcp.until.is_met(&came.bytes)),
                ..came
            }),
            // The time was over before there was a connection.
            (None, _) => Err(too_late(request.timeout)),
        };
        Transfer {
            outcome,
            took: start.elapsed(),
        }
    }
}

async fn exchange(request: &Request, raw: &RawRequest, heads: &[bool], seen: &mut RawAnswers) -> Result<(), Problem> {
    let begun = Instant::now();
    let mut wire = Wire::new(dial(request.peer()).await?, request.peer());
    wire.write(&raw.bytes).await;
    while seen.answers.len() < raw.answers {
        let is_of_head = heads.get(seen.answers.len()).copied().unwrap_or(false);
        let answer = wire.answer(is_of_head).await;
        seen.end = wire.end;
        let Some(mut answer): Option<Answer> = answer? else {
            return Err(none(seen, wire.end).into());
        };
        answer.exchange.first_byte = begun.elapsed();
        seen.answers.push(answer);
    }
    if raw.then == Await::Nothing {
        return Ok(());
    }
    while wire.fill().await? {
        // What comes behind the answers is not asked for.
        wire.buffer.clear();
    }
    seen.end = wire.end;
    Ok(())
}

/// Why there is no further answer on a connection that has ended.
fn none(seen: &RawAnswers, end: PeerEnd) -> Lost {
    match (end, seen.answers.len()) {
        (PeerEnd::Reset, _) => Lost::Io(std::io::ErrorKind::ConnectionReset.into()),
        _ => Lost::Closed,
    }
}

async fn transfer(request: &Request, tcp: &TcpRequest, came: &mut Option<Came>) -> Result<(), Problem> {
    let mut wire = Wire::new(dial(request.peer()).await?, request.peer());
    let came = came.insert(Came {
        bytes: Vec::new(),
        end: PeerEnd::Open,
        is_late: false,
        exchange: wire.exchange.clone(),
    });
    wire.write(&tcp.bytes).await;
    if tcp.half_close {
        wire.half_close().await;
    }
    loop {
        if tcp.then == Await::Nothing && tcp.until.is_met(&came.bytes) {
            return Ok(());
        }
        let goes_on = wire.fill().await?;
        came.bytes.extend_from_slice(&wire.buffer.split());
        came.end = wire.end;
        if came.bytes.len() > LONGEST_BODY {
            let message = format!("more than {} MiB came, which is given up", LONGEST_BODY >> 20);
            return Err(Problem::TooLong(message));
        }
        if !goes_on {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_their_lines() {
        let two = b"GET / HTTP/1.1\r\na: b\r\n\r\nHEAD /x HTTP/1.0\n\nNONSENSE\r\n\r\n";
        assert_eq!(heads(two), [false, true]);
        assert!(requests_in(two) >= 3);
        assert_eq!(
            (
                requests_in(b"\0\0"),
                requests_in(b""),
                requests_in(b"GET / HTTP/1.1\r\n")
            ),
            (1, 1, 1)
        );
    }
}
