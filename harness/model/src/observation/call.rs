//! What came of a call of gRPC.

use serde_json::{Value, json};

use super::Response;
use crate::{expression::Variables, grpc::Code, shorten::shorten};

/// What came of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The answer of HTTP in which it was, without its body; or why there was none.
    pub response: Response,
    /// With what it ended; none where there was no answer.
    pub ended: Option<Ended>,
    /// The messages that came, as JSON, also before a call that broke.
    pub replies: Vec<Value>,
}

/// With what a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The status.
    pub code: Code,
    /// Its message.
    pub message: String,
    /// Whether gRPC said so. Otherwise it is what the answer of HTTP means, which has no `grpc-status`.
    pub is_of_grpc: bool,
}

impl Call {
    /// Whether a time limit that ran out on the way can have made it so.
    pub fn may_be_of_a_limit(&self) -> bool {
        self.ended.as_ref().is_none_or(|ended| ended.code.may_be_of_a_limit())
    }

    /// Who took part.
    pub fn served_by(&self) -> Vec<&str> {
        let answer = self.response.outcome.as_ref();
        answer.map_or_else(|_| Vec::new(), |answer| answer.served_by())
    }

    /// What expressions know of it.
    pub fn variables(&self) -> Variables {
        let mut variables = self.response.variables();
        for name in ["json", "text"] {
            variables.shift_remove(name);
        }
        let http = variables.shift_remove("status");
        variables.insert("http_status".to_owned(), http.unwrap_or(Value::Null));
        let ended = self.ended.as_ref();
        let reply = match self.replies.as_slice() {
            [one] => one.clone(),
            _ => Value::Null,
        };
        variables.extend(
            [
                ("status", json!(ended.map(|ended| ended.code.to_string()))),
                ("code", json!(ended.map(|ended| ended.code.0))),
                ("status_message", json!(ended.map(|ended| &ended.message))),
                ("reply", reply),
                ("replies", json!(self.replies)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        variables
    }

    /// In one line, for a failure's "actual".
    pub fn summary(&self) -> String {
        let replies = match self.replies.as_slice() {
            [] => String::new(),
            [one] => format!(", one reply: {}", shorten(&one.to_string(), 300)),
            [first, ..] => format!(
                ", {} replies, the first: {}",
                self.replies.len(),
                shorten(&first.to_string(), 300)
            ),
        };
        let (Some(ended), Ok(answer)) = (&self.ended, &self.response.outcome) else {
            return format!("{}{replies}", self.response.summary());
        };
        let by = match self.served_by().join(" via ") {
            by if by.is_empty() => by,
            by => format!(", served by {by}"),
        };
        let message = match ended.message.as_str() {
            "" => String::new(),
            message => format!(": {}", shorten(message, 300)),
        };
        let told = match ended.is_of_grpc {
            true => String::new(),
            false => format!(" (no grpc-status: HTTP says {})", answer.status),
        };
        format!("{}{message}{told}{by}{replies}", ended.code)
    }
}

/// The names that [`Call::variables`] has.
pub const CALL_VARIABLES: [&str; 19] = [
    "alpn",
    "certificate",
    "code",
    "connect_ms",
    "connection",
    "duration_ms",
    "error",
    "first_byte_ms",
    "headers",
    "http_status",
    "protocol",
    "replies",
    "reply",
    "served_by",
    "status",
    "status_message",
    "tls_ms",
    "tls_version",
    "trailers",
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observation::Answer;

    #[test]
    fn the_names_are_those_of_the_variables() {
        let call = Call {
            response: Response {
                outcome: Ok(Answer::default()),
                took: Duration::ZERO,
            },
            ended: None,
            replies: Vec::new(),
        };
        let mut names: Vec<String> = call.variables().keys().cloned().collect();
        names.sort_unstable();
        assert_eq!(names, CALL_VARIABLES);
    }
}
