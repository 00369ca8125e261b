//! What holds, changed in small ways until it may not.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// A change of bytes at a place.
#[derive(Debug, Clone)]
enum Edit {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Truncate(Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        4 => (any::<Index>(), 1..=255_u8).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        2 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        2 => (any::<Index>(), 1..32_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        1 => (any::<Index>(), 1..64_usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
        1 => any::<Index>().prop_map(Edit::Truncate),
    ];
    prop::collection::vec(edit, 0..6)
}

/// Bytes that are changed in a few places.
pub(crate) fn mutated(valid: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (valid, edits()).prop_map(|(mut bytes, edits)| {
        for edit in edits {
            if bytes.is_empty() {
                break;
            }
            match edit {
                Edit::Flip(at, bits) => {
                    let at = at.index(bytes.len());
                    bytes[at] ^= bits;
                }
                Edit::Insert(at, new) => {
                    let at = at.index(bytes.len());
                    bytes.splice(at..at, new);
                }
                Edit::Remove(at, length) => {
                    let at = at.index(bytes.len());
                    bytes.drain(at..(at + length).min(bytes.len()));
                }
                Edit::Repeat(at, length) => {
                    let at = at.index(bytes.len());
                    let end = (at + length).min(bytes.len());
                    bytes.extend_from_within(at..end);
                }
                Edit::Truncate(at) => {
                    let at = at.index(bytes.len());
                    bytes.truncate(at);
                }
            }
        }
        bytes
    })
}

/// Any JSON, with what is at the edges of types more often than elsewhere.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            json!(0),
            json!(-1),
            json!(65_536),
            json!(u64::MAX),
            json!(1e308),
            json!(""),
            json!("*"),
            json!("\u{0}"),
            json!("..%2f"),
            json!("999999999999999999s"),
            json!("type.googleapis.com/google.protobuf.Any"),
            json!("type.googleapis.com/envoy.config.cluster.v3.Cluster"),
        ]),
        ".{0,40}".prop_map(Value::from),
        (1..20_000_usize).prop_map(|length| Value::from("x".repeat(length))),
    ];
    let key = prop_oneof!["[a-z_]{0,12}", Just("@type".to_owned()), Just("name".to_owned())];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| fields.into_iter().collect::<Value>()),
        ]
    })
}

/// JSON that holds, with one value in it replaced by any.
pub(crate) fn replaced(valid: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    (valid, any::<Index>(), any_json()).prop_map(|(mut value, at, new)| {
        let mut before = at.index(count(&value));
        replace(&mut value, &mut before, new);
        value
    })
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces the value that comes after so many others, from the outside in.
fn replace(value: &mut Value, before: &mut usize, new: Value) -> Option<Value> {
    if *before == 0 {
        *value = new;
        return None;
    }
    *before -= 1;
    let mut new = Some(new);
    let inner: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    for inner in inner {
        new = replace(inner, before, new?);
    }
    new
}
