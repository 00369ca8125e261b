//! What was seen. No judgement in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use indexmap::IndexMap;
use serde_json::{Value, json};

mod call;
mod conversation;
mod exchange;
mod transfer;

use crate::{expression::Variables, shorten::shorten};

pub use call::{CALL_VARIABLES, Call, Ended};
pub use conversation::{CONVERSATION_VARIABLES, Close, Conversation, Frame};
pub use exchange::{Certificate, Exchange, HttpVersion, TlsSession};
pub use transfer::{Came, PeerEnd, RAW_VARIABLES, RawAnswers, TRANSFER_VARIABLES, Transfer};

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

/// Requests fail because a machine stood still when they were due meanwhile, or were open, or came while connections were made again.
const AROUND: f64 = 4.0;

/// How much longer than a machine stood still it takes until what fell due meanwhile is done, at the most: a mesh that is asked for more
/// than half of what it can do on its machine is not judged by it.
const BACKLOG: f64 = 2.0;

/// Answers that a time limit on the way makes where somebody was late: a request, a connection, an answer.
const LATE: [u16; 3] = [408, 503, 504];

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

/// Who served requests: for each list of pods that took part in an answer, the one that answered first, how many answers
/// there were. An answer in which no pod took part is in none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served(pub BTreeMap<Vec<String>, u64>);

impl Served {
    /// Counts `number` answers in which these took part.
    pub fn add<'a>(&mut self, chain: impl IntoIterator<Item = &'a str>, number: u64) {
        let chain: Vec<String> = chain.into_iter().map(str::to_owned).collect();
        if !chain.is_empty() {
            *self.0.entry(chain).or_default() += number;
        }
    }

    /// Everybody who took part.
    pub fn pods(&self) -> BTreeSet<&str> {
        self.0.keys().flatten().map(String::as_str).collect()
    }
}

/// What became of a load's requests that fell due within a window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// How many were due.
    pub requests: u64,
    /// Without an answer, or with a status of 400 or more.
    pub errors: u64,
    /// Answers by status.
    pub statuses: IndexMap<u16, u64>,
    /// Answers by the pods that took part.
    pub served_by: IndexMap<String, u64>,
    /// The pods that answered themselves, without those that they asked.
    pub answered_by: IndexMap<String, u64>,
    /// Answers by all who took part in each.
    pub chains: Served,
    /// Different failures in words, with how often each came.
    pub failures: IndexMap<String, u64>,
    /// Latencies of all that were answered, measured from when the request was due.
    pub latency: Latency,
    /// How many were sent later than [`IN_TIME`](crate::machine::IN_TIME) after they were due, or not at all, because the machine
    /// was behind.
    pub late: u64,
    /// Of these, the ones that were not sent at all. They count as errors, with [`BEHIND`].
    pub unsent: u64,
    /// How much later than it was due the latest one was sent.
    pub send_delay: Duration,
}

/// What is told of a request that was due before a load was stopped, and for which this machine was too slow.
pub const BEHIND: &str = "not sent: this machine was too far behind when the load was stopped";

/// Quantiles of a latency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// Half are within.
    pub p50: Duration,
    /// 95 of 100 are within.
    pub p95: Duration,
    /// 99 of 100 are within.
    pub p99: Duration,
    /// All are within.
    pub max: Duration,
}

impl Window {
    /// The same without what time limits may have made that ran out because nobody had a processor for `still` in this window of
    /// `time`: answers that they make, or answers that are missing. None where there are none of these, or more than were due in
    /// [`AROUND`] times as long.
    pub fn without_limits(&self, still: Duration, time: Duration) -> Option<Self> {
        let answered: u64 = self.statuses.values().sum();
        let late: u64 = LATE.iter().filter_map(|status| self.statuses.get(status)).sum();
        let wrong = late + self.requests.saturating_sub(answered);
        let share = still.as_secs_f64() * AROUND / time.as_secs_f64().max(1e-3);
        if wrong == 0 || wrong as f64 > self.requests as f64 * share {
            return None;
        }
        let mut less = self.clone();
        less.requests -= wrong;
        less.errors = less.errors.saturating_sub(wrong);
        less.statuses.retain(|status, _| !LATE.contains(status));
        Some(less)
    }

    /// What expressions know of it.
    pub fn variables(&self) -> Variables {
        let ms = |time: Duration| json!(time.as_secs_f64() * 1000.0);
        let statuses: IndexMap<String, u64> = self
            .statuses
            .iter()
            .map(|(status, n)| (status.to_string(), *n))
            .collect();
        Variables::from([
            ("requests".to_owned(), json!(self.requests)),
            ("errors".to_owned(), json!(self.errors)),
            ("statuses".to_owned(), json!(statuses)),
            ("served_by".to_owned(), json!(self.served_by)),
            ("failures".to_owned(), json!(self.failures)),
            ("p50_ms".to_owned(), ms(self.latency.p50)),
            ("p95_ms".to_owned(), ms(self.latency.p95)),
            ("p99_ms".to_owned(), ms(self.latency.p99)),
            ("max_ms".to_owned(), ms(self.latency.max)),
        ])
    }

    /// The same without what the machine did to it: each latency shorter by what `delay` says of its share of the requests, and
    /// no error because a request was never sent.
    #[must_use]
    pub fn without(&self, delay: impl Fn(f64) -> Duration) -> Self {
        let mut less = self.clone();
        // Latencies count from when a request was due. What fell due while nobody could send leaves at once, and waits for one another
        // for as long again; and so do as many that fell due behind it.
        let on_time = 1.0 - BACKLOG * self.late as f64 / self.requests.max(1) as f64;
        let of = |latency: Duration, share: f64| {
            let sent = if share > on_time {
                self.send_delay.mul_f64(BACKLOG)
            } else {
                Duration::ZERO
            };
            latency.saturating_sub(delay(share).max(sent))
        };
        less.latency = Latency {
            p50: of(self.latency.p50, 0.5),
            p95: of(self.latency.p95, 0.95),
            p99: of(self.latency.p99, 0.99),
            max: of(self.latency.max, 1.0),
        };
        less.requests -= self.unsent.min(self.requests);
        less.errors -= self.unsent.min(self.errors);
        less.failures.shift_remove(BEHIND);
        less
    }

    /// In one line, for a failure's "actual".
    pub fn summary(&self) -> String {
        let mut parts = vec![format!("{} requests, {} errors", self.requests, self.errors)];
        if !self.failures.is_empty() {
            let worst: Vec<String> = self
                .failures
                .iter()
                .take(3)
                .map(|(what, n)| format!("{n} × {}", shorten(what, 400)))
                .collect();
            parts.push(worst.join("; "));
        }
        let by: Vec<String> = self.served_by.iter().map(|(pod, n)| format!("{pod} {n}")).collect();
        if !by.is_empty() {
            parts.push(format!("served by {}", by.join(", ")));
        }
        let latency = self.latency;
        parts.push(format!(
            "p50 {:.1?}, p99 {:.1?}, max {:.1?}",
            latency.p50, latency.p99, latency.max
        ));
        parts.join("; ")
    }
}

/// The names that [`Window::variables`] has.
pub const WINDOW_VARIABLES: [&str; 9] = [
    "errors",
    "failures",
    "max_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "requests",
    "served_by",
    "statuses",
];

/// What an Envoy says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EnvoyView {
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
