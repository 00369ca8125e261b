//! `error`: how there is no answer.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::target::Target;
use crate::{observation::NoAnswerKind, scenario::value::Protocol};

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransportError {
    /// Nobody listens.
    Refused,
    /// The connection broke before the answer.
    Reset,
    /// No answer in time.
    Timeout,
    /// The peer reset the stream: RST_STREAM.
    ResetStream,
    /// The peer ended the connection: GOAWAY.
    Goaway,
    /// Whatever TLS says no to.
    Tls,
    /// The peer's certificate is of a CA that is not trusted.
    UnknownCa,
    /// The peer's certificate has expired.
    Expired,
    /// The peer's certificate is not yet valid.
    NotYetValid,
    /// The peer's certificate is of another name.
    WrongName,
    /// The peer's certificate is wrong in another way.
    BadCertificate,
    /// No ALPN protocol in common.
    NoAlpn,
    /// No version of TLS in common.
    RefusedVersion,
    /// The peer ended TLS with an alert.
    TlsAlert,
    /// Whichever.
    Any,
}

impl TransportError {
    /// The one kind that it is; none where there are several.
    fn kind(self) -> Option<NoAnswerKind> {
        Some(match self {
            Self::Refused => NoAnswerKind::Refused,
            Self::Reset => NoAnswerKind::Reset,
            Self::Timeout => NoAnswerKind::Timeout,
            Self::ResetStream => NoAnswerKind::ResetStream,
            Self::Goaway => NoAnswerKind::Goaway,
            Self::UnknownCa => NoAnswerKind::UnknownCa,
            Self::Expired => NoAnswerKind::Expired,
            Self::NotYetValid => NoAnswerKind::NotYetValid,
            Self::WrongName => NoAnswerKind::WrongName,
            Self::BadCertificate => NoAnswerKind::BadCertificate,
            Self::NoAlpn => NoAnswerKind::NoAlpn,
            Self::RefusedVersion => NoAnswerKind::RefusedVersion,
            Self::TlsAlert => NoAnswerKind::TlsAlert,
            Self::Tls | Self::Any => return None,
        })
    }

    /// Whether that is how there was no answer.
    pub fn is(self, kind: NoAnswerKind) -> bool {
        match self {
            Self::Any => true,
            Self::Tls => kind.is_tls(),
            other => other.kind() == Some(kind),
        }
    }

    /// Why requests that go this way never fail so, in a few words; none if they may.
    pub(super) fn never(self, to: &Target) -> Option<&'static str> {
        let is_tls = self == Self::Tls || self.kind().is_some_and(NoAnswerKind::is_tls);
        let of_a_certificate = [
            Self::UnknownCa,
            Self::Expired,
            Self::NotYetValid,
            Self::WrongName,
            Self::BadCertificate,
        ];
        match &to.tls {
            None if is_tls => Some("it is of TLS, and this request has none"),
            Some(tls) if of_a_certificate.contains(&self) && !tls.verifies() => {
                Some("no certificate is judged with `verify: false`")
            }
            _ if matches!(self, Self::ResetStream | Self::Goaway) && to.spoken() == Some(Protocol::Http1) => {
                Some("it is of HTTP/2, and this request is sent in HTTP/1.1")
            }
            _ => None,
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::ResetStream => "reset-stream",
            Self::Goaway => "goaway",
            Self::Tls => "tls",
            Self::UnknownCa => "unknown-ca",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongName => "wrong-name",
            Self::BadCertificate => "bad-certificate",
            Self::NoAlpn => "no-alpn",
            Self::RefusedVersion => "refused-version",
            Self::TlsAlert => "tls-alert",
            Self::Any => "for any reason",
        })
    }
}
