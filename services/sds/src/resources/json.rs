//! Resources as people write them: proto3 JSON.

use meshkat_kit::{JsonError, from_json};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::Value;

use super::strict::Strict;
use super::{Kind, Resource, descriptors, proto_json};

/// Why text is no resource.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidResource {
    /// It is no JSON object.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// A field is invalid.
    #[error("{field}: {message}")]
    Field {
        /// The path of the field, as in `endpoints[0].priority`.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// The descriptors are invalid.
    #[error("the descriptors of Envoy's API cannot be read: {0}")]
    Descriptors(String),
}

impl InvalidResource {
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Field {
            field: field.into(),
            message: message.into(),
        }
    }

    /// The same without what was found in the place of something else.
    fn without_values(self) -> Self {
        match self {
            Self::Field { field, message } => {
                let found = ["invalid type: ", "invalid value: "]
                    .iter()
                    .any(|start| message.starts_with(start));
                let message = match message.rsplit_once(", expected ") {
                    Some((_, expected)) if found => format!("expected {expected}"),
                    _ => message,
                };
                Self::Field { field, message }
            }
            other => other,
        }
    }
}

impl Resource {
    /// Reads a resource of a type under its name.
    ///
    /// # Errors
    /// The text is no such resource, has something twice, or has another name.
    pub(crate) fn from_json(kind: Kind, name: &str, bytes: &[u8]) -> Result<Self, InvalidResource> {
        Self::from_fields(kind, name, from_json(bytes)?)
    }

    /// The same of JSON that was read already.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn from_fields(kind: Kind, name: &str, fields: Strict) -> Result<Self, InvalidResource> {
        let Strict(mut fields) = fields;
        let said = fields.shift_remove("@type");
        if said.as_ref().is_some_and(|said| said != kind.type_url()) {
            return Err(InvalidResource::field(
                "@type",
                format!("{} is put here", kind.type_url()),
            ));
        }
        let message = proto_json::read(&descriptor(kind)?, fields).map_err(|error| match kind {
            Kind::Secrets => error.without_values(),
            _ => error,
        })?;

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
        write(kind, &message)
            .and_then(|json| Self::written(kind, message.encode_to_vec(), &json))
            .map_err(|error| InvalidResource::field(name, error.to_string()))
    }
}

fn descriptor(kind: Kind) -> Result<MessageDescriptor, InvalidResource> {
    let pool = descriptors::pool().map_err(|error| InvalidResource::Descriptors(error.to_string()))?;
    pool.get_message_by_name(kind.message())
        .ok_or_else(|| InvalidResource::Descriptors(format!("{} is not there", kind.message())))
}

/// The canonical form: Envoy's own field names, in order, so that equal messages are equal text.
fn write(kind: Kind, message: &DynamicMessage) -> serde_json::Result<Value> {
    let mut value = proto_json::write(message)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("@type".to_owned(), kind.type_url().into());
    }
    value.sort_all_objects();
    Ok(value)
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
    fn of_a_secret_nothing_is_told_that_was_sent() {
        for (body, expected) in [
            (
                json!({"name": "a", "tls_certificate": {"private_key": "KEY, expected KEY"}}),
                "tls_certificate.private_key: expected a map",
            ),
            (
                json!({"name": "a", "tls_certificate": {"private_key": {"inline_bytes": 7}}}),
                "tls_certificate.private_key.inline_bytes: expected ",
            ),
            (
                json!({"name": "a", "tls_certificate": {"private_kye": "KEY"}}),
                "tls_certificate: unrecognized field name 'private_kye'",
            ),
        ] {
            let error = Resource::from_json(Kind::Secrets, "a", body.to_string().as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(expected) && !error.contains("KEY"), "{error}");
        }
    }

    #[test]
    fn what_is_there_twice_is_named() {
        let tcp = |more: &str| {
            format!(
                r#"{{"name": "in", "filter_chains": [{{"filters": [{{"name": "f", "typed_config": {{
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", {more}}}}}]}}]}}"#
            )
        };
        for (kind, name, body, expected) in [
            (
                Kind::Clusters,
                "a",
                r#"{"name": "a", "connect_timeout": "1s", "connectTimeout": "2s"}"#.to_owned(),
                "connectTimeout: it is there twice, as \"connect_timeout\" and as \"connectTimeout\"",
            ),
            (
                Kind::Endpoints,
                "a",
                r#"{"cluster_name": "a", "endpoints": [{}, {"load_balancing_weight": 1, "loadBalancingWeight": 2}]}"#
                    .to_owned(),
                "endpoints[1].loadBalancingWeight: it is there twice",
            ),
            (
                Kind::Clusters,
                "a",
                r#"{"name": "a", "name": "a"}"#.to_owned(),
                "the key \"name\" is there twice",
            ),
            (
                Kind::Listeners,
                "in",
                tcp(r#""stat_prefix": "a", "statPrefix": "b", "cluster": "c""#),
                "filter_chains[0].filters[0].typed_config.statPrefix: it is there twice",
            ),
            (
                Kind::Listeners,
                "in",
                tcp(r#""stat_prefix": "a", "cluster": "c", "weighted_clusters": {}"#),
                "filter_chains[0].filters[0].typed_config.weighted_clusters: \"cluster\" is there already",
            ),
            (
                Kind::Clusters,
                "a",
                r#"{"name": "a", "metadata": {"filter_metadata": {"x": {"a": 1, "a": 2}}}}"#.to_owned(),
                "metadata.filter_metadata.x: the key \"a\" is there twice",
            ),
        ] {
            let error = Resource::from_json(kind, name, body.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{body}: {error}");
        }
        // In what is not typed, these are two.
        let body = r#"{"name": "a", "metadata": {"filter_metadata": {"x": {"a_b": 1, "aB": 2}}}}"#;
        Resource::from_json(Kind::Clusters, "a", body.as_bytes()).unwrap();
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
