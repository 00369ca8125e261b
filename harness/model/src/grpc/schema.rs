//! Messages by their descriptors: JSON to bytes and back.

use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MethodDescriptor, SerializeOptions, prost::Message as _,
};
use serde_json::Value;

use crate::suggest::did_you_mean;

/// What is known of services and their messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema(DescriptorPool);

/// A method of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Method(MethodDescriptor);

/// A service or a method that a schema does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What is not there.
    pub message: String,
    /// What may have been meant.
    pub help: String,
}

impl Schema {
    /// Reads a descriptor set (`protoc --include_imports --descriptor_set_out`), in which all that is imported has to be, too.
    ///
    /// # Errors
    /// Why it is none, in a sentence.
    pub fn from_set(bytes: &[u8]) -> Result<Self, String> {
        let pool = DescriptorPool::decode(bytes).map_err(|error| error.to_string())?;
        let services = pool.services().len();
        match services {
            0 => Err("it describes no service".to_owned()),
            _ => Ok(Self(pool)),
        }
    }

    /// The same of the descriptors of single files, as reflection has them, in any order.
    ///
    /// # Errors
    /// Why they are none, in a sentence.
    pub fn from_files<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, String> {
        // A set has each file as its field 1.
        let mut set = Vec::new();
        for file in files {
            set.push(0x0a);
            prost_reflect::prost::encoding::encode_varint(file.len() as u64, &mut set);
            set.extend_from_slice(file);
        }
        Self::from_set(&set)
    }

    /// The method `SERVICE/METHOD`.
    ///
    /// # Errors
    /// There is no such service, or it has no such method.
    pub fn method(&self, service: &str, method: &str) -> Result<Method, Unknown> {
        let Some(known) = self.0.get_service_by_name(service) else {
            let services: Vec<_> = self.0.services().collect();
            let names = services.iter().map(prost_reflect::ServiceDescriptor::full_name);
            return Err(Unknown {
                message: format!("there is no service `{service}`"),
                help: did_you_mean(service, names),
            });
        };
        let found = known.methods().find(|own| own.name() == method);
        found.map(Method).ok_or_else(|| {
            let methods: Vec<_> = known.methods().collect();
            Unknown {
                message: format!("the service `{service}` has no method `{method}`"),
                help: did_you_mean(method, methods.iter().map(MethodDescriptor::name)),
            }
        })
    }
}

impl Method {
    /// Whether the client sends a stream of messages.
    pub fn takes_a_stream(&self) -> bool {
        self.0.is_client_streaming()
    }

    /// The name of what it takes.
    pub fn takes(&self) -> String {
        self.0.input().full_name().to_owned()
    }

    /// A message that it takes, from JSON as proto3 has it; fields may have the names of the `.proto` file.
    ///
    /// # Errors
    /// Why it is no such message.
    pub fn encode(&self, message: &Value) -> Result<Vec<u8>, String> {
        let options = DeserializeOptions::new().deny_unknown_fields(true);
        let message = DynamicMessage::deserialize_with_options(self.0.input(), message, &options);
        message
            .map(|message| message.encode_to_vec())
            .map_err(|error| error.to_string())
    }

    /// A message that it answers, as JSON: fields have the names of the `.proto` file and are there if they are not set, and numbers
    /// of 64 bits are numbers.
    ///
    /// # Errors
    /// Why it is no such message.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value, String> {
        let output = self.0.output();
        let what = |error: &dyn std::fmt::Display| format!("it is no {}: {error}", self.0.output().full_name());
        let message = DynamicMessage::decode(output, bytes).map_err(|error| what(&error))?;
        let options = SerializeOptions::new()
            .use_proto_field_name(true)
            .skip_default_fields(false)
            .stringify_64_bit_integers(false);
        message
            .serialize_with_options(serde_json::value::Serializer, &options)
            .map_err(|error| what(&error))
    }
}
