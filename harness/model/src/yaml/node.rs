//! The tree of a YAML file, each part with its place.

use marked_yaml::{LoaderOptions, Marker, Node as Marked, parse_yaml_with_options};

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
    // `inf` and `nan` parse as floats in Rust and are words in YAML.
    match text.parse::<f64>() {
        Ok(number) if text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') => Value::from(number),
        _ => Value::from(text),
    }
}

/// Reads one YAML document.
///
/// # Errors
/// What is not YAML, repeats a key, or uses anchors or tags (neither is of use here).
pub fn parse(source: &Source) -> Result<Node, Diagnostic> {
    let options = LoaderOptions::default().error_on_duplicate_keys(true);
    parse_yaml_with_options(0, source.text(), options)
        .map(|node| convert(source, &node))
        .map_err(|error| {
            use marked_yaml::LoadError as E;
            let at = |mark: &Marker| source.place(mark.line(), mark.column(), 1);
            match &error {
                E::TopLevelMustBeMapping(mark) | E::TopLevelMustBeSequence(mark) => Diagnostic::new(
                    source,
                    at(mark),
                    "the file must hold a mapping",
                    "expected `key: value` here",
                )
                .help("the smallest scenario has the keys `promise`, `mesh` and `steps`"),
                E::UnexpectedAnchor(mark) => Diagnostic::new(
                    source,
                    at(mark),
                    "YAML anchors and aliases are not used here",
                    "an anchor or an alias",
                )
                .help("write the value out; what varies is an axis"),
                E::MappingKeyMustBeScalar(mark) => Diagnostic::new(
                    source,
                    at(mark),
                    "a key must be a single word",
                    "this key is a list or a mapping",
                )
                .help("quote a key that begins with `{` or `[`"),
                E::UnexpectedTag(mark) => Diagnostic::new(source, at(mark), "YAML tags are not used here", "a tag")
                    .help("remove the word that begins with `!`, or quote the text"),
                E::DuplicateKey(keys) => {
                    let span = keys.key.span().start().map_or(Place::default(), |mark| {
                        source.place(mark.line(), mark.column(), keys.key.as_str().len())
                    });
                    let first = keys.prev_key.span().start().map_or(0, Marker::line);
                    Diagnostic::new(
                        source,
                        span,
                        format!("the key `{}` is there twice", keys.key.as_str()),
                        "the second one",
                    )
                    .help(format!("the first one is in line {first}; keep one of them"))
                }
                E::ScanError(mark, scan) => {
                    let text = scan.to_string();
                    let text = text.split(" at byte").next().unwrap_or(&text);
                    Diagnostic::new(source, at(mark), format!("not YAML: {text}"), "here")
                        .help("look at the indentation and the quotes in this line and in the one before")
                }
            }
        })
}

fn convert(source: &Source, node: &Marked) -> Node {
    let place = |span: &marked_yaml::Span, len: usize| {
        span.start()
            .map_or(Place::default(), |mark| source.place(mark.line(), mark.column(), len))
    };
    match node {
        Marked::Scalar(scalar) => {
            let plain = scalar.may_coerce();
            let len = scalar.as_str().len() + if plain { 0 } else { 2 };
            let kind = Kind::Scalar {
                text: scalar.as_str().to_owned(),
                plain,
            };
            Node {
                place: place(scalar.span(), len),
                kind,
            }
        }
        Marked::Mapping(mapping) => {
            let entries = mapping.iter().map(|(key, value)| {
                let place = place(key.span(), key.as_str().len());
                (
                    Key {
                        place,
                        text: key.as_str().to_owned(),
                    },
                    convert(source, value),
                )
            });
            Node {
                place: place(mapping.span(), 1),
                kind: Kind::Mapping(entries.collect()),
            }
        }
        Marked::Sequence(sequence) => {
            let items = sequence.iter().map(|item| convert(source, item)).collect();
            Node {
                place: place(sequence.span(), 1),
                kind: Kind::Sequence(items),
            }
        }
    }
}
