//! How a mesh file says when a program is ready.

use std::fmt;

use schemars::JsonSchema;
use serde::{
    Deserialize,
    de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{program::Readiness, yaml::At};

/// When a program is ready.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum ReadyKeys {
    /// `tcp`: it takes connections at the first of its ports.
    Word(ReadyWord),
    /// By what it answers or writes.
    Keys(ReadyBy),
}

/// The words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyWord {
    /// It takes connections at the first of its ports.
    Tcp,
}

/// What a program answers or writes once it is ready: one of the two.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReadyBy {
    /// It answers a GET of this path at the first of its ports with a status of success.
    pub http: Option<At<String>>,
    /// It has written this text.
    pub log: Option<At<String>>,
}

impl<'de> Deserialize<'de> for ReadyKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ready;
        impl<'de> Visitor<'de> for Ready {
            type Value = ReadyKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`tcp`, `{http: /path}` or `{log: text}`")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
                match word {
                    "tcp" => Ok(ReadyKeys::Word(ReadyWord::Tcp)),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                ReadyBy::deserialize(MapAccessDeserializer::new(map)).map(ReadyKeys::Keys)
            }
        }
        deserializer.deserialize_any(Ready)
    }
}

impl ReadyKeys {
    /// What is meant.
    ///
    /// # Errors
    /// What is wrong, a few words at its place, and the way out.
    pub(super) fn read(&self) -> Result<Readiness, [&'static str; 3]> {
        let by = match self {
            Self::Word(ReadyWord::Tcp) => return Ok(Readiness::Tcp),
            Self::Keys(by) => by,
        };
        match (&by.http, &by.log) {
            (Some(path), None)
                if path.starts_with('/') && !path.contains(|c: char| c.is_whitespace() || c.is_control()) =>
            {
                Ok(Readiness::Http(path.value.clone()))
            }
            (Some(_), None) => Err([
                "`http` of `ready` is a path",
                "not a path",
                "it begins with a slash, as `http: /healthz`",
            ]),
            (None, Some(text)) if text.trim().is_empty() || text.contains('\n') => Err([
                "`log` of `ready` is a part of a line",
                "no text to look for",
                "write what the program writes when it is ready, as `log: listening`",
            ]),
            (None, Some(text)) => Ok(Readiness::Log(text.value.clone())),
            _ => Err([
                "`ready` says one thing",
                "not one of the two",
                "write `tcp`, `{http: /path}` or `{log: text}`; without `ready`, it is ready when it takes connections",
            ]),
        }
    }
}
