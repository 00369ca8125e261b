//! proto3 JSON as Envoy reads and writes it, which differs from the library's in what an `Any` may be.
//!
//! The library reads a message, and each `Any` is done here: what it holds is read first, and the bytes of that are put in
//! its place.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

/// The type of an `Any`, by its URL.
const TYPE: &str = "@type";

/// The names under which an `Any` can be held by another.
const ANY: &str = "google.protobuf.Any";

/// What an `Any` of these types holds is in one field, `value`, since their JSON is no object of their own.
fn is_in_value(message: &str) -> bool {
    let Some(name) = message.strip_prefix("google.protobuf.") else {
        return false;
    };
    matches!(
        name,
        "Any"
            | "BoolValue"
            | "BytesValue"
            | "DoubleValue"
            | "Duration"
            | "FieldMask"
            | "FloatValue"
            | "Int32Value"
            | "Int64Value"
            | "ListValue"
            | "StringValue"
            | "Struct"
            | "Timestamp"
            | "UInt32Value"
            | "UInt64Value"
            | "Value"
    )
}

/// Whether a message has JSON of its own, which is no object of its fields.
fn is_leaf(message: &str) -> bool {
    is_in_value(message) && message != ANY
}
