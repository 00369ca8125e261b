//! Attributes, as JSON that people read.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Kind;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::{Value, json};

pub(super) fn values(attributes: Vec<KeyValue>) -> BTreeMap<String, Value> {
    let pairs = attributes.into_iter();
    pairs.map(|pair| (pair.key, value(pair.value))).collect()
}

/// The same as texts.
pub(super) fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let pairs = values(attributes).into_iter();
    pairs.map(|(name, value)| (name, text(value))).collect()
}

pub(super) fn value(value: Option<AnyValue>) -> Value {
    match value.and_then(|value| value.value) {
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::BoolValue(truth)) => Value::Bool(truth),
        Some(Kind::IntValue(number)) => json!(number),
        Some(Kind::DoubleValue(number)) => json!(number),
        Some(Kind::BytesValue(bytes)) => Value::String(hex(&bytes)),
        Some(Kind::ArrayValue(array)) => array.values.into_iter().map(|one| self::value(Some(one))).collect(),
        Some(Kind::KvlistValue(list)) => json!(values(list.values)),
        // Leads into a table that profiles alone have.
        Some(Kind::StringValueStrindex(_)) | None => Value::Null,
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
