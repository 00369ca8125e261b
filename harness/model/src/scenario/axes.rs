//! What varies: reading axes, and putting their values in.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    axis::{ENVOY, not_a_version, text, written},
    combine::{Choice, Mark},
    limits::{PROBLEMS, VALUES},
    scenario::{
        file::INVALID_ELSEWHERE,
        reference::{Part, Reference, split},
        size::too_many_values,
    },
    source::{Diagnostic, Place, Source},
    suggest::{did_you_mean, nearest},
    yaml::{self, Key, Kind, Node},
};

/// Values that scenarios share by name: what transports there are is said in one place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SharedAxes {
    lists: IndexMap<String, Values>,
    /// The names whose lists are invalid.
    invalid: HashSet<String>,
    /// Nothing of the file can be read: any name may be meant.
    unreadable: bool,
}

/// The values of an axis, and what is said of those that are not like the others.
#[derive(Debug, Clone, Default, PartialEq)]
struct Values {
    all: Vec<Value>,
    /// The same as they were written: as versions of Envoy, 1.4 and 1.40 are two.
    written: Vec<Value>,
    marks: Vec<Mark>,
}

impl Values {
    /// The same with each value as it was written.
    fn as_written(&self) -> Self {
        let known: HashMap<String, &Value> = self.all.iter().map(text).zip(&self.written).collect();
        let written = |value: &Value| known.get(&text(value)).copied().unwrap_or(value).clone();
        let marks = self.marks.iter().map(|mark| Mark {
            value: written(&mark.value),
            ..mark.clone()
        });
        Self {
            all: self.written.clone(),
            written: self.written.clone(),
            marks: marks.collect(),
        }
    }
}

impl SharedAxes {
    /// Reads `scenarios/axes.yaml`: names, each with its list of values.
    ///
    /// # Errors
    /// Everything that is invalid, in the order of the file.
    pub fn read(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let (shared, wrong) = Self::read_partly(source);
        if wrong.is_empty() { Ok(shared) } else { Err(wrong) }
    }

    /// As [`SharedAxes::read`], but gives also of an invalid file the lists that are valid, with everything that is wrong.
    pub fn read_partly(source: &Source) -> (Self, Vec<Diagnostic>) {
        let node = match yaml::parse(source) {
            Ok(node) => node,
            Err(wrong) => return (Self::unreadable(), vec![wrong]),
        };
        let Kind::Mapping(entries) = &node.kind else {
            let message = "shared axes are a mapping of names to lists";
            let wrong = Diagnostic::new(source, node.place, message, "not a mapping")
                .help("for example `transports: [rest, grpc]`");
            return (Self::unreadable(), vec![wrong]);
        };
        let mut wrong = Vec::new();
        let mut shared = Self::default();
        for (key, values) in entries {
            let before = wrong.len();
            if values.len() > VALUES {
                wrong.push(too_many_values(source, &key.text, values));
            } else {
                let values = axis(source, key, values, &mut wrong);
                shared.lists.insert(key.text.clone(), values);
            }
            if wrong.len() > before {
                shared.lists.shift_remove(&key.text);
                shared.invalid.insert(key.text.clone());
            }
        }
        (shared, wrong)
    }

    /// What a file has that cannot be read: nobody knows.
    pub(crate) fn unreadable() -> Self {
        Self {
            unreadable: true,
            ..Self::default()
        }
    }

    /// The values of a name, and the names that there are if it is none of them.
    fn values(&self, name: &str) -> Result<&Values, Vec<&str>> {
        let known = || self.lists.keys().map(String::as_str).collect();
        self.lists.get(name).ok_or_else(known)
    }

    /// Whether a name is among what is invalid in the file of shared axes.
    fn is_invalid(&self, name: &str) -> bool {
        self.unreadable || self.invalid.contains(name)
    }
}

/// The values of each axis, and what is said of those that are not like the others.
pub(super) type Axes = (IndexMap<String, Vec<Value>>, Vec<Mark>);

/// The name of shared values that a scenario gives in place of its own: `$transports`.
fn shared_name(values: &Node) -> Option<&str> {
    match &values.kind {
        Kind::Scalar { text, .. } => text.strip_prefix('$').filter(|name| !name.starts_with('{')),
        _ => None,
    }
}

/// Reads `axes:` of a scenario; none is an empty map.
///
/// # Errors
/// Axes that are invalid, that nothing refers to, and references to axes that are not there.
pub(super) fn read(source: &Source, node: &Node, shared: &SharedAxes) -> Result<Axes, Vec<Diagnostic>> {
    let mut axes = IndexMap::new();
    let mut marks = Vec::new();
    let mut wrong = Vec::new();
    let entries = match node.get("axes") {
        None => &[],
        Some(Node {
            kind: Kind::Mapping(entries),
            ..
        }) => entries.as_slice(),
        Some(other) => {
            let message = "`axes` is a mapping of names to lists of values";
            return Err(vec![
                Diagnostic::new(source, other.place, message, "not a mapping")
                    .help("for example `axes: {pets: [1, 3]}`"),
            ]);
        }
    };
    for (key, values) in entries {
        let values = match shared_name(values).map(|name| (name, shared.values(name))) {
            None => axis(source, key, values, &mut wrong),
            Some((_, Ok(shared))) if key.text == ENVOY => {
                // One is enough: all are at the same place.
                let mut written = shared.written.iter();
                wrong.extend(written.find_map(|value| not_a_version(source, values.place, value)));
                shared.as_written()
            }
            Some((_, Ok(shared))) => shared.clone(),
            Some((name, Err(_))) if shared.is_invalid(name) => {
                let message = format!("the shared values `{name}` are invalid");
                let told = Diagnostic::new(source, values.place, message, INVALID_ELSEWHERE);
                wrong.push(told.help("mend `scenarios/axes.yaml`"));
                Values::default()
            }
            Some((name, Err(known))) => {
                let help = match known.is_empty() {
                    true => "`scenarios/axes.yaml` holds what is shared, and has nothing".to_owned(),
                    false => did_you_mean(name, known),
                };
                let message = format!("there are no shared values `{name}`");
                wrong.push(Diagnostic::new(source, values.place, message, "unknown name").help(help));
                Values::default()
            }
        };
        // Shared values have the mark of the axis that they are those of here.
        let axis = || key.text.clone();
        marks.extend(values.marks.into_iter().map(|mark| Mark { axis: axis(), ..mark }));
        axes.insert(axis(), values.all);
    }
    let references: HashSet<&str> = references(source, node, entries).into_iter().collect();
    let is_axis = |name: &&&str| axes.contains_key(**name);
    // Each that is misspelt is told; of very many, the first are.
    let misspelt = references.iter().filter(|name| !is_axis(name)).take(PROBLEMS);
    let misspelt: HashSet<&str> = misspelt.filter_map(|name| near(name, entries)).collect();
    // What the axis `envoy` varies is the mesh's Envoy, whether or not anything else refers to it.
    let meant = |axis: &str| axis == ENVOY || references.contains(axis) || misspelt.contains(axis);
    if node.get("steps").is_some() {
        wrong.extend(
            entries
                .iter()
                .filter(|(key, _)| !meant(&key.text))
                .map(|(key, _)| unused(source, key)),
        );
    }
    wrong.extend(unknown(source, node, entries));
    if wrong.is_empty() {
        Ok((axes, marks))
    } else {
        Err(wrong)
    }
}

/// The values of one axis.
fn axis(source: &Source, key: &Key, values: &Node, wrong: &mut Vec<Diagnostic>) -> Values {
    let name = &key.text;
    let mut tell = |place: Place, message: String, label: &str, help: String| {
        wrong.push(Diagnostic::new(source, place, message, label).help(help));
    };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        let message = format!("`{name}` is not a name for an axis");
        tell(
            key.place,
            message,
            "not an axis' name",
            "letters, digits, hyphens and underscores".to_owned(),
        );
    }
    let Kind::Sequence(items) = &values.kind else {
        let message = format!("the axis `{name}` needs a list of values");
        tell(
            values.place,
            message,
            "not a list",
            format!("for example `{name}: [1, 3]`, or `{name}: $NAME` for values of `scenarios/axes.yaml`"),
        );
        return Values::default();
    };
    if items.is_empty() {
        let help = "a scenario with an axis without values has no cases; remove the axis or give it a value";
        tell(
            values.place,
            format!("the axis `{name}` has no values"),
            "an empty list",
            help.to_owned(),
        );
    }
    let mut read = Values::default();
    let mut known = HashSet::new();
    for item in items {
        let Some(choice) = Choice::read(item, &mut tell) else {
            continue;
        };
        let (item, as_written) = (choice.value, written(choice.value));
        let value = if name == ENVOY {
            as_written.clone()
        } else {
            item.to_json()
        };
        let word = text(&value);
        if !is_scalar(&value) {
            let message = NOT_SCALAR.to_owned();
            tell(
                item.place,
                message,
                "not one of these",
                "name the variants by words".to_owned(),
            );
        } else if let Some(message) = not_in_an_id(&value) {
            let help =
                "ids have the form name[axis=value,axis=value]: avoid brackets, commas, slashes and equals signs";
            tell(item.place, message, "not allowed", help.to_owned());
        } else if known.contains(&word) {
            let message = format!("the axis `{name}` has `{word}` twice");
            tell(item.place, message, "the second one", "remove one of them".to_owned());
        }
        known.insert(word);
        let mark = choice.mark(name).map(|mark| Mark {
            value: value.clone(),
            ..mark
        });
        read.marks.extend(mark);
        read.all.push(value);
        read.written.push(as_written);
    }
    if name == ENVOY {
        let places = items.iter().map(|item| item.get("value").unwrap_or(item).place);
        let none = places.zip(&read.all).filter(|(_, value)| not_in_an_id(value).is_none());
        wrong.extend(none.filter_map(|(place, value)| not_a_version(source, place, value)));
    }
    read
}

const NOT_SCALAR: &str = "an axis' value is a word, a number, true or false";

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// Why a value cannot be part of a case's id, if it cannot.
pub(super) fn not_in_an_id(value: &Value) -> Option<String> {
    let word = text(value);
    if !is_scalar(value) {
        Some(NOT_SCALAR.to_owned())
    } else if word.is_empty() || word.contains(|c: char| "[],=/".contains(c) || c.is_control()) {
        Some(format!("`{word}` cannot be a value in a case's id"))
    } else {
        None
    }
}

fn unused(source: &Source, axis: &Key) -> Diagnostic {
    let name = &axis.text;
    Diagnostic::new(
        source,
        axis.place,
        format!("the axis `{name}` varies nothing"),
        "never used",
    )
    .help(format!(
        "use it in the mesh or in a step, as `${{{name}}}`, or in an expression, as `params.{name}`; or remove it"
    ))
}

/// The axis that a name means, misspelt or not.
fn near<'a>(name: &str, axes: &'a [(Key, Node)]) -> Option<&'a str> {
    let mut known = axes.iter().map(|(key, _)| key.text.as_str());
    known
        .find(|axis| *axis == name)
        .or_else(|| nearest(name, axes.iter().map(|(key, _)| key.text.as_str())))
}

/// The names to which the mesh and the steps refer. In the rest of a file a reference varies nothing but words.
fn references<'a>(source: &Source, node: &'a Node, axes: &'a [(Key, Node)]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for part in ["mesh", "steps"].iter().filter_map(|key| node.get(key)) {
        part.visit(&mut |text, place| {
            for reference in split(text) {
                match reference {
                    Part::Reference { name, .. } => found.push(name),
                    // One that is not closed is told with its place, and not as one that is not there.
                    Part::Unclosed { at } => found.extend(unclosed(source, place, text, at, axes).1),
                    Part::Text(text) => found.extend(written_otherwise(text, axes).map(|(.., name)| name)),
                }
            }
            found.extend(params(text));
        });
    }
    found
}

/// The fields of `params` in an expression, as far as they can be told without reading it.
fn params(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices("params").filter_map(move |(at, word)| {
        let rest = &text[at + word.len()..];
        match rest.strip_prefix('.') {
            Some(name) => Some(&name[..name.find(|c| !is_word(c)).unwrap_or(name.len())]),
            None => rest
                .strip_prefix("['")
                .or(rest.strip_prefix("[\""))?
                .split(['\'', '"'])
                .next(),
        }
    })
}

/// References to axes that are not there, and references that are not closed, anywhere in the file.
fn unknown(source: &Source, node: &Node, axes: &[(Key, Node)]) -> Vec<Diagnostic> {
    let mut wrong = Vec::new();
    let kept: Vec<String> = named(node, "keep").into_iter().map(|(name, _)| name).collect();
    let mut look = |text: &str, place: Place, is_step: bool| {
        for part in split(text) {
            if wrong.len() >= PROBLEMS {
                return;
            }
            match part {
                Part::Reference { at, name } if !axes.iter().any(|(key, _)| key.text == name) => {
                    let place = source.inside(place, text, at, name.len() + 3).unwrap_or(place);
                    let first = Reference::name_of(name);
                    if kept.iter().any(|kept| kept == first) {
                        // Of a step, each case tells: a step before it may have kept it or not.
                        if !is_step {
                            let message = format!("`{first}` is what a step kept, and no axis");
                            let help = "it is known once the case runs, and is put into steps alone";
                            wrong.push(Diagnostic::new(source, place, message, "not known here").help(help));
                        }
                        continue;
                    }
                    let misspelt = nearest(first, kept.iter().map(String::as_str)).filter(|_| first != name);
                    let help = if let Some(near) = misspelt {
                        format!(
                            "did you mean `${{{near}{}}}`, of what a step keeps?",
                            &name[first.len()..]
                        )
                    } else if axes.is_empty() {
                        format!("this file has no axes; add for example `axes: {{{name}: [1, 3]}}`")
                    } else {
                        did_you_mean(name, axes.iter().map(|(key, _)| key.text.as_str()))
                    };
                    let message = format!("there is no axis `{name}`");
                    wrong.push(Diagnostic::new(source, place, message, "unknown axis").help(help));
                }
                Part::Unclosed { at } => wrong.push(unclosed(source, place, text, at, axes).0),
                Part::Reference { .. } | Part::Text(_) => {}
            }
        }
    };
    let Kind::Mapping(entries) = &node.kind else {
        return wrong;
    };
    for (key, value) in entries.iter().filter(|(key, _)| key.text != "axes") {
        value.visit(&mut |text, place| look(text, place, key.text == "steps"));
    }
    for part in ["mesh", "steps"].iter().filter_map(|key| node.get(key)) {
        part.visit(&mut |text, place| {
            let found = written_otherwise(text, axes).filter(|_| wrong.len() < PROBLEMS);
            if let Some((from, len, name)) = found {
                let place = source.inside(place, text, from, len).unwrap_or(place);
                let message = format!("this does not stand for the axis `{name}`");
                let help = format!("write `${{{name}}}`");
                wrong.push(Diagnostic::new(source, place, message, "taken as it is").help(help));
            }
        });
    }
    wrong
}

/// The names that steps give by this key, such as `keep`, and where each is said.
pub(super) fn named(node: &Node, key: &str) -> Vec<(String, Place)> {
    let steps = match node.get("steps").map(|steps| &steps.kind) {
        Some(Kind::Sequence(steps)) => steps.as_slice(),
        _ => &[],
    };
    let names = steps.iter().filter_map(|step| {
        let name = step.get(key)?;
        match &name.kind {
            Kind::Scalar { text, .. } => Some((text.clone(), name.place)),
            _ => None,
        }
    });
    names.collect()
}

/// An axis that is written as other languages write a variable, `$pets` or `{{pets}}`: where, how long, and its name.
fn written_otherwise<'a>(text: &str, axes: &'a [(Key, Node)]) -> Option<(usize, usize, &'a str)> {
    axes.iter().find_map(|(key, _)| {
        let name = key.text.as_str();
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let dollar = format!("${name}");
        let mut found = text.match_indices(&dollar).map(|(at, found)| (at, found.len()));
        let found = found.find(|(at, len)| !text[at + len..].starts_with(is_word));
        let braces = || {
            let at = text.find("{{")?;
            let inside = text[at + 2..].split_once("}}")?.0;
            (inside.trim() == name).then_some((at, inside.len() + 4))
        };
        found.or_else(braces).map(|(at, len)| (at, len, name))
    })
}

/// That a reference is not closed, and the axis that it was meant to be.
fn unclosed<'a>(
    source: &Source,
    place: Place,
    text: &'a str,
    at: usize,
    axes: &[(Key, Node)],
) -> (Diagnostic, Option<&'a str>) {
    let name = &text[at + 2..];
    let name = &name[..name
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .unwrap_or(name.len())];
    let here = source.inside(place, text, at, name.len() + 2).unwrap_or(place);
    let shown = if near(name, axes).is_some() { name } else { "axis" };
    let diagnostic =
        Diagnostic::new(source, here, "`${` without its `}`", "not closed").help(format!("write `${{{shown}}}`"));
    (diagnostic, Some(name))
}

/// The file's tree with `${axis}` replaced by the case's values.
pub(super) fn substitute(node: &Node, params: &IndexMap<String, Value>) -> Node {
    let mut node = node.clone();
    let done: Result<(), std::convert::Infallible> = node.rewrite(&mut |written, plain, _| {
        let parts = split(written);
        let value_of = |name: &str| params.get(name);
        if let [Part::Text(""), Part::Reference { name, .. }, Part::Text("")] = parts.as_slice()
            && let Some(value) = value_of(name)
        {
            // A value that stands alone keeps its type, whether or not the reference was quoted.
            *plain = !value.is_string();
            *written = text(value);
            return Ok(());
        }
        let replaced: String = parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => (*text).to_owned(),
                Part::Reference { name, .. } => value_of(name).map_or_else(|| format!("${{{name}}}"), text),
                Part::Unclosed { at } => written[*at..].to_owned(),
            })
            .collect();
        *written = replaced;
        Ok(())
    });
    let Ok(()) = done;
    node
}
