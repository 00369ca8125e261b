//! From a [`Node`] to a typed value, through serde, keeping the place of what does not fit.

use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::{MapAccessDeserializer, StrDeserializer, U64Deserializer},
};

use super::{
    node::{Key, Kind, Node, scalar},
    place::AT,
};
use crate::{
    source::{Diagnostic, Place, Source},
    suggest::did_you_mean,
};

/// An enum of this name is chosen by the first of its variants that is a key of the mapping, and gets the whole mapping:
/// `{get: /x, status: 200}` is the variant `get` with the fields `get` and `status`.
const BY_VERB: &str = "Step";

/// A newtype of this name takes one value as well as a list of them.
pub(crate) const ONE_OR_MANY: &str = "$meshkat::OneOrMany";

/// What does not fit, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    place: Option<Place>,
    message: String,
    label: String,
    help: Option<String>,
}

impl Error {
    fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    /// As something to show.
    pub fn diagnose(self, source: &Source) -> Diagnostic {
        Diagnostic {
            source: source.clone(),
            place: self.place.unwrap_or_default(),
            message: self.message,
            label: self.label,
            help: self.help,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // A type may bring its way out behind a line break.
        let text = message.to_string();
        let (message, help) = match text.split_once('\n') {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (text, None),
        };
        Self {
            place: None,
            message,
            label: "here".to_owned(),
            help,
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self {
            place: None,
            message: format!("unknown key `{field}`"),
            label: "not a key that is known here".to_owned(),
            help: Some(did_you_mean(field, expected.iter().copied())),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self {
            place: None,
            message: format!("unknown word `{variant}`"),
            label: "not a word that is known here".to_owned(),
            help: Some(did_you_mean(variant, expected.iter().copied())),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            place: None,
            message: format!("the key `{field}` is missing"),
            label: "in this mapping".to_owned(),
            help: Some(format!("add `{field}: …`")),
        }
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self {
            place: None,
            message: format!("expected {expected}, found {unexpected}"),
            label: format!("expected {expected}"),
            help: None,
        }
    }
}

/// Turns a node into a typed value.
///
/// # Errors
/// The first part that does not fit, with its place.
pub fn from_node<T: de::DeserializeOwned>(node: &Node) -> Result<T, Error> {
    T::deserialize(De(node))
}

#[derive(Clone, Copy)]
struct De<'a>(&'a Node);

impl<'a> De<'a> {
    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Scalar { text, plain } => match scalar(text, *plain) {
                serde_json::Value::Null => visitor.visit_unit(),
                serde_json::Value::Bool(value) => visitor.visit_bool(value),
                serde_json::Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                    (Some(value), _, _) => visitor.visit_u64(value),
                    (_, Some(value), _) => visitor.visit_i64(value),
                    (_, _, value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
                },
                _ => visitor.visit_str(text),
            },
            Kind::Sequence(items) => visitor.visit_seq(Items(items.iter())),
            Kind::Mapping(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                current: None,
            }),
        }
    }

    fn is_null(self) -> bool {
        matches!(&self.0.kind, Kind::Scalar { text, plain } if scalar(text, *plain).is_null())
    }
}

macro_rules! forward {
    ($($method:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.any(visitor).map_err(|error| error.at(self.0.place))
        }
    )*};
}

impl<'de> Deserializer<'de> for De<'_> {
    type Error = Error;

    forward!(
        deserialize_any,
        deserialize_bool,
        deserialize_i8,
        deserialize_i16,
        deserialize_i32,
        deserialize_i64,
        deserialize_u8,
        deserialize_u16,
        deserialize_u32,
        deserialize_u64,
        deserialize_f32,
        deserialize_f64,
        deserialize_unit,
        deserialize_seq,
        deserialize_map,
        deserialize_bytes,
        deserialize_byte_buf,
        deserialize_char,
        deserialize_ignored_any
    );

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.kind {
            // A number where a text is wanted is that text: `contains: 5`.
            Kind::Scalar { text, .. } if !self.is_null() => visitor.visit_str(text),
            _ => self.any(visitor),
        }
        .map_err(|error| error.at(self.0.place))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name == ONE_OR_MANY && matches!(self.0.kind, Kind::Sequence(_)) {
            return self.deserialize_seq(visitor);
        }
        visitor
            .visit_newtype_struct(self)
            .map_err(|error| error.at(self.0.place))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == AT {
            let place = self.0.place;
            let numbers = [place.offset, place.len, place.line, place.column];
            return visitor.visit_seq(WithPlace {
                numbers: numbers.into_iter(),
                node: Some(self.0),
            });
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Scalar { text, .. } if name != BY_VERB => visitor.visit_enum(StrDeserializer::<Error>::new(text)),
            Kind::Mapping(entries) if name == BY_VERB => {
                match variants.iter().find(|verb| self.0.get(verb).is_some()) {
                    Some(verb) => visitor.visit_enum(Verb { verb, node: self.0 }),
                    None => Err(no_verb(entries, variants)),
                }
            }
            Kind::Mapping(entries) if entries.len() == 1 => visitor.visit_enum(MapAccessDeserializer::new(Entries {
                entries: entries.iter(),
                current: None,
            })),
            Kind::Scalar { .. } | Kind::Sequence(_) if name == BY_VERB => Err(Error {
                place: None,
                message: "a step is a mapping that begins with its verb".to_owned(),
                label: "not a mapping".to_owned(),
                help: Some("for example `get: /stores/1`".to_owned()),
            }),
            _ => self.any(visitor),
        }
        .map_err(|error| error.at(self.0.place))
    }
}

/// A step none of whose keys is a verb: tell which one was perhaps meant.
fn no_verb(entries: &[(Key, Node)], verbs: &'static [&'static str]) -> Error {
    let misspelt = entries
        .iter()
        .find_map(|(key, _)| crate::suggest::nearest(&key.text, verbs.iter().copied()).map(|_| key))
        .or(entries.first().map(|(key, _)| key));
    match misspelt {
        Some(key) => Error {
            place: Some(key.place),
            message: format!("this step has no verb: `{}` is not one", key.text),
            label: "expected a verb".to_owned(),
            help: Some(did_you_mean(&key.text, verbs.iter().copied())),
        },
        None => Error {
            place: None,
            message: "this step is empty".to_owned(),
            label: "expected a verb".to_owned(),
            help: Some(did_you_mean("", verbs.iter().copied())),
        },
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|node| seed.deserialize(De(node))).transpose()
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    current: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, node)) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some(node);
        // A key is a node of its own, so that a key's type can ask for its place.
        let kind = Kind::Scalar {
            text: key.text.clone(),
            plain: true,
        };
        let node = Node { place: key.place, kind };
        seed.deserialize(De(&node))
            .map(Some)
            .map_err(|error| error.at(key.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let node = self
            .current
            .take()
            .ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        seed.deserialize(De(node)).map_err(|error| error.at(node.place))
    }
}

struct WithPlace<'a> {
    numbers: std::array::IntoIter<usize, 4>,
    node: Option<&'a Node>,
}

impl<'de> SeqAccess<'de> for WithPlace<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if let Some(number) = self.numbers.next() {
            let number: U64Deserializer<Error> = (number as u64).into_deserializer();
            return seed.deserialize(number).map(Some);
        }
        self.node.take().map(|node| seed.deserialize(De(node))).transpose()
    }
}

struct Verb<'a> {
    verb: &'static str,
    node: &'a Node,
}

impl<'de, 'a> EnumAccess<'de> for Verb<'a> {
    type Error = Error;
    type Variant = Whole<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        let verb: StrDeserializer<'_, Error> = self.verb.into_deserializer();
        Ok((seed.deserialize(verb)?, Whole(self.node)))
    }
}

struct Whole<'a>(&'a Node);

impl<'de> VariantAccess<'de> for Whole<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(De(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        De(self.0).deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        De(self.0).deserialize_map(visitor)
    }
}
