//! What does not fit when a node is read, in words that help.

use std::fmt;

use serde::de;

use super::node::{Key, Node};
use crate::{
    source::{Diagnostic, Place, Source},
    suggest::{did_you_mean, nearest},
};

/// Keys that have another name by now, and are still read: the old one, and the new one.
pub(crate) const OLD_SPELLINGS: [(&str, &str); 1] = [("straight-to", "direct")];

/// What does not fit, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    place: Option<Place>,
    /// The place is a key's, and not a value's.
    of_key: bool,
    /// A larger part that cannot be read without the one that does not fit: the step of a verb.
    whole: Option<Box<Place>>,
    /// Boxed, as every reader hands errors on by value.
    words: Box<Words>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
struct Words {
    message: String,
    label: String,
    help: Option<String>,
}

/// What matters of an error to those who read on behind it.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// A key that nobody asked for, and the known one that was perhaps meant.
    Unknown(String, Option<&'static str>),
    Missing(&'static str),
    Other,
}

impl Error {
    fn new(message: impl Into<String>, label: impl Into<String>, help: Option<String>) -> Self {
        Self {
            place: None,
            of_key: false,
            whole: None,
            words: Box::new(Words {
                message: message.into(),
                label: label.into(),
                help,
            }),
            kind: Kind::Other,
        }
    }

    /// With this place, if it has none that is nearer.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    /// With the place of a key, if it has none.
    pub(super) fn at_key(mut self, place: Place) -> Self {
        self.of_key |= self.place.is_none() || self.place == Some(place);
        self.at(place)
    }

    /// As something to show.
    pub fn diagnose(self, source: &Source) -> Diagnostic {
        Diagnostic {
            source: source.clone(),
            place: self.place.unwrap_or_default(),
            message: self.words.message,
            label: self.words.label,
            help: self.words.help,
        }
    }

    /// That a mapping lacks a key.
    pub(crate) fn missing(field: &'static str, mapping: &Node) -> Self {
        <Self as de::Error>::missing_field(field).at(mapping.place)
    }

    /// A key that is none of those that are known.
    pub(super) fn unknown_key(key: &str, known: &[&'static str]) -> Self {
        // Nobody is led to a spelling that is old.
        let (old, new): (Vec<&'static str>, Vec<_>) = known.iter().partition(|known| now_called(known).is_some());
        let dashed = key.replace('_', "-");
        let word = nearest(&dashed, old).and_then(now_called).unwrap_or(&dashed);
        let help = did_you_mean(word, new.iter().copied());
        let near = nearest(word, new);
        Self {
            kind: Kind::Unknown(key.to_owned(), near),
            ..Self::new(
                format!("unknown key `{key}`"),
                "not a key that is known here",
                Some(help),
            )
        }
    }

    /// Whether this already tells that `field` is missing, or was misspelt.
    pub(crate) fn is_about(&self, field: &str) -> bool {
        match &self.kind {
            Kind::Unknown(_, meant) => *meant == Some(field),
            Kind::Missing(missing) => *missing == field,
            Kind::Other => false,
        }
    }

    /// Whether this tells that `mapping` lacks something.
    pub(crate) fn is_missing_in(&self, mapping: &Node) -> bool {
        matches!(self.kind, Kind::Missing(_)) && self.place == Some(mapping.place)
    }

    /// Whether this is only a consequence of what went before: the key is missing because it was misspelt, or because its
    /// value did not fit.
    pub(super) fn follows_from(&self, before: &[(Self, Gone)]) -> bool {
        let Kind::Missing(field) = self.kind else { return false };
        before.iter().any(|(error, gone)| {
            gone.mapping.is_some() && gone.mapping == self.place && (gone.key == field || error.is_about(field))
        })
    }

    /// Takes the part that does not fit out of `node`, so that the rest can be read. None if nothing can be taken out.
    pub(super) fn prune(&self, node: &mut Node) -> Option<Gone> {
        match &self.whole {
            Some(whole) => prune(node, **whole, false),
            None => prune(node, self.place?, self.of_key),
        }
    }

    /// A step none of whose keys is a verb: tell which one was perhaps meant.
    pub(super) fn no_verb(step: &Node, verbs: &[&'static str]) -> Self {
        let super::node::Kind::Mapping(entries) = &step.kind else {
            return Self::no_step("", verbs);
        };
        let Some((first, _)) = entries.first() else {
            return Self::no_step("", verbs);
        };
        let message = match nearest(&first.text, verbs.iter().copied()) {
            Some(_) => format!("`{}` is not a verb", first.text),
            None => "this step has no verb".to_owned(),
        };
        let help = instead(&first.text, step.get(&first.text), verbs)
            .unwrap_or_else(|| did_you_mean(&first.text, verbs.iter().copied()));
        Self {
            whole: Some(Box::new(step.place)),
            ..Self::new(message, "expected a verb", Some(help)).at_key(first.place)
        }
    }

    /// A step that is no mapping.
    pub(super) fn no_step(text: &str, verbs: &[&'static str]) -> Self {
        let help = match text.split_once(' ') {
            Some((verb, rest)) if verbs.contains(&verb) => format!("write `{verb}: {rest}`"),
            _ => "for example `get: /stores/1`".to_owned(),
        };
        let label = if text.is_empty() { "no verb" } else { "not a mapping" };
        Self::new("a step is a mapping that begins with its verb", label, Some(help))
    }

    /// A list or a mapping where one of some words is wanted.
    pub(super) fn no_word(words: &[&'static str]) -> Self {
        Self::new(
            "expected a single word",
            "not a word",
            Some(did_you_mean("", words.iter().copied())),
        )
    }

    /// The same error of a step, if it is about its verb: without one, nothing else in the step can be judged.
    pub(super) fn in_step(mut self, step: &Node, verb: &str, verbs: &[&'static str]) -> Self {
        let super::node::Kind::Mapping(entries) = &step.kind else {
            return self;
        };
        if let Kind::Unknown(key, meant) = &self.kind {
            let both: Vec<&Key> = entries
                .iter()
                .map(|(entry, _)| entry)
                .filter(|entry| entry.text == *key || entry.text == verb)
                .collect();
            let near = nearest(key, verbs.iter().copied()).filter(|_| meant.is_none());
            // Of two verbs, the later one in the file is the one too many.
            if let ([first, second], true) = (both.as_slice(), verbs.contains(&key.as_str())) {
                self.words.message = format!(
                    "a step has one verb, and this one has `{}` and `{}`",
                    first.text, second.text
                );
                self.words.label = "the second verb".to_owned();
                self.words.help = Some("make two steps of it".to_owned());
                self.place = Some(second.place);
                self.whole = Some(Box::new(step.place));
            } else if let Some(near) = near {
                self.words.help = Some(format!("did you mean the verb `{near}`?"));
                self.whole = Some(Box::new(step.place));
            } else if meant.is_none() {
                let instead = instead(key, step.get(key), verbs).or_else(|| needs_no_time(key, verb));
                self.words.help = instead.or(self.words.help.take());
            }
        }
        if step
            .get(verb)
            .is_some_and(|value| !self.of_key && self.place == Some(value.place))
        {
            self.whole = Some(Box::new(step.place));
        }
        self
    }
}

/// What a key is called by now that has an old spelling.
fn now_called(key: &str) -> Option<&'static str> {
    let known = OLD_SPELLINGS.iter().find(|(old, _)| *old == key);
    known.map(|(_, new)| *new)
}

/// What to do in place of giving a time to a verb that has none.
fn needs_no_time(key: &str, verb: &str) -> Option<String> {
    let meant = nearest(key, ["within", "for"])?;
    let misspelt = match meant == key {
        true => String::new(),
        false => format!("did you mean `{meant}`? "),
    };
    Some(format!(
        "{misspelt}`{verb}` takes no time: it is done before the next step, and an expectation behind it may have `{meant}`"
    ))
}

/// What to write in place of a verb that other languages have.
fn instead(word: &str, value: Option<&Node>, verbs: &[&'static str]) -> Option<String> {
    let text = match value.map(|value| &value.kind) {
        Some(super::node::Kind::Scalar { text, .. }) => text.as_str(),
        _ => "",
    };
    match word.to_lowercase().as_str() {
        "sleep" | "wait" | "delay" => {
            let time = if text.is_empty() { "2s" } else { text };
            Some(format!(
                "nothing only waits here: give an expectation time, with `within: {time}` to become true or `for: {time}` to stay so"
            ))
        }
        "request" | "send" | "http" => {
            let (method, path) = text.split_once(' ').unwrap_or(("get", text));
            let method = method.to_lowercase();
            let method = if verbs.contains(&method.as_str()) {
                method
            } else {
                "get".to_owned()
            };
            let path = if path.trim().is_empty() {
                "/stores/1"
            } else {
                path.trim()
            };
            Some(format!("the method is the verb: write `{method}: {path}`"))
        }
        "assert" | "verify" => {
            Some("an expectation stands beside its request, such as `status: 200`; expressions are `check`".to_owned())
        }
        _ => None,
    }
}

/// What was taken out: the key of a mapping, or (with no mapping) an item of a list.
pub(super) struct Gone {
    mapping: Option<Place>,
    key: String,
}

fn prune(node: &mut Node, place: Place, of_key: bool) -> Option<Gone> {
    use super::node::Kind as K;
    match &mut node.kind {
        K::Scalar { .. } => None,
        K::Sequence(items) => match items.iter().position(|item| !of_key && item.place == place) {
            Some(at) => {
                items.remove(at);
                Some(Gone {
                    mapping: None,
                    key: String::new(),
                })
            }
            None => items.iter_mut().find_map(|item| prune(item, place, of_key)),
        },
        K::Mapping(entries) => {
            let is = |(key, value): &(Key, Node)| {
                if of_key {
                    key.place == place
                } else {
                    value.place == place
                }
            };
            match entries.iter().position(is) {
                Some(at) => Some(Gone {
                    mapping: Some(node.place),
                    key: entries.remove(at).0.text,
                }),
                None => entries.iter_mut().find_map(|(_, value)| prune(value, place, of_key)),
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // A type may bring its way out behind a line break.
        let text = message.to_string();
        let (message, help) = match text.split_once('\n') {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (text, None),
        };
        Self::new(message, "here", help)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_key(field, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = did_you_mean(variant, expected.iter().copied());
        Self::new(
            format!("unknown word `{variant}`"),
            "not a word that is known here",
            Some(help),
        )
    }

    /// The same word twice is no YAML; so these are two spellings of one key.
    fn duplicate_field(field: &'static str) -> Self {
        Self::new(
            format!("`{field}` is there in two spellings"),
            "in the mapping that begins here",
            Some("keep one of them".to_owned()),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            kind: Kind::Missing(field),
            ..Self::new(
                format!("the key `{field}` is missing"),
                "in the mapping that begins here",
                Some(format!("add `{field}: …`")),
            )
        }
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let wanted = wanted(&expected.to_string());
        let found = found(unexpected);
        let help = match (wanted.as_str(), unexpected) {
            (_, de::Unexpected::Unit) => Some(format!("write {wanted} behind the key")),
            ("a list", de::Unexpected::Str(text)) => Some(format!("write `[{text}]`")),
            ("a list", de::Unexpected::Map) => Some("begin each item with `- `".to_owned()),
            ("a list", _) => Some("write `[…]`, or items that begin with `- ` in lines of their own".to_owned()),
            ("a mapping", _) => Some("write `{key: value}`, or `key: value` in lines of their own".to_owned()),
            ("a text", de::Unexpected::Map | de::Unexpected::Seq) => {
                Some("quote a text that begins with `{` or `[`, or that has a `: ` in it".to_owned())
            }
            (NUMBER | "a number", de::Unexpected::Str(text)) if text.parse::<f64>().is_ok() => {
                Some(format!("write {text} without quotes"))
            }
            ("`true` or `false`", de::Unexpected::Str(text)) if ["true", "false"].contains(&text) => {
                Some(format!("write {text} without quotes"))
            }
            (STATUS, de::Unexpected::Str(text)) if text.ends_with("xx") => {
                Some("name each status that may come, or say with `errors` how many may fail".to_owned())
            }
            _ => None,
        };
        Self::new(
            format!("expected {wanted}, found {found}"),
            format!("expected {wanted}"),
            help,
        )
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }
}

const STATUS: &str = "an HTTP status, from 100 to 599";
const NUMBER: &str = "a whole number, 0 or more";

/// What Rust's names for types are to a person.
fn wanted(expected: &str) -> String {
    match expected {
        "a string" | "a borrowed string" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        // Nothing else that people write has this type.
        "u16" => STATUS.to_owned(),
        "u32" | "u64" | "usize" => NUMBER.to_owned(),
        other if other.starts_with("struct ") => "a mapping".to_owned(),
        other => other.to_owned(),
    }
}

fn found(unexpected: de::Unexpected<'_>) -> String {
    use de::Unexpected as U;
    match unexpected {
        U::Bool(value) => format!("`{value}`"),
        U::Unsigned(number) => format!("the number {number}"),
        U::Signed(number) => format!("the number {number}"),
        U::Float(number) => format!("the number {number}"),
        U::Str(text) => format!("the text `{text}`"),
        U::Unit | U::Option => "nothing".to_owned(),
        U::Seq => "a list".to_owned(),
        U::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
