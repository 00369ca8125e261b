//! A value and where it was written.

use std::{fmt, marker::PhantomData, ops::Deref};

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use crate::source::Place;

/// The name by which a value asks the deserializer for its place.
pub(super) const AT: &str = "$meshkat::At";

/// A value with the place from which it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct At<T> {
    /// Where it was written.
    pub place: Place,
    /// The value.
    pub value: T,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: std::hash::Hash> std::hash::Hash for At<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AtVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let missing = || serde::de::Error::custom("the place is missing");
                let mut number = || seq.next_element::<u64>();
                let mut next = || Ok::<_, A::Error>(number()?.ok_or_else(missing)? as usize);
                let place = Place {
                    offset: next()?,
                    len: next()?,
                    line: next()?,
                    column: next()?,
                };
                let value = seq.next_element()?.ok_or_else(missing)?;
                Ok(At { place, value })
            }
        }

        deserializer.deserialize_tuple_struct(AT, 5, AtVisitor(PhantomData))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}
