//! Statuses of gRPC, as scenarios write them.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use crate::{grpc::Code, suggest::did_you_mean};

/// One status of gRPC or several, by names or numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcStatuses(pub Vec<Code>);

impl fmt::Display for GrpcStatuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(Code::to_string).collect();
        f.write_str(&all.join(" or "))
    }
}

impl<'de> Deserialize<'de> for GrpcStatuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = GrpcStatuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status of gRPC, such as OK, or a list of them")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                match Code::named(name) {
                    Some(code) => Ok(GrpcStatuses(vec![code])),
                    None => Err(E::custom(format!(
                        "`{name}` is no status of gRPC\n{}",
                        did_you_mean(name, Code::names().iter().copied())
                    ))),
                }
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                match u32::try_from(number).ok().filter(|number| *number <= 16) {
                    Some(number) => Ok(GrpcStatuses(vec![Code(number)])),
                    None => Err(E::custom(format!(
                        "`{number}` is no status of gRPC\nit is a name such as UNAVAILABLE, or a number from 0 to 16; what HTTP says is \
                         asked by `that: http_status == 503`"
                    ))),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(GrpcStatuses(one)) = seq.next_element()? {
                    all.extend(one);
                }
                if all.is_empty() {
                    return Err(de::Error::custom("a list of statuses that has none can never hold"));
                }
                Ok(GrpcStatuses(all))
            }
        }
        deserializer.deserialize_any(Names)
    }
}

impl JsonSchema for GrpcStatuses {
    fn schema_name() -> Cow<'static, str> {
        "GrpcStatuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = json_schema!({ "enum": Code::names() });
        let number = json_schema!({ "type": "integer", "minimum": 0, "maximum": 16 });
        json_schema!({ "anyOf": [name, number, { "type": "array", "items": { "anyOf": [name, number] }, "minItems": 1 }] })
    }
}
