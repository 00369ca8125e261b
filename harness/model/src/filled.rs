//! Steps with the values of earlier answers put in: `/stores/${first.json.id}`.

use serde_json::Value;

use crate::{
    expression::Variables,
    scenario::{
        reference::{Part, Reference, split, takes_values, told},
        verb::Step,
        wire,
    },
    source::Place,
    verdict::Unmet,
    yaml::{At, Kind, Node, from_node},
};

/// The keys of a request that are its path.
const PATHS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "path"];

/// Keys below which a value that stands alone keeps its type.
const TYPED: [&str; 2] = ["body", "json"];

/// The step that was written so, with the values of what was kept put in. What is put into a path or a header goes there as it is,
/// byte by byte.
///
/// # Errors
/// A value that is not there, or that cannot be put where it is wanted; with what is there instead.
pub fn filled(written: &Node, kept: &Variables) -> Result<At<Step>, Unmet> {
    let mut node = written.clone();
    if let Kind::Mapping(entries) = &mut node.kind {
        for (key, value) in entries.iter_mut().filter(|(key, _)| takes_values(written, &key.text)) {
            fill(value, &mut vec![key.text.as_str()], kept)?;
        }
    }
    from_node(&node).map_err(|errors| {
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Unmet::new(format!(
            "with the values that it refers to, this step is invalid: {}",
            told.join("; ")
        ))
    })
}

/// Puts values into what is below a key; `way` are the keys that lead here.
fn fill<'a>(node: &'a mut Node, way: &mut Vec<&'a str>, kept: &Variables) -> Result<(), Unmet> {
    let place = node.place;
    match &mut node.kind {
        Kind::Sequence(items) => {
            for item in items {
                fill(item, &mut way.clone(), kept)?;
            }
        }
        Kind::Mapping(entries) => {
            for (key, value) in entries {
                let mut below = way.clone();
                below.push(&key.text);
                fill(value, &mut below, kept)?;
            }
        }
        Kind::Scalar { text, plain } => {
            let parts = split(text);
            if !parts.iter().any(|part| matches!(part, Part::Reference { .. })) {
                return Ok(());
            }
            let is_typed = way.iter().any(|key| TYPED.contains(key));
            if let ([Part::Text(""), Part::Reference { name, .. }, Part::Text("")], true) = (parts.as_slice(), is_typed)
            {
                let value = value(name, place, kept)?;
                can_fail(value, name, way, place)?;
                *node = Node::of_json(value, place);
                return Ok(());
            }
            let mut whole = String::with_capacity(text.len());
            for part in parts {
                match part {
                    Part::Text(text) => whole.push_str(text),
                    Part::Reference { name, .. } => whole.push_str(&word(value(name, place, kept)?, name, place)?),
                    Part::Unclosed { at } => whole.push_str(&text[at..]),
                }
            }
            can_be_sent(&whole, text, way, place)?;
            if whole.is_empty() && way.first() == Some(&"contains") {
                return Err(unmet(
                    place,
                    text,
                    "the value is empty, and every body has an empty part",
                ));
            }
            *plain = false;
            *text = whole;
        }
    }
    Ok(())
}

fn unmet(place: Place, text: &str, actual: impl Into<String>) -> Unmet {
    Unmet {
        line: Some(place.line),
        expected: format!("a value for `{text}`"),
        actual: actual.into(),
        ..Unmet::new("what an earlier answer was to have cannot be put in")
    }
}

fn value<'v>(text: &str, place: Place, kept: &'v Variables) -> Result<&'v Value, Unmet> {
    let written = format!("${{{text}}}");
    let reference = Reference::parse(text).ok_or_else(|| unmet(place, &written, "it is no part of an answer"))?;
    let kept = kept.get(reference.name);
    // What is kept by no step before this one was refused before the run.
    let kept = kept.ok_or_else(|| unmet(place, &written, format!("nothing was kept as `{}`", reference.name)))?;
    reference
        .value(kept)
        .map_err(|missing| unmet(place, &written, missing.instead))
}

/// A value as it stands in a text.
fn word(value: &Value, text: &str, place: Place) -> Result<String, Unmet> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            let actual = format!("`{text}` is no text and no number: {}", told(value));
            Err(unmet(place, &format!("${{{text}}}"), actual))
        }
    }
}

/// What is expected of a body with this value in it can be otherwise.
fn can_fail(value: &Value, text: &str, way: &[&str], place: Place) -> Result<(), Unmet> {
    let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty);
    match way {
        ["json"] if is_empty => {
            let actual = format!("`{text}` is an empty object, and every object has at least that");
            Err(unmet(place, &format!("${{{text}}}"), actual))
        }
        _ => Ok(()),
    }
}

/// A path or a header with this value in it can be sent.
fn can_be_sent(whole: &str, text: &str, way: &[&str], place: Place) -> Result<(), Unmet> {
    let problem = match way {
        [key] if PATHS.contains(key) => {
            wire::not_a_path(whole).map(|why| format!("`{whole}` cannot be sent as a path: {why}"))
        }
        ["host"] | ["headers", _] => {
            wire::not_a_header_value(whole).map(|why| format!("{whole:?} cannot be sent in a header: {why}"))
        }
        _ => None,
    };
    problem.map_or(Ok(()), |actual| Err(unmet(place, text, actual)))
}
