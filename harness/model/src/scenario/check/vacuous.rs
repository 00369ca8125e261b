//! Expectations that hold whatever happens, keys that say nothing, and times that are none.

use super::Check;
use crate::{
    scenario::quantity::Time,
    source::Place,
    yaml::{At, Kind, Node},
};

/// Keys of which an empty list or mapping says nothing. Of others, such as the hosts of a service, it says that there are none.
const NOT_EMPTY: [&str; 13] = [
    "contains",
    "distinct",
    "endpoints",
    "headers",
    "json",
    "received",
    "register",
    "reply",
    "response-headers",
    "stats",
    "statuses",
    "that",
    "trailers",
];

/// Keys whose value is a time in which something can happen.
const TIMES: [&str; 6] = ["deadline", "every", "for", "timeout", "window", "within"];

impl Check<'_> {
    /// Keys without a value, and with an empty one: whoever wrote them meant something.
    pub(crate) fn nothing_said(&mut self) {
        let Kind::Mapping(entries) = &self.node.kind else {
            return;
        };
        for (key, value) in entries {
            // A body may be JSON's null.
            if key.text != "body" && value.is_null() {
                let message = format!("`{}` has no value", key.text);
                self.wrong(
                    key.place,
                    message,
                    "says nothing",
                    "write its value behind it, or remove it",
                );
            } else if is_empty(value) && NOT_EMPTY.contains(&key.text.as_str()) {
                let (message, help) = match key.text.as_str() {
                    "headers" => (
                        "no header is sent".to_owned(),
                        "for example `headers: {x-user: bob}`, or remove it",
                    ),
                    "register" => (
                        "no service is registered".to_owned(),
                        "for example `register: {pet: [pet-1]}`",
                    ),
                    "json" => (
                        "`json` is empty, and holds of any object, or of no item".to_owned(),
                        "write what the body has at least, such as `json: {id: 1}`; of an empty list, `that: json == []`",
                    ),
                    other => (
                        format!("`{other}` is empty, and expects nothing"),
                        "write what is expected, or remove it",
                    ),
                };
                self.wrong(value.place, message, "nothing in it", help);
            }
        }
    }

    /// Times of nothing.
    pub(crate) fn times(&mut self) {
        let Kind::Mapping(entries) = &self.node.kind else {
            return;
        };
        for (key, value) in entries {
            let is_none = |value: &Node| match &value.kind {
                Kind::Scalar { text, .. } => text.parse::<Time>().is_ok_and(|time| time.0.is_zero()),
                _ => false,
            };
            if TIMES.contains(&key.text.as_str()) && is_none(value) {
                let message = format!("`{}` is no time at all", key.text);
                self.wrong(
                    value.place,
                    message,
                    "nothing can happen in it",
                    "for example `2s`, or remove it",
                );
            }
        }
    }

    /// Time is given to something that is expected.
    pub(crate) fn awaited(&mut self, expects: bool, example: &str) {
        if let Some(time) = ["within", "for"].into_iter().find(|key| !expects && self.has(key)) {
            let message = format!("`{time}` is the time of an expectation, and this step has none");
            let help = format!("add one, such as `{example}`, or remove it");
            self.wrong(self.key(&[time]), message, "waits for nothing", help);
        }
    }

    /// A reason says something.
    pub(crate) fn reason(&mut self, because: Option<&At<String>>) {
        if let Some(empty) = because.filter(|because| because.trim().is_empty()) {
            let help = "say in a sentence why the time is right, or remove it";
            self.wrong(empty.place, "there is no reason", "an empty text", help);
        }
    }

    /// That an expectation holds whatever is seen.
    pub(crate) fn always(&mut self, place: Place, help: &str) {
        self.wrong(place, "this holds whatever happens", "always true", help);
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Sequence(items) => items.is_empty(),
        Kind::Mapping(entries) => entries.is_empty(),
        Kind::Scalar { .. } => false,
    }
}
