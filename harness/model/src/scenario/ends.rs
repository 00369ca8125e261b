//! How a peer ends a connection, as scenarios write it, and which bytes have to come.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::octets::{Octets, encoded, nothing_more, shown};
use crate::observation::PeerEnd;

/// How a peer ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ends {
    /// It sends nothing more (FIN).
    Closed,
    /// It gives the connection up (RST).
    Reset,
    /// It does not, for the whole `timeout`.
    Open,
}

impl Ends {
    /// Whether it was so.
    pub fn is(self, end: PeerEnd) -> bool {
        matches!(
            (self, end),
            (Self::Closed, PeerEnd::Closed) | (Self::Reset, PeerEnd::Reset) | (Self::Open, PeerEnd::Open)
        )
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the peer closes",
            Self::Reset => "the peer resets the connection",
            Self::Open => "the connection stays open",
        })
    }
}

/// Which bytes have to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceivedBytes {
    /// Exactly these.
    Exactly(Octets),
    /// These, among others.
    Contains(Octets),
    /// So many.
    Number(usize),
}

impl fmt::Display for ReceivedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(bytes) if bytes.0.is_empty() => f.write_str("nothing"),
            Self::Exactly(bytes) => f.write_str(&shown(&bytes.0)),
            Self::Contains(bytes) => write!(f, "bytes with {}", shown(&bytes.0)),
            Self::Number(number) => write!(f, "{number} bytes"),
        }
    }
}

impl<'de> Deserialize<'de> for ReceivedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ReceivedBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, `{hex: …}`, `{base64: …}`, `{contains: …}` or `{bytes: NUMBER}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ReceivedBytes, E> {
                Ok(ReceivedBytes::Exactly(Octets(text.as_bytes().to_vec())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReceivedBytes, A::Error> {
                let Some(key) = map.next_key::<String>()? else {
                    return Err(de::Error::custom(
                        "nothing is expected\nwrite a text, or `{contains: …}`",
                    ));
                };
                let received = match key.as_str() {
                    "contains" => ReceivedBytes::Contains(map.next_value()?),
                    "bytes" => ReceivedBytes::Number(map.next_value()?),
                    "hex" | "base64" => ReceivedBytes::Exactly(Octets(encoded(&key, &map.next_value::<String>()?)?)),
                    other => {
                        return Err(de::Error::unknown_field(other, &["hex", "base64", "contains", "bytes"]));
                    }
                };
                nothing_more(&mut map, &key)?;
                Ok(received)
            }
        }
        deserializer.deserialize_str(Either)
    }
}

impl JsonSchema for ReceivedBytes {
    fn schema_name() -> Cow<'static, str> {
        "ReceivedBytes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let bytes = generator.subschema_for::<Octets>();
        json_schema!({
            "description": "Which bytes have to come: exactly these, or what they contain, or so many.",
            "anyOf": [
                bytes,
                { "type": "object", "required": ["contains"], "additionalProperties": false, "properties": { "contains": bytes } },
                { "type": "object", "required": ["bytes"], "additionalProperties": false, "properties": { "bytes": { "type": "integer", "minimum": 1 } } }
            ]
        })
    }
}
