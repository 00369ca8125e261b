//! Bytes, and what texts have to be, as scenarios write them.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::value::Json;
use crate::shorten::shorten;

/// Bytes: a text as it is, `{hex: …}` or `{base64: …}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

/// Bytes for people: as a text in quotes where they are one, and else in hexadecimal digits.
pub fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => shorten(&format!("{text:?}"), 300),
        Err(_) => format!("hex {}", shorten(&hex(bytes), 300)),
    }
}

/// The hexadecimal digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal digits, among which there may be blanks.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]).collect())
}

/// The bytes that a key of a mapping says.
pub(super) fn encoded<E: de::Error>(key: &str, text: &str) -> Result<Vec<u8>, E> {
    match key {
        "hex" => from_hex(text).ok_or_else(|| {
            E::custom(format!(
                "`{text}` is not hexadecimal\ntwo digits a byte, such as `00ff`, with blanks if you like"
            ))
        }),
        "base64" => STANDARD
            .decode(text.trim())
            .map_err(|error| E::custom(format!("`{text}` is not base64: {error}\nfor example `aGVsbG8=`"))),
        other => Err(E::unknown_field(other, &["hex", "base64"])),
    }
}

/// What is left in a mapping of one key has no other.
pub(super) fn nothing_more<'de, A: MapAccess<'de>>(map: &mut A, first: &str) -> Result<(), A::Error> {
    match map.next_key::<String>()? {
        None => Ok(()),
        Some(more) => Err(de::Error::custom(format!(
            "`{first}` stands alone, and `{more}` is beside it\nmake two items of it"
        ))),
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Octets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, `{hex: …}` or `{base64: …}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Octets, E> {
                Ok(Octets(text.as_bytes().to_vec()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Octets, A::Error> {
                let Some(key) = map.next_key::<String>()? else {
                    return Err(de::Error::custom("nothing is said\nwrite `{hex: …}` or `{base64: …}`"));
                };
                let text: String = map.next_value()?;
                let bytes = encoded(&key, &text)?;
                nothing_more(&mut map, &key)?;
                Ok(Octets(bytes))
            }
        }
        deserializer.deserialize_str(Either)
    }
}

impl JsonSchema for Octets {
    fn schema_name() -> Cow<'static, str> {
        "Octets".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes: a text as it is, or in hexadecimal digits, or in base64.",
            "anyOf": [
                { "type": ["string", "number", "boolean"] },
                { "type": "object", "required": ["hex"], "additionalProperties": false, "properties": { "hex": { "type": ["string", "number"] } } },
                { "type": "object", "required": ["base64"], "additionalProperties": false, "properties": { "base64": { "type": ["string", "number"] } } }
            ]
        })
    }
}

/// What a text has to be: this one, `{contains: …}`, or `{json: …}`, which it has at least.
#[derive(Debug, Clone, PartialEq)]
pub enum TextMatch {
    /// Exactly this.
    Exactly(String),
    /// A part of it is this.
    Contains(String),
    /// It is JSON, and has at least this.
    Json(Value),
}

impl TextMatch {
    /// Whether every text is so.
    pub(crate) fn is_always(&self) -> bool {
        match self {
            Self::Contains(part) => part.is_empty(),
            Self::Json(value) => *value == Value::Object(serde_json::Map::new()),
            Self::Exactly(_) => false,
        }
    }

    pub(super) fn of_key<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Self, A::Error> {
        match key {
            "contains" => map.next_value().map(Self::Contains),
            "json" => map.next_value::<Json>().map(|json| Self::Json(json.0)),
            other => Err(de::Error::unknown_field(other, &["contains", "json"])),
        }
    }
}

impl fmt::Display for TextMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(text) => f.write_str(&shown(text.as_bytes())),
            Self::Contains(part) => write!(f, "a text with {}", shown(part.as_bytes())),
            Self::Json(value) => write!(f, "JSON with {value}"),
        }
    }
}

impl<'de> Deserialize<'de> for TextMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = TextMatch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, `{contains: …}` or `{json: …}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TextMatch, E> {
                Ok(TextMatch::Exactly(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TextMatch, A::Error> {
                let Some(key) = map.next_key::<String>()? else {
                    return Err(de::Error::custom(
                        "nothing is expected\nwrite `{contains: …}` or `{json: …}`",
                    ));
                };
                let one = TextMatch::of_key(&key, &mut map)?;
                nothing_more(&mut map, &key)?;
                Ok(one)
            }
        }
        deserializer.deserialize_str(Either)
    }
}

impl JsonSchema for TextMatch {
    fn schema_name() -> Cow<'static, str> {
        "TextMatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a text has to be: exactly this, or what it contains, or what its JSON has at least.",
            "anyOf": [
                { "type": ["string", "number", "boolean"] },
                { "type": "object", "required": ["contains"], "additionalProperties": false, "properties": { "contains": { "type": ["string", "number", "boolean"] } } },
                { "type": "object", "required": ["json"], "additionalProperties": false, "properties": { "json": { "description": "Any value." } } }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_as_they_are_best_read() {
        assert_eq!(from_hex("00 ff\n10"), Some(vec![0, 255, 16]));
        assert_eq!((from_hex("0"), from_hex("0x"), from_hex("é0")), (None, None, None));
        assert_eq!(
            (shown(b"a\r\n"), shown(&[0xff, 1])),
            ("\"a\\r\\n\"".to_owned(), "hex ff01".to_owned())
        );
    }
}
