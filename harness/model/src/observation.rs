//! What was seen. No judgement in it.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Value, json};

mod call;
mod conversation;
mod exchange;
pub(crate) mod logged;
pub(crate) mod received;
mod transfer;
mod window;

use crate::{expression::Variables, shorten::shorten};

pub use call::{CALL_VARIABLES, Call, Ended};
pub use conversation::{CONVERSATION_VARIABLES, Close, Conversation, Frame};
pub use exchange::{Certificate, Exchange, HttpVersion, TlsSession};
pub use logged::{AccessLog, LOGGED_VARIABLES, LogLine};
pub use received::{RECEIVED_VARIABLES, Reached, Received};
pub use window::{BEHIND, ErrorWindow, Latency, Queued, Served, WINDOW_VARIABLES, Window};

pub use transfer::{Came, PeerEnd, RAW_VARIABLES, RawAnswers, TRANSFER_VARIABLES, Transfer};
use window::LATE;

/// What came of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The answer, or why there was none.
    pub outcome: Result<Answer, NoAnswer>,
    /// From sending to the end of the body.
    pub took: Duration,
}

/// An HTTP answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers, lower-case; repeated ones joined by a comma.
    pub headers: IndexMap<String, String>,
    /// Each `Set-Cookie` header by itself: joined by commas, nobody can take them apart.
    pub set_cookies: Vec<String>,
    /// The body, as text.
    pub text: String,
    /// What came behind the body, as headers do.
    pub trailers: IndexMap<String, String>,
    /// How it came.
    pub exchange: Exchange,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer {
    /// The kind; none where there was an answer that no expectation of an `error` is about: one that is longer than is bearable.
    pub kind: Option<NoAnswerKind>,
    /// In words.
    pub message: String,
}

/// In which way there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswerKind {
    /// Nobody listens.
    Refused,
    /// The connection broke before the answer.
    Reset,
    /// No answer in time.
    Timeout,
    /// The peer reset the stream of the request: RST_STREAM.
    ResetStream,
    /// The peer ended the connection before it answered: GOAWAY.
    Goaway,
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
    /// TLS failed in another way.
    Tls,
}

impl NoAnswerKind {
    /// It in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::ResetStream => "reset-stream",
            Self::Goaway => "goaway",
            Self::UnknownCa => "unknown-ca",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongName => "wrong-name",
            Self::BadCertificate => "bad-certificate",
            Self::NoAlpn => "no-alpn",
            Self::RefusedVersion => "refused-version",
            Self::TlsAlert => "tls-alert",
            Self::Tls => "tls",
        }
    }

    /// Whether it was TLS that failed.
    pub fn is_tls(self) -> bool {
        match self {
            Self::Refused | Self::Reset | Self::Timeout | Self::ResetStream | Self::Goaway => false,
            Self::UnknownCa
            | Self::Expired
            | Self::NotYetValid
            | Self::WrongName
            | Self::BadCertificate
            | Self::NoAlpn
            | Self::RefusedVersion
            | Self::TlsAlert
            | Self::Tls => true,
        }
    }
}

impl Answer {
    /// Who took part: the pod that answered (`x-served-by`), and those that it asked (`x-upstream-served-by`).
    pub fn served_by(&self) -> Vec<&str> {
        ["x-served-by", "x-upstream-served-by"]
            .iter()
            .filter_map(|name| self.headers.get(*name))
            .flat_map(|value| value.split(',').map(str::trim))
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// The body as JSON, if it is, and is not too large to be read.
    pub fn json(&self) -> Option<Value> {
        if self.is_too_large() {
            return None;
        }
        serde_json::from_str(&self.text).ok()
    }

    /// Whether nobody reads the body: as JSON it would take many times as much memory.
    pub fn is_too_large(&self) -> bool {
        self.text.len() > LARGEST_JSON
    }
}

/// Bytes of a body that is read as JSON.
const LARGEST_JSON: usize = 8 << 20;

impl Response {
    /// Whether a time limit that ran out can have made it so.
    pub fn may_be_of_a_limit(&self) -> bool {
        self.outcome
            .as_ref()
            .map_or(true, |answer| LATE.contains(&answer.status))
    }

    /// The same, with each of its times shorter by what the machine can have added.
    #[must_use]
    pub fn without(&self, stall: Duration) -> Self {
        let mut less = self.clone();
        less.took = less.took.saturating_sub(stall);
        if let Ok(answer) = &mut less.outcome {
            let exchange = &mut answer.exchange;
            exchange.first_byte = exchange.first_byte.saturating_sub(stall);
            let times = [&mut exchange.connect, &mut exchange.handshake];
            times
                .into_iter()
                .flatten()
                .for_each(|time| *time = time.saturating_sub(stall));
        }
        less
    }

    /// What expressions know of it.
    pub fn variables(&self) -> Variables {
        let mut variables = Variables::from([("duration_ms".to_owned(), json!(self.took.as_secs_f64() * 1000.0))]);
        let empty = Answer::default();
        let (answer, error) = match &self.outcome {
            Ok(answer) => (answer, Value::Null),
            Err(none) => (&empty, json!(none.message)),
        };
        variables.insert("status".to_owned(), json!(answer.status));
        variables.insert("headers".to_owned(), json!(answer.headers));
        variables.insert("text".to_owned(), json!(answer.text));
        // Of one that is not read nobody says that it is none: an expression that asks for it cannot be evaluated.
        if !answer.is_too_large() {
            variables.insert("json".to_owned(), answer.json().unwrap_or(Value::Null));
        }
        variables.insert("served_by".to_owned(), json!(answer.served_by()));
        variables.insert("error".to_owned(), error);
        let answered = self.outcome.as_ref().ok();
        variables.extend(Exchange::variables(
            answered.map(|answer| (&answer.exchange, &answer.trailers)),
        ));
        variables
    }

    /// In one line, for a failure's "actual".
    pub fn summary(&self) -> String {
        match &self.outcome {
            Ok(answer) => {
                let by = answer.served_by().join(" via ");
                let by = if by.is_empty() {
                    String::new()
                } else {
                    format!(", served by {by}")
                };
                let flags = answer.headers.get("x-envoy-overloaded").map_or("", |_| ", overloaded");
                format!("{}{by}{flags}: {}", answer.status, shorten(answer.text.trim(), 300))
            }
            Err(none) => format!("no answer: {}", none.message),
        }
    }
}

/// The names that [`Response::variables`] has.
pub const RESPONSE_VARIABLES: [&str; 16] = [
    "alpn",
    "certificate",
    "connect_ms",
    "connection",
    "duration_ms",
    "error",
    "first_byte_ms",
    "headers",
    "json",
    "protocol",
    "served_by",
    "status",
    "text",
    "tls_ms",
    "tls_version",
    "trailers",
];

/// What an Envoy says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EnvoyView {
    /// Which life of the Envoy this is of, where the runtime tells lives apart. Counters of another one say nothing of this one's.
    pub life: Option<String>,
    /// What `/ready` says, or `unreachable`.
    pub ready: String,
    /// Counters and gauges; those that Envoy has not made yet are not there.
    pub stats: IndexMap<String, f64>,
    /// The endpoints of each cluster: names of pods, or addresses that are no pod's.
    pub endpoints: IndexMap<String, Vec<String>>,
}

impl EnvoyView {
    /// What expressions know of it.
    pub fn variables(&self) -> Variables {
        let number = |value: f64| {
            if value.fract() == 0.0 {
                json!(value as i64)
            } else {
                json!(value)
            }
        };
        let stats: serde_json::Map<String, Value> = self
            .stats
            .iter()
            .map(|(name, value)| (name.clone(), number(*value)))
            .collect();
        Variables::from([
            ("ready".to_owned(), json!(self.ready)),
            ("stats".to_owned(), Value::Object(stats)),
            ("endpoints".to_owned(), json!(self.endpoints)),
        ])
    }
}

/// The names that [`EnvoyView::variables`] has.
pub const ENVOY_VARIABLES: [&str; 3] = ["endpoints", "ready", "stats"];

#[cfg(test)]
mod tests;
