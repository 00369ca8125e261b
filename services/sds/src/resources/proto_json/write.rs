//! Writing it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage as _, SerializeOptions};
use serde::ser::Error as _;
use serde_json::{Map, Value};

use super::any::{ANY, TYPE, is_in_value, is_leaf};
use crate::resources::descriptors::OPEN_ANY;

/// A message with Envoy's own names of fields, as Envoy reads it.
///
/// # Errors
/// What an `Any` holds cannot be read.
pub(in crate::resources) fn write(message: &DynamicMessage) -> serde_json::Result<Value> {
    let options = SerializeOptions::new().use_proto_field_name(true);
    let mut value = message.serialize_with_options(serde_json::value::Serializer, &options)?;
    expand(&message.descriptor(), &mut value)?;
    Ok(value)
}

/// Writes out what each `Any` holds.
fn expand(message: &MessageDescriptor, value: &mut Value) -> serde_json::Result<()> {
    if message.full_name() == OPEN_ANY {
        *value = any(message, std::mem::take(value))?;
        return Ok(());
    }
    if is_leaf(message.full_name()) {
        return Ok(());
    }
    for (key, value) in value.as_object_mut().into_iter().flatten() {
        let Some(field) = message.get_field_by_name(key) else {
            continue;
        };
        let Kind::Message(message) = field.kind() else { continue };
        match value {
            Value::Array(items) if field.is_list() => items.iter_mut().try_for_each(|item| expand(&message, item))?,
            Value::Object(entries) if field.is_map() => {
                if let Kind::Message(message) = message.map_entry_value_field().kind() {
                    entries.values_mut().try_for_each(|entry| expand(&message, entry))?;
                }
            }
            value => expand(&message, value)?,
        }
    }
    Ok(())
}

fn any(message: &MessageDescriptor, value: Value) -> serde_json::Result<Value> {
    let url = value["type_url"].as_str().unwrap_or_default().to_owned();
    if url.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let bytes = value["value"].as_str().unwrap_or_default();
    let bytes = BASE64_STANDARD.decode(bytes).map_err(serde_json::Error::custom)?;
    let name = url.rsplit_once('/').map_or(url.as_str(), |(_, name)| name);
    let held = message
        .parent_pool()
        .get_message_by_name(if name == ANY { OPEN_ANY } else { name });
    let held = held.ok_or_else(|| serde_json::Error::custom(format!("message {name:?} not found")))?;
    let held = DynamicMessage::decode(held, bytes.as_slice()).map_err(serde_json::Error::custom)?;
    let written = write(&held)?;
    let mut fields = match written {
        Value::Object(fields) if !is_in_value(name) => fields,
        value => Map::from_iter([("value".to_owned(), value)]),
    };
    fields.insert(TYPE.to_owned(), url.into());
    Ok(Value::Object(fields))
}
