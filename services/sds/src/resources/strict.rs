//! JSON in which no key is there twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A JSON object in which no object has a key twice. Of two, one would be lost without a word.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Strict(pub(crate) Map<String, Value>);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Strict;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Strict, A::Error> {
                fields(map).map(Strict)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Any value, under the same rule.
struct Any;

impl<'de> DeserializeSeed<'de> for Any {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Any)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        fields(map).map(Value::Object)
    }
}

fn fields<'de, A: MapAccess<'de>>(mut map: A) -> Result<Map<String, Value>, A::Error> {
    let mut all = Map::new();
    while let Some(key) = map.next_key::<String>()? {
        if all.contains_key(&key) {
            return Err(A::Error::custom(format!(
                "the key {key:?} is there twice; leave out one of them"
            )));
        }
        let value = map.next_value_seed(Any)?;
        all.insert(key, value);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use meshkat_kit::from_json;

    use super::*;

    #[test]
    fn a_key_that_is_there_twice_is_named_with_its_place() {
        for (text, expected) in [
            (r#"{"name": "a", "name": "b"}"#, r#"the key "name" is there twice"#),
            (
                r#"{"a": [{}, {"b": {"c": 1, "c": 1}}]}"#,
                r#"a[1].b: the key "c" is there twice"#,
            ),
            // However it is written.
            (r#"{"a": {"\u0062": 1, "b": 2}}"#, r#"a: the key "b" is there twice"#),
        ] {
            let error = from_json::<Strict>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn everything_else_is_as_it_is() {
        let text = r#"{"a":[1,-1,1.5,1e300,"x",null,true,{"b":{}}],"b":{"a":18446744073709551615}}"#;
        let Strict(found) = from_json(text.as_bytes()).unwrap();
        assert_eq!(Value::Object(found), serde_json::from_str::<Value>(text).unwrap());
        from_json::<Strict>(b"[]").unwrap_err();
        from_json::<Strict>(b"1").unwrap_err();
    }
}
