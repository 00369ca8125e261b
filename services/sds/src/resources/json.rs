//! Resources as people write them: proto3 JSON.

use meshkat_kit::{JsonError, from_json};
use prost::Message as _;
use prost_reflect::{DynamicMessage, SerializeOptions};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::{Kind, Resource, descriptors};

/// Why text is no resource.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidResource {
    /// It is no JSON object.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// A field does not hold.
    #[error("{field}: {message}")]
    Field {
        /// The path of the field, as in `endpoints[0].priority`.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// The descriptors do not hold.
    #[error("the descriptors of Envoy's API cannot be read: {0}")]
    Descriptors(String),
}

impl InvalidResource {
    fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Field {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl Resource {
    /// Reads a resource of a type under its name.
    ///
    /// # Errors
    /// The text is no such resource, or it has another name.
    pub(crate) fn from_json(kind: Kind, name: &str, bytes: &[u8]) -> Result<Self, InvalidResource> {
        let mut fields: Map<String, Value> = from_json(bytes)?;
        let said = fields.shift_remove("@type");
        if said.as_ref().is_some_and(|said| said != kind.type_url()) {
            return Err(InvalidResource::field(
                "@type",
                format!("{} is put here", kind.type_url()),
            ));
        }
        let message = read(kind, fields)?;

        let field = kind.name_field();
        let found = message.get_field_by_name(field);
        let found = found
            .as_deref()
            .and_then(prost_reflect::Value::as_str)
            .unwrap_or_default();
        if found != name {
            return Err(InvalidResource::field(
                field,
                format!("it is {found:?}, and {name:?} in the path"),
            ));
        }
        let json = write(kind, &message).map_err(|error| InvalidResource::field(name, error.to_string()))?;
        Ok(Self::written(kind, message.encode_to_vec(), json))
    }
}

fn read(kind: Kind, fields: Map<String, Value>) -> Result<DynamicMessage, InvalidResource> {
    let pool = descriptors::pool().map_err(|error| InvalidResource::Descriptors(error.to_string()))?;
    let descriptor = pool
        .get_message_by_name(kind.message())
        .ok_or_else(|| InvalidResource::Descriptors(format!("{} is not there", kind.message())))?;
    let value = type_first(Value::Object(fields));
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    DynamicMessage::deserialize(descriptor, tracked).map_err(|error| {
        // What has no `@type` yet cannot be read on, so this comes from the place itself.
        let field = track.path().to_string();
        InvalidResource::field(if field == "." { "the resource" } else { &field }, error.to_string())
    })
}

/// Brings each `@type` to the front of its object: what comes before it is read without a path for errors.
fn type_first(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => {
            let kind = fields.shift_remove_entry("@type");
            let rest = fields.into_iter().map(|(name, value)| (name, type_first(value)));
            Value::Object(kind.into_iter().chain(rest).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(type_first).collect()),
        other => other,
    }
}

/// The canonical form: Envoy's own field names, in order, so that equal messages are equal text.
fn write(kind: Kind, message: &DynamicMessage) -> serde_json::Result<Box<RawValue>> {
    let options = SerializeOptions::new().use_proto_field_name(true);
    let mut value = message.serialize_with_options(serde_json::value::Serializer, &options)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("@type".to_owned(), kind.type_url().into());
    }
    value.sort_all_objects();
    to_raw_value(&value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listener(filter: &Value) -> Value {
        json!({"name": "in", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 10000}},
               "filter_chains": [{"filters": [{"name": "hcm", "typed_config": filter}]}]})
    }

    fn manager(key: &str, value: Value) -> Value {
        let mut manager = json!({
            "stat_prefix": "in",
            "http_filters": [{"name": "router", "typed_config":
                {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        });
        manager[key] = value;
        manager
    }

    #[test]
    fn any_is_typed_and_its_type_may_stand_last() {
        let text = listener(&manager("stat_prefix", json!("in"))).to_string();
        let resource = Resource::from_json(Kind::Listeners, "in", text.as_bytes()).unwrap();
        let json: Value = serde_json::from_str(resource.json().unwrap().get()).unwrap();
        assert_eq!(json["@type"], Kind::Listeners.type_url());
        let manager = &json["filter_chains"][0]["filters"][0]["typed_config"];
        assert_eq!(manager["stat_prefix"], "in");
        assert!(
            manager["http_filters"][0]["typed_config"]["@type"]
                .as_str()
                .unwrap()
                .ends_with("Router")
        );
    }

    #[test]
    fn what_does_not_parse_names_the_field() {
        for (kind, name, body, expected) in [
            (
                Kind::Clusters,
                "a",
                json!({"name": "b"}),
                "name: it is \"b\", and \"a\" in the path",
            ),
            (Kind::Clusters, "a", json!({}), "name: it is \"\""),
            (
                Kind::Clusters,
                "a",
                json!({"name": "a", "connect_timeout": "soon"}),
                "connect_timeout: ",
            ),
            (Kind::Clusters, "a", json!({"name": "a", "type": "EDDS"}), "type: "),
            (Kind::Clusters, "a", json!({"name": "a", "typ": "EDS"}), "'typ'"),
            (
                Kind::Clusters,
                "a",
                json!({"name": "a", "@type": Kind::Routes.type_url()}),
                "@type: ",
            ),
            (
                Kind::Endpoints,
                "a",
                json!({"cluster_name": "a", "endpoints": [{}, {"priority": -1}]}),
                "endpoints[1].priority: ",
            ),
            (
                Kind::Listeners,
                "in",
                listener(&json!({"@type": "type.googleapis.com/envoy.Nothing"})),
                "filter_chains[0].filters[0].typed_config",
            ),
            (
                Kind::Listeners,
                "in",
                listener(&manager("stat_prefix", json!(7))),
                "filter_chains[0].filters[0].typed_config.stat_prefix: ",
            ),
            (
                Kind::Listeners,
                "in",
                listener(&manager("stat_prefiks", json!("in"))),
                "'stat_prefiks'",
            ),
        ] {
            let error = Resource::from_json(kind, name, body.to_string().as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }

    #[test]
    fn equal_content_has_an_equal_version() {
        let version = |text: &str| {
            Resource::from_json(Kind::Clusters, "a", text.as_bytes())
                .unwrap()
                .version
        };
        assert_eq!(
            version(r#"{"name": "a", "metadata": {"filter_metadata": {"x": {"a": 1, "b": 2, "c": 3}, "y": {}}}}"#),
            version(r#"{"metadata": {"filterMetadata": {"y": {}, "x": {"c": 3, "b": 2, "a": 1}}}, "name": "a"}"#),
        );
        assert_ne!(version(r#"{"name": "a"}"#), version(r#"{"name": "a", "type": "EDS"}"#));
    }
}
