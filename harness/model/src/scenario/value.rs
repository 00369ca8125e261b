//! The small types of the scenario language.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// One of something, or a list.
#[derive(Debug, Clone, PartialEq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> std::ops::Deref for OneOrMany<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The deserializer is asked as for a list; one that is not a list comes as a newtype, with its place intact.
        struct Some<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Some<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one or a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Option::Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(OneOrMany(all))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                T::deserialize(deserializer).map(|one| OneOrMany(vec![one]))
            }
        }
        deserializer.deserialize_newtype_struct(crate::yaml::ONE_OR_MANY, Some(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// Any value, as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Json(pub serde_json::Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Json {
    fn schema_name() -> Cow<'static, str> {
        "AnyJson".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "Any value." })
    }
}

/// The values of an axis: a list, or `$name` for a list that files share.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum AxisValues {
    /// A name of `scenarios/axes.yaml`, after a dollar sign.
    Shared(#[schemars(regex(pattern = r"^\$[^{]"))] String),
    /// Words, numbers, true or false; or `{value, weight, negative}`.
    Own(#[schemars(with = "Vec<AxisValue>")] Vec<Json>),
}

/// A value of an axis, as a schema knows it; it is read by `combine`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum AxisValue {
    /// A value like the others.
    Plain(Plain),
    /// A value that is not like the others.
    Marked(MarkedValue),
}

/// A word, a number, true or false, as a schema knows it.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Plain {
    /// A word.
    Word(String),
    /// A number.
    Number(f64),
    /// True or false.
    Truth(bool),
}

/// A value of an axis with what is said of it.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct MarkedValue {
    /// The value: a word, a number, true or false.
    value: Plain,
    /// Where combinations leave a choice, the heaviest value is taken; 1 by default.
    weight: Option<u32>,
    /// Whether what is tested must refuse it: a case has at most one negative value.
    negative: Option<bool>,
}

/// A strength, as a schema knows it.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum StrengthWord {
    /// So many axes.
    Ways(#[schemars(range(min = 1, max = 100))] u32),
    /// A word of `--coverage`.
    Word(#[schemars(regex(pattern = r"^(each|pairwise|[0-9]+(-wise)?|full)$"))] String),
}

/// A set of axes with a strength of its own, as it is written; it is read by `combine`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StrongerAxes {
    /// The axes' names.
    pub axes: Vec<String>,
    /// Of how many of them each combination of values is covered: a number, or `full`.
    #[schemars(with = "StrengthWord")]
    pub strength: Json,
}

impl<'de> Deserialize<'de> for AxisValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = AxisValues;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values, or `$` and the name of shared ones")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(AxisValues::Shared(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(value) = seq.next_element()? {
                    all.push(value);
                }
                Ok(AxisValues::Own(all))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A request's body: a text as it is, anything else as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Body(pub serde_json::Value);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Body {
    fn schema_name() -> Cow<'static, str> {
        "Body".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A text as it is, anything else as JSON." })
    }
}

/// Over which connections the requests of a step go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// Each over one of its own, which is closed behind the answer.
    Fresh,
    /// So many, used in turn; a request waits for one that is free.
    Of(u32),
}

/// A step has no more connections than these.
const MOST_CONNECTIONS: u32 = 1000;

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => f.write_str("fresh connections"),
            Self::Of(1) => f.write_str("one connection"),
            Self::Of(number) => write!(f, "{number} connections"),
        }
    }
}

impl<'de> Deserialize<'de> for Connections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Connections;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`fresh`, or a number of connections")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
                match word {
                    "fresh" => Ok(Connections::Fresh),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                match u32::try_from(number) {
                    Ok(number @ 1..=MOST_CONNECTIONS) => Ok(Connections::Of(number)),
                    _ => Err(E::custom(format!(
                        "{number} connections are out of range\nfrom 1 to {MOST_CONNECTIONS}, or `fresh` for one for each request"
                    ))),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Connections {
    fn schema_name() -> Cow<'static, str> {
        "Connections".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`fresh`, or a number of connections.",
            "anyOf": [{ "enum": ["fresh"] }, { "type": "integer", "minimum": 1, "maximum": MOST_CONNECTIONS }]
        })
    }
}

/// What requests are sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: without TLS by prior knowledge (h2c), with it by ALPN.
    H2,
}

impl Protocol {
    /// Its name in ALPN.
    pub fn alpn(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::H2 => "h2",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "http1",
            Self::H2 => "h2",
        })
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

impl JsonSchema for TlsVersion {
    fn schema_name() -> Cow<'static, str> {
        "TlsVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Without quotes, it is a number of YAML.
        json_schema!({ "description": "A version of TLS.", "enum": ["1.2", "1.3", 1.2, 1.3] })
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        })
    }
}

/// One status or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(pub Vec<u16>);

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(u16::to_string).collect();
        f.write_str(&all.join(" or "))
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl<'de> Visitor<'de> for Numbers {
            type Value = Statuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an HTTP status or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                match text.parse::<u16>() {
                    Ok(status) => Err(E::custom(format!(
                        "a status is a number, and `{text}` is quoted as a text is\nwrite {status} without quotes"
                    ))),
                    Err(_) => Err(E::invalid_type(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                match u16::try_from(number) {
                    Ok(status) if (100..=599).contains(&status) => Ok(Statuses(vec![status])),
                    _ => Err(E::custom(format!(
                        "`{number}` is not an HTTP status\nit is a number from 100 to 599"
                    ))),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(Statuses(one)) = seq.next_element()? {
                    all.extend(one);
                }
                if all.is_empty() {
                    return Err(de::Error::custom("a list of statuses that has none can never hold"));
                }
                Ok(Statuses(all))
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 });
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}
