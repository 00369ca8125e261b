//! What an `Any` is in JSON.

/// The type of an `Any`, by its URL.
pub(super) const TYPE: &str = "@type";

/// The names under which an `Any` can be held by another.
pub(super) const ANY: &str = "google.protobuf.Any";

/// What an `Any` of these types holds is in one field, `value`, since their JSON is no object of their own.
pub(super) fn is_in_value(message: &str) -> bool {
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
pub(super) fn is_leaf(message: &str) -> bool {
    is_in_value(message) && message != ANY
}
