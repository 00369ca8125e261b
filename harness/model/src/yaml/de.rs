//! From a [`Node`] to a typed value, through serde, keeping the place of what does not fit.

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::{StrDeserializer, U64Deserializer},
};

use super::{
    error::{Error, Gone},
    node::{Key, Kind, Node, scalar},
    place::AT,
};

/// An enum of this name is chosen by the first of its variants that is a key of the mapping, and gets the whole mapping:
/// `{get: /x, status: 200}` is the variant `get` with the fields `get` and `status`.
const BY_VERB: &str = "Step";

/// A newtype of this name takes one value as well as a list of them.
pub(crate) const ONE_OR_MANY: &str = "$meshkat::OneOrMany";

/// A field whose name begins so is a part: a type of its own whose keys are those of the mapping around it.
const PART: char = '$';

/// How many mistakes of one file are told at once.
const MOST_ERRORS: usize = 50;

/// Turns a node into a typed value.
///
/// # Errors
/// Every part that does not fit, with its place: each is taken out, and the rest read again.
pub fn from_node<T: de::DeserializeOwned>(node: &Node) -> Result<T, Vec<Error>> {
    let first = match T::deserialize(De(node)) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let mut rest = node.clone();
    let mut gone: Vec<(Error, Gone)> = Vec::new();
    let mut told = Vec::new();
    let mut next = Some(first);
    while let Some(error) = next.take() {
        if !error.follows_from(&gone) {
            told.push(error.clone());
        }
        if told.len() < MOST_ERRORS
            && let Some(part) = error.prune(&mut rest)
        {
            gone.push((error, part));
            next = T::deserialize(De(&rest)).err();
        }
    }
    Err(told)
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
        self.0.is_null()
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
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.kind {
            Kind::Mapping(entries) if fields.iter().any(|field| field.starts_with(PART)) => visitor
                .visit_map(WithParts {
                    node: self.0,
                    fields: fields.iter(),
                    known: Vec::new(),
                    taken: Vec::new(),
                    entries: Entries {
                        entries: entries.iter(),
                        current: None,
                    },
                })
                .map_err(|error| error.at(self.0.place)),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let place = self.0.place;
        match &self.0.kind {
            Kind::Mapping(_) if name == BY_VERB => match variants.iter().find(|verb| self.0.get(verb).is_some()) {
                Some(verb) => visitor
                    .visit_enum(Verb { verb, node: self.0 })
                    .map_err(|error| error.in_step(self.0, verb, variants)),
                None => Err(Error::no_verb(self.0, variants)),
            },
            Kind::Scalar { text, .. } if name == BY_VERB => Err(Error::no_step(text, variants)),
            Kind::Sequence(_) if name == BY_VERB => Err(Error::no_step("", variants)),
            Kind::Scalar { text, .. } if !self.is_null() => visitor.visit_enum(StrDeserializer::<Error>::new(text)),
            _ => Err(Error::no_word(variants)),
        }
        .map_err(|error| error.at(place))
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|node| seed.deserialize(De(node))).transpose()
    }
}

struct Entries<'a, I> {
    entries: I,
    current: Option<&'a Node>,
}

impl<'a, I> Entries<'a, I> {
    fn key<'de, K: DeserializeSeed<'de>>(&mut self, (key, node): &'a (Key, Node), seed: K) -> Result<K::Value, Error> {
        self.current = Some(node);
        // A key is a node of its own, so that a key's type can ask for its place.
        let kind = Kind::Scalar {
            text: key.text.clone(),
            plain: true,
        };
        let node = Node { place: key.place, kind };
        seed.deserialize(De(&node)).map_err(|error| error.at_key(key.place))
    }
}

impl<'de, 'a, I: Iterator<Item = &'a (Key, Node)>> MapAccess<'de> for Entries<'a, I> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(next) = self.entries.next() else {
            return Ok(None);
        };
        self.key(next, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let node = self
            .current
            .take()
            .ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        seed.deserialize(De(node)).map_err(|error| error.at(node.place))
    }
}

/// A mapping of which some keys belong to parts. Each part is read first, and takes the keys that it has.
struct WithParts<'a, I> {
    node: &'a Node,
    /// The fields that were not looked at yet for parts.
    fields: std::slice::Iter<'static, &'static str>,
    /// The keys that the mapping may have by itself.
    known: Vec<&'static str>,
    /// The keys that it may have by its parts.
    taken: Vec<&'static str>,
    entries: Entries<'a, I>,
}

impl<'de, 'a, I: Iterator<Item = &'a (Key, Node)>> MapAccess<'de> for WithParts<'a, I> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        for field in self.fields.by_ref() {
            if field.starts_with(PART) {
                let name: StrDeserializer<'_, Error> = (*field).into_deserializer();
                return seed.deserialize(name).map(Some);
            }
            self.known.push(field);
        }
        let (known, taken) = (&self.known, &self.taken);
        let is_left = |(key, _): &&(Key, Node)| !taken.contains(&key.text.as_str());
        let Some(next @ (key, _)) = self.entries.entries.find(is_left) else {
            return Ok(None);
        };
        if !known.contains(&key.text.as_str()) {
            let all: Vec<&'static str> = known.iter().chain(taken).copied().collect();
            return Err(Error::unknown_key(&key.text, &all).at_key(key.place));
        }
        self.entries.key(next, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.entries.current {
            Some(_) => self.entries.next_value_seed(seed),
            None => seed.deserialize(Part {
                node: self.node,
                taken: &mut self.taken,
            }),
        }
    }
}

/// A part of a mapping: the keys that its type has.
struct Part<'a> {
    node: &'a Node,
    taken: &'a mut Vec<&'static str>,
}

impl<'de> Deserializer<'de> for Part<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("a part has keys"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.taken.extend(fields);
        let Kind::Mapping(entries) = &self.node.kind else {
            return self.deserialize_any(visitor);
        };
        visitor.visit_map(Entries {
            entries: entries.iter().filter(|(key, _)| fields.contains(&key.text.as_str())),
            current: None,
        })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
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
