//! A connection byte by byte, and the answers of HTTP/1 that are read off it.

use std::io;

use bytes::{Buf as _, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use meshkat_model::observation::{Answer, Exchange, HttpVersion, PeerEnd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    client::{LONGEST_BODY, LONGEST_HEADERS, Problem, add, within},
    dial::Dialled,
    lost::Lost,
    peer::Peer,
    stream::Stream,
    tls::Tls,
};

/// How many headers an answer may have.
const MOST_HEADERS: usize = 256;

/// The bytes of a connection that were read and not taken yet, and how it ended.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: Stream,
    pub(crate) buffer: BytesMut,
    /// How the peer ended it, once it has.
    pub(crate) end: PeerEnd,
    /// How it was made.
    pub(crate) exchange: Exchange,
    tls: Option<Tls>,
    of_tls: crate::stream::TlsEnd,
}

impl Wire {
    pub(crate) fn new(dialled: Dialled, peer: &Peer) -> Self {
        Self {
            stream: dialled.stream,
            buffer: BytesMut::new(),
            end: PeerEnd::Open,
            exchange: Exchange {
                is_new: true,
                tls: dialled.tls,
                connect: Some(dialled.connect),
                handshake: dialled.handshake,
                ..Exchange::default()
            },
            tls: peer.tls.clone(),
            of_tls: dialled.end,
        }
    }

    /// Writes all of it. What the peer does not take it may still have answered: that is read, and then it is told how it ended.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).await.is_ok() {
            // What is not taken is told when something is read.
            let _ = self.stream.flush().await;
        }
    }

    /// Sends nothing more.
    pub(crate) async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Reads some more; false where the peer has ended the connection.
    ///
    /// # Errors
    /// TLS ended it, and says why.
    pub(crate) async fn fill(&mut self) -> Result<bool, Lost> {
        if self.end != PeerEnd::Open {
            return Ok(false);
        }
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => self.end = PeerEnd::Closed,
            Ok(_) => return Ok(true),
            Err(error) => match (self.of_tls.get(), &self.tls, error.kind()) {
                (Some(of_tls), Some(tls), _) => return Err(Lost::Ended(of_tls.clone(), tls.clone())),
                // TLS was not ended before the connection was: a FIN all the same.
                (_, _, io::ErrorKind::UnexpectedEof) => self.end = PeerEnd::Closed,
                _ => self.end = PeerEnd::Reset,
            },
        }
        Ok(false)
    }

    /// The next answer; none where the connection ended before one began. Interim ones are passed over, but for the change to another
    /// protocol.
    ///
    /// # Errors
    /// It ends within an answer, which is longer than is bearable, or not one of HTTP/1.
    pub(crate) async fn answer(&mut self, is_of_head: bool) -> Result<Option<Answer>, Problem> {
        loop {
            let Some((mut answer, length)) = self.head().await? else {
                return Ok(None);
            };
            if (100..200).contains(&answer.status) && answer.status != 101 {
                continue;
            }
            let has_none = is_of_head || matches!(answer.status, 101 | 204 | 304);
            let body = match length {
                _ if has_none => Vec::new(),
                Length::Known(length) => self.exactly(length).await?,
                Length::Chunked => self.chunked(&mut answer).await?,
                Length::UntilTheEnd => {
                    while self.fill().await? {
                        bearable(self.buffer.len())?;
                    }
                    if self.end == PeerEnd::Reset {
                        return Err(self.broke().into());
                    }
                    self.buffer.split().to_vec()
                }
            };
            answer.text = String::from_utf8_lossy(&body).into_owned();
            return Ok(Some(answer));
        }
    }

    /// Why an answer is not whole.
    fn broke(&self) -> Lost {
        match self.end {
            PeerEnd::Reset => Lost::Io(io::ErrorKind::ConnectionReset.into()),
            PeerEnd::Closed | PeerEnd::Open => Lost::Closed,
        }
    }

    async fn more(&mut self) -> Result<(), Problem> {
        match self.fill().await? {
            true => Ok(()),
            false => Err(self.broke().into()),
        }
    }

    async fn head(&mut self) -> Result<Option<(Answer, Length)>, Problem> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&self.buffer) {
                Ok(httparse::Status::Complete(taken)) => {
                    let status = response.code.unwrap_or_default();
                    let version = match response.version {
                        Some(0) => HttpVersion::Http10,
                        _ => HttpVersion::Http11,
                    };
                    let headers = map(response.headers);
                    within(&headers)?;
                    let length = length(&headers)?;
                    self.buffer.advance(taken);
                    let mut answer = Answer {
                        status,
                        exchange: Exchange {
                            version,
                            ..self.exchange.clone()
                        },
                        ..Answer::default()
                    };
                    add(&mut answer.headers, &headers, |_| true);
                    return Ok(Some((answer, length)));
                }
                Ok(httparse::Status::Partial) if self.buffer.len() > 2 * LONGEST_HEADERS => {
                    let message = format!(
                        "the answer was given up: its headers are longer than {} KiB",
                        LONGEST_HEADERS >> 10
                    );
                    return Err(Problem::TooLong(message));
                }
                Ok(httparse::Status::Partial) => {
                    if !self.fill().await? {
                        return match self.buffer.is_empty() {
                            true => Ok(None),
                            false => Err(self.broke().into()),
                        };
                    }
                }
                Err(error) => {
                    let begin = &self.buffer[..self.buffer.len().min(40)];
                    let begin = meshkat_model::scenario::octets::shown(begin);
                    return Err(Lost::Garbled(format!("what came is not HTTP/1: {error}: {begin}")).into());
                }
            }
        }
    }

    async fn exactly(&mut self, length: u64) -> Result<Vec<u8>, Problem> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        bearable(length)?;
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(self.buffer.split_to(length).to_vec())
    }

    async fn chunked(&mut self, answer: &mut Answer) -> Result<Vec<u8>, Problem> {
        let mut body = Vec::new();
        loop {
            let size = loop {
                match httparse::parse_chunk_size(&self.buffer) {
                    Ok(httparse::Status::Complete((taken, size))) => {
                        self.buffer.advance(taken);
                        break size;
                    }
                    Ok(httparse::Status::Partial) => self.more().await?,
                    Err(_) => {
                        return Err(
                            Lost::Garbled("what came is not HTTP/1: a chunk without a length".to_owned()).into(),
                        );
                    }
                }
            };
            if size == 0 {
                break;
            }
            bearable(body.len().saturating_add(usize::try_from(size).unwrap_or(usize::MAX)))?;
            body.extend(self.exactly(size).await?);
            if self.exactly(2).await? != b"\r\n" {
                return Err(Lost::Garbled("what came is not HTTP/1: a chunk that does not end".to_owned()).into());
            }
        }
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            match httparse::parse_headers(&self.buffer, &mut headers) {
                Ok(httparse::Status::Complete((taken, headers))) => {
                    let trailers = map(headers);
                    within(&trailers)?;
                    add(&mut answer.trailers, &trailers, |_| true);
                    self.buffer.advance(taken);
                    return Ok(body);
                }
                Ok(httparse::Status::Partial) => {
                    bearable(self.buffer.len())?;
                    self.more().await?;
                }
                Err(error) => return Err(Lost::Garbled(format!("what came is not HTTP/1: {error}")).into()),
            }
        }
    }
}

/// How long a body is.
#[derive(Debug, Clone, Copy)]
enum Length {
    Known(u64),
    Chunked,
    UntilTheEnd,
}

fn length(headers: &HeaderMap) -> Result<Length, Problem> {
    let last = headers.get_all("transfer-encoding").iter().next_back();
    if last.is_some_and(|last| last.as_bytes().to_ascii_lowercase().ends_with(b"chunked")) {
        return Ok(Length::Chunked);
    }
    match headers.get("content-length") {
        None => Ok(Length::UntilTheEnd),
        Some(length) => {
            let length = length.to_str().ok().and_then(|length| length.parse().ok());
            length
                .map(Length::Known)
                .ok_or_else(|| Lost::Garbled("what came is not HTTP/1: content-length is no number".to_owned()).into())
        }
    }
}

fn map(headers: &[httparse::Header<'_>]) -> HeaderMap {
    let all = headers.iter().filter_map(|header| {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(header.value).ok()?))
    });
    let mut map = HeaderMap::new();
    for (name, value) in all {
        map.append(name, value);
    }
    map
}

fn bearable(length: usize) -> Result<(), Problem> {
    match length > LONGEST_BODY {
        true => Err(Problem::TooLong(format!(
            "the answer was given up: its body is longer than {} MiB",
            LONGEST_BODY >> 20
        ))),
        false => Ok(()),
    }
}
