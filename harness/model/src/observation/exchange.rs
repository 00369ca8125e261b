//! How an answer came over the wire.

use std::{fmt, sync::Arc, time::Duration};

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::expression::Variables;

/// What is known of the connection of an answer, and of the times on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// What the answer says that it is.
    pub version: HttpVersion,
    /// Whether the connection was made for this request; one that was there was used.
    pub is_new: bool,
    /// TLS, where the connection has it.
    pub tls: Option<Arc<TlsSession>>,
    /// How long the connection took to be made; none where it was there already.
    pub connect: Option<Duration>,
    /// How long the handshake of TLS took after that; none where it was made before, or where there is no TLS.
    pub handshake: Option<Duration>,
    /// From sending, with all that it takes to have a connection, to the head of the answer.
    pub first_byte: Duration,
    /// How long it waited for a connection that others used.
    pub queued: Duration,
}

/// The version of HTTP that an answer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// What was agreed on in a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSession {
    /// `1.2` or `1.3`.
    pub version: String,
    /// The protocol that the peer chose of those that were offered; none where it chose none.
    pub alpn: Option<String>,
    /// The peer's certificate; none where it cannot be read.
    pub certificate: Option<Certificate>,
}

/// A certificate of X.509.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Whose it is, such as `CN=foo.com, O=Foo`.
    pub subject: String,
    /// Who has signed it, in the same manner.
    pub issuer: String,
    /// The names and addresses that it is of, in its order.
    pub names: Vec<String>,
    /// From when it is valid, RFC 3339 in UTC.
    pub not_before: String,
    /// Until when it is valid, RFC 3339 in UTC.
    pub not_after: String,
    /// SHA-256 of the whole certificate, in hexadecimal digits, as Envoy's `verify_certificate_hash` has it.
    pub sha256: String,
}

impl Exchange {
    /// `new` or `used`.
    pub fn connection(&self) -> &'static str {
        if self.is_new { "new" } else { "used" }
    }

    /// The protocol that was chosen by ALPN.
    pub fn alpn(&self) -> Option<&str> {
        self.tls.as_ref()?.alpn.as_deref()
    }

    /// The peer's certificate.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.tls.as_ref()?.certificate.as_ref()
    }

    /// What expressions know of it and of the trailers; all of it is null where there was no answer.
    pub(super) fn variables(answer: Option<(&Self, &IndexMap<String, String>)>) -> Variables {
        let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1000.0);
        let (own, trailers) = answer.unzip();
        let version = own.and_then(|own| own.tls.as_ref()).map(|tls| tls.version.as_str());
        let values: [(&str, Value); 9] = [
            ("protocol", json!(own.map(|own| own.version.to_string()))),
            ("connection", json!(own.map(Self::connection))),
            ("tls_version", json!(version)),
            ("alpn", json!(own.and_then(Self::alpn))),
            ("certificate", json!(own.and_then(Self::certificate))),
            ("trailers", json!(trailers)),
            ("connect_ms", json!(ms(own.and_then(|own| own.connect)))),
            ("tls_ms", json!(ms(own.and_then(|own| own.handshake)))),
            ("first_byte_ms", json!(ms(own.map(|own| own.first_byte)))),
        ];
        values.map(|(name, value)| (name.to_owned(), value)).into()
    }
}
