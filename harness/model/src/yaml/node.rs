//! The tree of a YAML file, each part with its place.

use std::panic::{AssertUnwindSafe, catch_unwind};

use marked_yaml::{LoaderOptions, Marker, Node as Marked, Span, parse_yaml_with_options};

use super::syntax;
use crate::source::{Diagnostic, Place, Source};

/// A part of a YAML file.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it was written.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A word, a number, a text. `plain` tells that it was not quoted, so that `5` is a number and `"5"` is not.
    Scalar {
        /// The text without quotes.
        text: String,
        /// Not quoted.
        plain: bool,
    },
    /// Entries in their order.
    Mapping(Vec<(Key, Node)>),
    /// Items in their order.
    Sequence(Vec<Node>),
}

/// The key of a mapping's entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Where it was written.
    pub place: Place,
    /// The key itself.
    pub text: String,
}

impl Node {
    /// The node under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Mapping(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// How many items or entries it has; a scalar has none.
    pub fn len(&self) -> usize {
        match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::Mapping(entries) => entries.len(),
            Kind::Sequence(items) => items.len(),
        }
    }

    /// Whether it has no item and no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing was written, or a plain `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain } if scalar(text, *plain).is_null())
    }

    /// The node as JSON: plain scalars become null, booleans and numbers where they look like ones.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Scalar { text, plain } => scalar(text, *plain),
            Kind::Mapping(entries) => entries
                .iter()
                .map(|(key, node)| (key.text.clone(), node.to_json()))
                .collect(),
            Kind::Sequence(items) => items.iter().map(Self::to_json).collect(),
        }
    }

    /// The node that is this JSON, all of it at one place.
    pub(crate) fn of_json(value: &serde_json::Value, place: Place) -> Self {
        use serde_json::Value;
        let plain = !value.is_string();
        let kind = match value {
            Value::String(text) => Kind::Scalar {
                text: text.clone(),
                plain,
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => Kind::Scalar {
                text: value.to_string(),
                plain,
            },
            Value::Array(items) => Kind::Sequence(items.iter().map(|item| Self::of_json(item, place)).collect()),
            Value::Object(fields) => {
                let entries = fields.iter().map(|(key, value)| {
                    let text = key.clone();
                    (Key { place, text }, Self::of_json(value, place))
                });
                Kind::Mapping(entries.collect())
            }
        };
        Self { place, kind }
    }

    /// The key `key` of this mapping, if it has it.
    pub fn key(&self, key: &str) -> Option<&Key> {
        match &self.kind {
            Kind::Mapping(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(key, _)| key),
            _ => None,
        }
    }

    /// Calls `look` on every scalar and every key below this node.
    pub fn visit<'a>(&'a self, look: &mut impl FnMut(&'a str, Place)) {
        match &self.kind {
            Kind::Scalar { text, .. } => look(text, self.place),
            Kind::Sequence(items) => items.iter().for_each(|item| item.visit(look)),
            Kind::Mapping(entries) => {
                for (key, node) in entries {
                    look(&key.text, key.place);
                    node.visit(look);
                }
            }
        }
    }

    /// Calls `change` on every scalar and every key below this node.
    pub fn rewrite<E>(
        &mut self,
        change: &mut impl FnMut(&mut String, &mut bool, Place) -> Result<(), E>,
    ) -> Result<(), E> {
        match &mut self.kind {
            Kind::Scalar { text, plain } => change(text, plain, self.place),
            Kind::Sequence(items) => items.iter_mut().try_for_each(|item| item.rewrite(change)),
            Kind::Mapping(entries) => entries.iter_mut().try_for_each(|(key, node)| {
                change(&mut key.text, &mut true, key.place)?;
                node.rewrite(change)
            }),
        }
    }
}

/// A scalar as YAML 1.2's core schema reads it.
pub(super) fn scalar(text: &str, plain: bool) -> serde_json::Value {
    use serde_json::Value;
    if !plain {
        return Value::from(text);
    }
    match text {
        "" | "~" | "null" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::from(true),
        "false" | "False" | "FALSE" => return Value::from(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return Value::from(number);
    }
    // Ids of 64 bits; a sign before one is no part of a number of JSON.
    if let Some(number) = text.parse::<u64>().ok().filter(|_| !text.starts_with('+')) {
        return Value::from(number);
    }
    // `inf` and `nan` parse as floats in Rust and are words in YAML.
    match text.parse::<f64>() {
        Ok(number) if text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') => Value::from(number),
        _ => Value::from(text),
    }
}

/// Reads one YAML document. Where the file holds no mapping at all, the diagnostic has no help: the caller knows what the
/// file should hold.
///
/// # Errors
/// What is not YAML, repeats a key, holds several documents, or uses anchors or tags (neither is of use here).
pub fn parse(source: &Source) -> Result<Node, Diagnostic> {
    syntax::check(source)?;
    load(source, source.text())
}

/// Reads a text that is the source's, or a part of it at the same place.
pub(super) fn load(source: &Source, text: &str) -> Result<Node, Diagnostic> {
    // Scalars are told apart by their quotes only if the loader is asked not to guess.
    let options = LoaderOptions::default()
        .error_on_duplicate_keys(true)
        .prevent_coercion(true);
    // A parser that fails inside must not take the whole run with it.
    let read = catch_unwind(AssertUnwindSafe(|| parse_yaml_with_options(0, text, options)));
    match read {
        Ok(Ok(node)) => Ok(convert(source, &node, None)),
        Ok(Err(error)) => Err(syntax::explain(source, &error)),
        Err(_) => Err(
            Diagnostic::new(source, source.at(0, 1), "not YAML", "this file cannot be read")
                .help("compare it with another file of its kind"),
        ),
    }
}

/// `empty` is the place of a scalar that was not written at all.
fn convert(source: &Source, node: &Marked, empty: Option<Place>) -> Node {
    match node {
        Marked::Scalar(scalar) => {
            let (text, plain) = (scalar.as_str(), scalar.may_coerce());
            let written = begins(source, scalar.span(), |start| {
                extent(&source.text()[start..], text, plain)
            });
            let place = if plain && text.is_empty() {
                empty.unwrap_or(written)
            } else {
                written
            };
            let kind = Kind::Scalar {
                text: text.to_owned(),
                plain,
            };
            Node { place, kind }
        }
        Marked::Mapping(mapping) => {
            let entries: Vec<(Key, Node)> = mapping
                .iter()
                .map(|(key, value)| {
                    let text = key.as_str();
                    let place = begins(source, key.span(), |start| {
                        extent(&source.text()[start..], text, key.may_coerce())
                    });
                    let key = Key {
                        place,
                        text: text.to_owned(),
                    };
                    (key, convert(source, value, Some(place)))
                })
                .collect();
            let braces = begins(source, mapping.span(), |_| 1);
            let in_braces = source.text()[braces.offset..].starts_with('{');
            // The loader's mark of a mapping without braces is behind its first key.
            let place = match entries.first() {
                Some((first, _)) if !in_braces => first.place,
                _ => braces,
            };
            let kind = Kind::Mapping(entries);
            Node { place, kind }
        }
        Marked::Sequence(sequence) => {
            let place = begins(source, sequence.span(), |_| 1);
            let mut line = place.line;
            let items = sequence.iter().map(|item| {
                // An item that was not written is a dash alone; the loader's mark is on what comes next.
                let absent = item
                    .as_scalar()
                    .is_some_and(|item| item.may_coerce() && item.as_str().is_empty());
                let dash = absent.then(|| (line..=line + 50).find_map(|number| lone_dash(source, number)));
                let item = convert(source, item, Some(dash.flatten().unwrap_or(place)));
                line = item.place.line + 1;
                item
            });
            let kind = Kind::Sequence(items.collect());
            Node { place, kind }
        }
    }
}

fn begins(source: &Source, span: &Span, len: impl FnOnce(usize) -> usize) -> Place {
    let mark = |mark: &Marker| source.place(mark.line(), mark.column(), 1);
    span.start().map_or(Place::default(), |start| {
        let offset = mark(start).offset;
        source.at(offset, len(offset))
    })
}

/// How many bytes a scalar has that begins where `written` does, its quotes included.
fn extent(written: &str, text: &str, plain: bool) -> usize {
    let quote = written.chars().next().filter(|c| !plain && ['"', '\''].contains(c));
    let Some(quote) = quote else {
        return text.lines().next().unwrap_or_default().len();
    };
    let mut escaped = false;
    for (at, c) in written.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            // Two single quotes are one inside single quotes.
            '\'' if quote == '\'' && written[at + 1..].starts_with('\'') => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    written.len()
}

/// A line with a dash alone has at the most so many bytes, its comment included.
const LONGEST_COMMENT: usize = 1000;

fn lone_dash(source: &Source, line: usize) -> Option<Place> {
    let text = source.line(line);
    if text.len() > LONGEST_COMMENT {
        return None;
    }
    let content = text.split(" #").next().unwrap_or(text).trim();
    (content == "-").then(|| source.place(line, text.find('-').unwrap_or_default() + 1, 1))
}
