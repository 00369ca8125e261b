//! What came of a WebSocket.

use std::fmt;

use serde_json::{Value, json};

use super::Response;
use crate::{
    expression::Variables,
    scenario::octets::{hex, shown},
};

/// What is sent over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message of text.
    Text(String),
    /// A message of bytes.
    Binary(Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// The answer to a ping.
    Pong(Vec<u8>),
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&shown(text.as_bytes())),
            Self::Binary(bytes) => write!(f, "binary {}", shown(bytes)),
            Self::Ping(bytes) => write!(f, "a ping {}", shown(bytes)),
            Self::Pong(bytes) => write!(f, "a pong {}", shown(bytes)),
        }
    }
}

/// How the other side closed a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The code: 1005 where the frame had none, 1006 where the connection broke without one.
    pub code: u16,
    /// The reason that it gave; or, with 1006, what happened.
    pub reason: String,
}

/// What came of a WebSocket.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// The answer to the upgrade: 101, or another one with its body; or why there was none.
    pub response: Response,
    /// What was received, in its order.
    pub received: Vec<Frame>,
    /// How the other side closed it; none if it did not, as long as somebody looked.
    pub close: Option<Close>,
    /// Whether the time was over before what was waited for had come.
    pub is_late: bool,
}

impl Conversation {
    /// Whether the WebSocket came to be.
    pub fn is_open(&self) -> bool {
        self.response.outcome.as_ref().is_ok_and(|answer| answer.status == 101)
    }

    /// The subprotocol that the other side chose.
    pub fn subprotocol(&self) -> Option<&str> {
        let answer = self.response.outcome.as_ref().ok()?;
        answer.headers.get("sec-websocket-protocol").map(String::as_str)
    }

    /// Whether a time limit that ran out on the way can have made it so.
    pub fn may_be_of_a_limit(&self) -> bool {
        self.is_late || self.close.is_some() || self.response.may_be_of_a_limit()
    }

    /// What expressions know of it.
    pub fn variables(&self) -> Variables {
        let mut variables = self.response.variables();
        let messages: Vec<Value> = self
            .received
            .iter()
            .filter_map(|frame| match frame {
                Frame::Text(text) => Some(json!(text)),
                Frame::Binary(bytes) => Some(json!({ "hex": hex(bytes) })),
                Frame::Ping(_) | Frame::Pong(_) => None,
            })
            .collect();
        let close = self.close.as_ref();
        variables.extend(
            [
                ("messages", Value::Array(messages)),
                ("close_code", json!(close.map(|close| close.code))),
                ("close_reason", json!(close.map(|close| &close.reason))),
                ("subprotocol", json!(self.subprotocol())),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        variables
    }

    /// In one line, for a failure's "actual".
    pub fn summary(&self) -> String {
        if !self.is_open() {
            return format!("no WebSocket: {}", self.response.summary());
        }
        let few: Vec<String> = self.received.iter().take(5).map(Frame::to_string).collect();
        let what = match self.received.len() {
            0 => "nothing came".to_owned(),
            all if all > few.len() => format!("{all} came, first {}", few.join(", ")),
            _ => few.join(", "),
        };
        let close = match &self.close {
            None => "not closed".to_owned(),
            Some(Close { code, reason }) if reason.is_empty() => format!("closed with {code}"),
            Some(Close { code, reason }) => format!("closed with {code}: {reason}"),
        };
        let late = match self.is_late {
            true => format!(", and nothing more within {:.1?}", self.response.took),
            false => String::new(),
        };
        format!("{what}; {close}{late}")
    }
}

/// What [`Conversation::variables`] has beside what an answer has.
pub const CONVERSATION_VARIABLES: [&str; 4] = ["close_code", "close_reason", "messages", "subprotocol"];
