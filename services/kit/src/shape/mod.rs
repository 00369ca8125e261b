//! What is done to an answer on purpose: further headers and trailers, another body, a slow one, one that breaks off.

mod body;

use std::num::NonZeroU64;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use serde::{Serialize, Serializer};

use crate::connection::Connection;
use crate::identity::{PEER_ADDRESS, SERVED_BY};
use body::Shaped;

/// The longest body that can be asked for, in bytes: 1 GiB.
pub const LONGEST_BODY: u64 = 1 << 30;

/// What tells how a gRPC call ended.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Headers that belong to the connection or to the kit: setting one would break the answer or be undone.
const RESERVED: [HeaderName; 10] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    SERVED_BY,
    PEER_ADDRESS,
];

/// What is done to an answer. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Further headers. A name that is given several times is set several times; one that the answer had is replaced.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "lines")]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Trailers. Over HTTP/1.1 they are sent to a client that says `te: trailers`.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "lines")]
    pub trailers: Vec<(HeaderName, HeaderValue)>,
    /// The body is replaced by one of so many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// The body comes with so many bytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_rate: Option<NonZeroU64>,
    /// The body breaks off after so many bytes: the connection is cut, or over HTTP/2 the stream reset, where what was not sent by then
    /// may be lost. A body that is no longer than that is sent whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_after: Option<u64>,
}

/// An answer whose body is not to be asked for anything before its turn: it comes slowly, or breaks off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ComesByItself;

/// A header that cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// It is none.
    #[error("{0:?} is no header: it is a name and a value such as `x-colour: blue`")]
    Malformed(String),
    /// It belongs to the connection or to the service.
    #[error("{0} cannot be set")]
    Reserved(HeaderName),
}

/// Reads a header or a trailer that is to be set.
///
/// # Errors
/// It is none, or one that the connection needs.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), InvalidHeader> {
    let malformed = || InvalidHeader::Malformed(format!("{name}: {value}"));
    let name: HeaderName = name.trim().parse().map_err(|_| malformed())?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| malformed())?;
    if RESERVED.contains(&name) {
        return Err(InvalidHeader::Reserved(name));
    }
    Ok((name, value))
}

/// Whether an answer with this status has no body, whatever the request was.
pub fn has_no_body(status: StatusCode) -> bool {
    [
        StatusCode::NO_CONTENT,
        StatusCode::RESET_CONTENT,
        StatusCode::NOT_MODIFIED,
    ]
    .contains(&status)
}

impl Shape {
    /// Whether it changes nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Does it to an answer that goes out on a connection.
    pub fn apply(mut self, response: Response, connection: &Connection, version: Version) -> Response {
        let (mut parts, mut body) = response.into_parts();
        if parts.headers.contains_key(GRPC_STATUS) {
            // A call that ends before its first message has no head of its own: what it begins with are its trailers.
            self.headers.append(&mut self.trailers);
        }
        let has_body = !has_no_body(parts.status);
        if !has_body {
            body = Body::empty();
            parts.headers.remove(header::CONTENT_LENGTH);
            parts.headers.remove(header::CONTENT_TYPE);
        } else if let Some(bytes) = self.body_bytes {
            parts.headers.insert(header::CONTENT_LENGTH, bytes.into());
            let kind = HeaderValue::from_static("application/octet-stream");
            parts.headers.insert(header::CONTENT_TYPE, kind);
        }
        replace(&mut parts.headers, &self.headers);
        if has_body
            && (self.body_bytes.or(self.abort_after).is_some() || self.body_rate.is_some() || !self.trailers.is_empty())
        {
            if !self.trailers.is_empty() {
                // They come after a body whose length is not told: over HTTP/1.1 there is no place for them otherwise, and an Envoy
                // passes a length on that it was told over HTTP/2.
                parts.headers.remove(header::CONTENT_LENGTH);
            }
            if version < Version::HTTP_2 {
                for (name, _) in &self.trailers {
                    parts.headers.append(header::TRAILER, HeaderValue::from(name.clone()));
                }
            }
            parts.extensions.insert(ComesByItself);
            body = Body::new(Shaped::new(body, self, connection.clone(), version));
        }
        Response::from_parts(parts, body)
    }
}

fn replace(headers: &mut HeaderMap, with: &[(HeaderName, HeaderValue)]) {
    for (name, _) in with {
        headers.remove(name);
    }
    for (name, value) in with {
        headers.append(name, value.clone());
    }
}

fn lines<S: Serializer>(headers: &[(HeaderName, HeaderValue)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        headers
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))),
    )
}
