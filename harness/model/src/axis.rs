//! Axes: how their values are written, and the axis `envoy`.

use serde_json::Value;

use crate::{
    source::{Diagnostic, Place, Source},
    yaml::{Kind, Node},
};

/// The name of the axis whose values are versions of Envoy: reserved, since what it varies is the Envoy of the case's mesh.
pub const ENVOY: &str = "envoy";

/// An axis' value as it stands in ids and texts.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value as it was written: of 1.40, the number has lost its last digit.
pub(crate) fn written(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { text, .. } => Value::String(text.clone()),
        _ => node.to_json(),
    }
}

/// Whether a text can be a version: two or three numbers.
fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts.len(), 2 | 3) && parts.iter().all(is_number)
}

/// That a value of the axis is no version, if it is none.
pub(crate) fn not_a_version(source: &Source, place: Place, value: &Value) -> Option<Diagnostic> {
    let word = text(value);
    (!is_version(&word)).then(|| {
        let message = format!("the values of the axis `{ENVOY}` are versions of Envoy, and `{word}` is none");
        Diagnostic::new(source, place, message, "not a version").help(format!(
            "for example `{ENVOY}: [1.38, 1.40.0]`; or give the axis another name"
        ))
    })
}
