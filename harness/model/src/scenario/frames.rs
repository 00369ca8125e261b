//! What is sent over a WebSocket, and what has to come, as scenarios write it.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::{
    octets::{Octets, TextMatch, nothing_more},
    value::Json,
};
use crate::observation::Frame;

/// What is sent: a text, `{json: …}`, `{binary: …}`, `{ping: …}`, `{pong: …}`, or `{close: CODE}`.
#[derive(Debug, Clone, PartialEq)]
pub enum SentFrame {
    /// A message, a ping or a pong.
    Frame(Frame),
    /// This side closes, with a code and a reason.
    Close(u16, String),
}

/// What has to come.
#[derive(Debug, Clone, PartialEq)]
pub enum ReceivedFrame {
    /// A message of text.
    Text(TextMatch),
    /// A message of exactly these bytes.
    Binary(Octets),
    /// A ping with exactly these bytes.
    Ping(Octets),
    /// A pong with exactly these bytes.
    Pong(Octets),
}

impl ReceivedFrame {
    /// Whether a frame is of this kind.
    pub fn is_kind_of(&self, frame: &Frame) -> bool {
        match frame {
            Frame::Ping(_) => matches!(self, Self::Ping(_)),
            Frame::Pong(_) => matches!(self, Self::Pong(_)),
            Frame::Text(_) | Frame::Binary(_) => matches!(self, Self::Text(_) | Self::Binary(_)),
        }
    }
}

impl fmt::Display for ReceivedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Binary(bytes) => write!(f, "binary {bytes}"),
            Self::Ping(bytes) => write!(f, "a ping {bytes}"),
            Self::Pong(bytes) => write!(f, "a pong {bytes}"),
        }
    }
}

/// Keys of what is sent.
const SENT: [&str; 6] = ["json", "binary", "ping", "pong", "close", "reason"];

/// Keys of what comes.
const RECEIVED: [&str; 5] = ["contains", "json", "binary", "ping", "pong"];

impl<'de> Deserialize<'de> for SentFrame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = SentFrame;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, `{json: …}`, `{binary: …}`, `{ping: …}`, `{pong: …}` or `{close: CODE}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SentFrame, E> {
                Ok(SentFrame::Frame(Frame::Text(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SentFrame, A::Error> {
                let Some(key) = map.next_key::<String>()? else {
                    return Err(de::Error::missing_field("binary"));
                };
                let sent = match key.as_str() {
                    "json" => SentFrame::Frame(Frame::Text(map.next_value::<Json>()?.0.to_string())),
                    "binary" => SentFrame::Frame(Frame::Binary(map.next_value::<Octets>()?.0)),
                    "ping" => SentFrame::Frame(Frame::Ping(map.next_value::<Octets>()?.0)),
                    "pong" => SentFrame::Frame(Frame::Pong(map.next_value::<Octets>()?.0)),
                    "close" => {
                        let code: u16 = map.next_value()?;
                        return match map.next_key::<String>()?.as_deref() {
                            None => Ok(SentFrame::Close(code, String::new())),
                            Some("reason") => Ok(SentFrame::Close(code, map.next_value()?)),
                            Some(other) => Err(de::Error::unknown_field(other, &["reason"])),
                        };
                    }
                    other => return Err(de::Error::unknown_field(other, &SENT)),
                };
                nothing_more(&mut map, &key)?;
                Ok(sent)
            }
        }
        deserializer.deserialize_str(Either)
    }
}

impl<'de> Deserialize<'de> for ReceivedFrame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ReceivedFrame;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, `{contains: …}`, `{json: …}`, `{binary: …}`, `{ping: …}` or `{pong: …}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ReceivedFrame, E> {
                Ok(ReceivedFrame::Text(TextMatch::Exactly(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReceivedFrame, A::Error> {
                let Some(key) = map.next_key::<String>()? else {
                    return Err(de::Error::missing_field("binary"));
                };
                let received = match key.as_str() {
                    "binary" => ReceivedFrame::Binary(map.next_value()?),
                    "ping" => ReceivedFrame::Ping(map.next_value()?),
                    "pong" => ReceivedFrame::Pong(map.next_value()?),
                    "contains" | "json" => ReceivedFrame::Text(TextMatch::of_key(&key, &mut map)?),
                    other => return Err(de::Error::unknown_field(other, &RECEIVED)),
                };
                nothing_more(&mut map, &key)?;
                Ok(received)
            }
        }
        deserializer.deserialize_str(Either)
    }
}

/// Mappings of one key each, or a text.
fn one_of(description: &str, octets: &[&str], texts: &[&str], generator: &mut SchemaGenerator) -> Schema {
    let bytes = generator.subschema_for::<Octets>();
    let one = |key: &str, value: serde_json::Value| {
        let properties = serde_json::Map::from_iter([(key.to_owned(), value)]);
        serde_json::json!({ "type": "object", "required": [key], "additionalProperties": false, "properties": properties })
    };
    let text = serde_json::json!({ "type": ["string", "number", "boolean"] });
    let mut all = vec![
        text.clone(),
        one("json", serde_json::json!({ "description": "Any value." })),
    ];
    all.extend(octets.iter().map(|key| one(key, bytes.clone().to_value())));
    all.extend(texts.iter().map(|key| one(key, text.clone())));
    json_schema!({ "description": description, "anyOf": all })
}

impl JsonSchema for SentFrame {
    fn schema_name() -> Cow<'static, str> {
        "SentFrame".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = one_of("What is sent.", &["binary", "ping", "pong"], &[], generator);
        let close = serde_json::json!({
            "type": "object", "required": ["close"], "additionalProperties": false,
            "properties": {
                "close": { "type": "integer", "minimum": 1000, "maximum": 4999 },
                "reason": { "type": ["string", "number", "boolean"] }
            }
        });
        if let Some(all) = schema.get_mut("anyOf").and_then(serde_json::Value::as_array_mut) {
            all.push(close);
        }
        schema
    }
}

impl JsonSchema for ReceivedFrame {
    fn schema_name() -> Cow<'static, str> {
        "ReceivedFrame".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        one_of(
            "What has to come.",
            &["binary", "ping", "pong"],
            &["contains"],
            generator,
        )
    }
}
