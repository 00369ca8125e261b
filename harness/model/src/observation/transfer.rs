//! What came of bytes over a connection, and of requests that were sent byte by byte.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

use super::{Answer, Exchange, NoAnswer, Response};
use crate::{
    expression::Variables,
    scenario::octets::{hex, shown},
};

/// How the other side of a connection ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerEnd {
    /// It sends nothing more (FIN).
    Closed,
    /// It gave the connection up (RST).
    Reset,
    /// It did not, as long as somebody looked.
    Open,
}

impl fmt::Display for PeerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Open => "open",
        })
    }
}

/// What came of bytes that were sent over a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// How the connection came to be and what came; or why there was no connection.
    pub outcome: Result<Came, NoAnswer>,
    /// From the beginning to the last that was looked at.
    pub took: Duration,
}

/// What came over a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Came {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How the peer ended the connection.
    pub end: PeerEnd,
    /// Whether the time was over before what was waited for had come.
    pub is_late: bool,
    /// How the connection was made.
    pub exchange: Exchange,
}

impl Transfer {
    /// Whether a time limit that ran out on the way can have made it so.
    pub fn may_be_of_a_limit(&self) -> bool {
        self.outcome
            .as_ref()
            .map_or(true, |came| came.is_late || came.end != PeerEnd::Open)
    }

    /// What expressions know of it.
    pub fn variables(&self) -> Variables {
        let came = self.outcome.as_ref().ok();
        let error = self.outcome.as_ref().err().map(|none| &none.message);
        let mut variables = Variables::from(
            [
                ("duration_ms", json!(self.took.as_secs_f64() * 1000.0)),
                ("error", json!(error)),
                ("text", json!(came.map(|came| String::from_utf8_lossy(&came.bytes)))),
                ("hex", json!(came.map(|came| hex(&came.bytes)))),
                ("length", json!(came.map(|came| came.bytes.len()))),
                ("end", json!(came.map(|came| came.end.to_string()))),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        variables.extend(of_a_connection(came.map(|came| &came.exchange)));
        variables
    }

    /// In one line, for a failure's "actual".
    pub fn summary(&self) -> String {
        match &self.outcome {
            Err(none) => format!("no connection: {}", none.message),
            Ok(came) => {
                let what = match came.bytes.len() {
                    0 => "nothing".to_owned(),
                    1 => format!("one byte: {}", shown(&came.bytes)),
                    more => format!("{more} bytes: {}", shown(&came.bytes)),
                };
                let late = match came.is_late {
                    true => format!(", and nothing more within {:.1?}", self.took),
                    false => String::new(),
                };
                format!("{what}; {}{late}", ended(came.end))
            }
        }
    }
}

/// An end as a sentence has it.
fn ended(end: PeerEnd) -> &'static str {
    match end {
        PeerEnd::Closed => "the peer closed",
        PeerEnd::Reset => "the peer reset the connection",
        PeerEnd::Open => "the connection is open",
    }
}

/// What expressions know of how a connection was made, where there is no answer of HTTP.
fn of_a_connection(exchange: Option<&Exchange>) -> Variables {
    let none = indexmap::IndexMap::new();
    let mut all = Exchange::variables(exchange.map(|exchange| (exchange, &none)));
    for name in ["protocol", "connection", "trailers", "first_byte_ms"] {
        all.shift_remove(name);
    }
    all
}

/// The names that [`Transfer::variables`] has.
pub const TRANSFER_VARIABLES: [&str; 11] = [
    "alpn",
    "certificate",
    "connect_ms",
    "duration_ms",
    "end",
    "error",
    "hex",
    "length",
    "text",
    "tls_ms",
    "tls_version",
];

/// What came of requests that were sent byte by byte.
#[derive(Debug, Clone, PartialEq)]
pub struct RawAnswers {
    /// The answers that were whole, in their order.
    pub answers: Vec<Answer>,
    /// How the peer ended the connection.
    pub end: PeerEnd,
    /// Why there were no more answers than these; none where there were as many as were waited for.
    pub none: Option<NoAnswer>,
    /// From the beginning to the last that was looked at.
    pub took: Duration,
}

impl RawAnswers {
    /// The last answer; where there are fewer than were waited for, why.
    pub fn last(&self) -> Response {
        let nothing = || NoAnswer {
            kind: None,
            message: "no answer was waited for".to_owned(),
        };
        let outcome = match (&self.none, self.answers.last()) {
            (Some(none), _) => Err(none.clone()),
            (None, Some(last)) => Ok(last.clone()),
            (None, None) => Err(nothing()),
        };
        Response {
            outcome,
            took: self.took,
        }
    }

    /// Whether a time limit that ran out on the way can have made it so.
    pub fn may_be_of_a_limit(&self) -> bool {
        self.none.is_some() || self.last().may_be_of_a_limit()
    }

    /// What expressions know of it: of the last answer, and of all.
    pub fn variables(&self) -> Variables {
        let mut variables = self.last().variables();
        let statuses: Vec<Value> = self.answers.iter().map(|answer| json!(answer.status)).collect();
        variables.insert("statuses".to_owned(), Value::Array(statuses));
        variables.insert("end".to_owned(), json!(self.end.to_string()));
        variables
    }

    /// In one line, for a failure's "actual".
    pub fn summary(&self) -> String {
        let before = self.answers.len().saturating_sub(usize::from(self.none.is_none()));
        let before: Vec<String> = self.answers[..before]
            .iter()
            .map(|answer| answer.status.to_string())
            .collect();
        let before = match before.is_empty() {
            true => String::new(),
            false => format!("{}, then ", before.join(", ")),
        };
        let last = match self.answers.is_empty() && self.none.is_none() {
            true => "no answer".to_owned(),
            false => self.last().summary(),
        };
        format!("{before}{last}; {}", ended(self.end))
    }
}

/// What [`RawAnswers::variables`] has beside what an answer has.
pub const RAW_VARIABLES: [&str; 2] = ["end", "statuses"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_variables() {
        let transfer = Transfer {
            outcome: Ok(Came {
                bytes: b"hi".to_vec(),
                end: PeerEnd::Closed,
                is_late: false,
                exchange: Exchange::default(),
            }),
            took: Duration::ZERO,
        };
        let mut names: Vec<String> = transfer.variables().keys().cloned().collect();
        names.sort_unstable();
        assert_eq!(names, TRANSFER_VARIABLES);
        assert_eq!(transfer.summary(), "2 bytes: \"hi\"; the peer closed");
    }
}
