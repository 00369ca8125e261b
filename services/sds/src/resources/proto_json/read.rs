//! Reading it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::any::{ANY, TYPE, is_in_value, is_leaf};
use crate::resources::descriptors::OPEN_ANY;
use crate::resources::invalid::InvalidResource;

/// Reads a message.
///
/// # Errors
/// The first field that is invalid, by its path. A field that is there twice, in both spellings or as two of which there
/// can be one, is such a field.
pub(in crate::resources) fn read(
    message: &MessageDescriptor,
    fields: Map<String, Value>,
) -> Result<DynamicMessage, InvalidResource> {
    whole(message, &Path::ROOT, Value::Object(fields))
}

/// Where something is, as in `filter_chains[0].filters`.
#[derive(Clone, Copy)]
struct Path<'a> {
    above: Option<&'a Path<'a>>,
    part: Part<'a>,
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Nothing,
    Key(&'a str),
    Index(usize),
}

impl Path<'_> {
    const ROOT: Self = Self {
        above: None,
        part: Part::Nothing,
    };

    fn key<'a>(&'a self, key: &'a str) -> Path<'a> {
        Path {
            above: Some(self),
            part: Part::Key(key),
        }
    }

    fn index(&self, index: usize) -> Path<'_> {
        Path {
            above: Some(self),
            part: Part::Index(index),
        }
    }

    fn text(&self) -> String {
        let above = self.above.map(Path::text).unwrap_or_default();
        match self.part {
            Part::Nothing => above,
            Part::Key(key) if above.is_empty() => key.to_owned(),
            Part::Key(key) => format!("{above}.{key}"),
            Part::Index(index) => format!("{above}[{index}]"),
        }
    }

    fn refuse<T>(&self, message: impl Into<String>) -> Result<T, InvalidResource> {
        let text = self.text();
        let field = if text.is_empty() { "the resource" } else { &text };
        Err(InvalidResource::field(field, message))
    }
}

/// Reads what stands at a path as a message.
fn whole(message: &MessageDescriptor, path: &Path<'_>, value: Value) -> Result<DynamicMessage, InvalidResource> {
    let value = closed(message, path, value)?;
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    DynamicMessage::deserialize(message.clone(), tracked).map_err(|error| {
        let below = track.path().to_string();
        let below = if below == "." { String::new() } else { below };
        let text = path.text();
        let joint = if text.is_empty() || below.is_empty() || below.starts_with('[') {
            ""
        } else {
            "."
        };
        let field = format!("{text}{joint}{below}");
        let field = if field.is_empty() { "the resource" } else { &field };
        InvalidResource::field(field, error.to_string())
    })
}

/// The same JSON with the bytes of each `Any` in its place.
fn closed(message: &MessageDescriptor, path: &Path<'_>, value: Value) -> Result<Value, InvalidResource> {
    if [OPEN_ANY, ANY].contains(&message.full_name()) {
        return any(message, path, value);
    }
    match value {
        Value::Object(fields) if !is_leaf(message.full_name()) => {
            let mut seen = Seen::default();
            let closed = fields.into_iter().map(|(key, value)| {
                let Some(field) = field_of(message, &key) else {
                    // The library says what there is.
                    return Ok((key, value));
                };
                seen.see(&field, &key, path, &value)?;
                let value = closed_field(&field, &path.key(&key), value)?;
                Ok((key, value))
            });
            closed.collect::<Result<_, _>>().map(Value::Object)
        }
        // What is no object here is refused by the library, at this place.
        other => Ok(other),
    }
}

fn field_of(message: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    message
        .get_field_by_json_name(key)
        .or_else(|| message.get_field_by_name(key))
}

/// The fields of an object that were there already.
#[derive(Default)]
struct Seen {
    /// How each is spelt, by its number.
    fields: BTreeMap<u32, String>,
    /// Which one of several there is, by the name of the choice.
    choices: BTreeMap<String, String>,
}

impl Seen {
    fn see(
        &mut self,
        field: &FieldDescriptor,
        key: &str,
        path: &Path<'_>,
        value: &Value,
    ) -> Result<(), InvalidResource> {
        if let Some(other) = self.fields.insert(field.number(), key.to_owned()) {
            return path.key(key).refuse(format!(
                "it is there twice, as {other:?} and as {key:?}; leave out one of them"
            ));
        }
        let choice = field.containing_oneof().filter(|choice| !choice.is_synthetic());
        let Some(choice) = choice.filter(|_| is_set(field, value)) else {
            return Ok(());
        };
        match self.choices.insert(choice.name().to_owned(), key.to_owned()) {
            Some(other) => path.key(key).refuse(format!(
                "{other:?} is there already, and there can be one of the two; leave out the other"
            )),
            None => Ok(()),
        }
    }
}

/// Whether a value sets its field: null does not, but where it is a value.
fn is_set(field: &FieldDescriptor, value: &Value) -> bool {
    !value.is_null()
        || match field.kind() {
            Kind::Message(message) => message.full_name() == "google.protobuf.Value",
            Kind::Enum(kind) => kind.full_name() == "google.protobuf.NullValue",
            _ => false,
        }
}

fn closed_field(field: &FieldDescriptor, path: &Path<'_>, value: Value) -> Result<Value, InvalidResource> {
    let Kind::Message(message) = field.kind() else {
        return Ok(value);
    };
    match value {
        Value::Array(items) if field.is_list() => {
            let items = items.into_iter().enumerate();
            let closed = items.map(|(index, item)| closed(&message, &path.index(index), item));
            closed.collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(entries) if field.is_map() => {
            let Kind::Message(value) = message.map_entry_value_field().kind() else {
                return Ok(Value::Object(entries));
            };
            let closed = entries.into_iter().map(|(key, entry)| {
                let is_any = value.full_name() == OPEN_ANY;
                // Nothing is an `Any` of nothing, where something has to be.
                let entry = if is_any && entry.is_null() { json!({}) } else { entry };
                let entry = closed(&value, &path.key(&key), entry)?;
                Ok((key, entry))
            });
            closed.collect::<Result<_, _>>().map(Value::Object)
        }
        value if field.is_list() || field.is_map() => Ok(value),
        value => closed(&message, path, value),
    }
}

/// An `Any` as the message that stands in its place.
fn any(message: &MessageDescriptor, path: &Path<'_>, value: Value) -> Result<Value, InvalidResource> {
    let mut fields = match value {
        Value::Null => return Ok(Value::Null),
        Value::Object(fields) => fields,
        _ => return path.refuse(format!("an object with {TYPE:?} is asked for")),
    };
    let url = match fields.shift_remove(TYPE) {
        Some(Value::String(url)) => url,
        None if fields.is_empty() => return Ok(json!({})),
        Some(_) => return path.key(TYPE).refuse("a text is asked for"),
        None => {
            return path.refuse(format!(
                "there is no {TYPE:?}, as in \"type.googleapis.com/envoy.config.core.v3.Node\""
            ));
        }
    };
    let name = match url.rsplit_once('/') {
        Some((host, name)) if !host.is_empty() => name,
        _ => {
            return path.key(TYPE).refuse(format!(
                "{url:?} is no URL of a type, as \"type.googleapis.com/envoy.config.core.v3.Node\" is"
            ));
        }
    };
    let pool = message.parent_pool();
    let Some(held) = pool.get_message_by_name(if name == ANY { OPEN_ANY } else { name }) else {
        return path.refuse(format!("message {name:?} not found: Envoy 1.40 has none of this name"));
    };
    let held = if is_in_value(name) {
        let value = fields.shift_remove("value").unwrap_or_default();
        if let Some(key) = fields.keys().next() {
            return path
                .key(key)
                .refuse(format!("there is no such field: what a {name} holds is in \"value\""));
        }
        held_in_value(&held, &path.key("value"), value)?
    } else {
        if name == "google.protobuf.Empty" {
            // Envoy takes none, and what was kept by older versions has one.
            let is_nothing = |value: &Value| value.as_object().is_some_and(Map::is_empty);
            if fields.get("value").is_some_and(is_nothing) {
                fields.shift_remove("value");
            }
        }
        whole(&held, path, Value::Object(fields))?.encode_to_vec()
    };
    Ok(json!({"type_url": url, "value": BASE64_STANDARD.encode(held)}))
}

/// The bytes of what is in `value`. None, or null, is the least that there is of its type.
fn held_in_value(held: &MessageDescriptor, path: &Path<'_>, value: Value) -> Result<Vec<u8>, InvalidResource> {
    let is_value = held.full_name() == "google.protobuf.Value";
    if value.is_null() && !is_value {
        return Ok(Vec::new());
    }
    whole(held, path, value).map(|message| message.encode_to_vec())
}
