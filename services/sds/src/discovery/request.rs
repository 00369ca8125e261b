//! The few fields of a DiscoveryRequest that matter.

use serde::{Deserialize, Deserializer};

/// A DiscoveryRequest, read without its bulk: an Envoy's poll is 77 kB, nearly all of it the node's extensions.
///
/// Envoy writes `snake_case`; proto3 JSON allows `camelCase` and `null` too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DiscoveryRequest {
    /// The services asked for; none means all.
    #[serde(alias = "resourceNames", deserialize_with = "or_default")]
    pub(crate) resource_names: Vec<String>,
    /// The type asked for, if it is said.
    #[serde(alias = "typeUrl", deserialize_with = "or_default")]
    pub(crate) type_url: String,
    /// The version that the Envoy has; empty at first.
    #[serde(alias = "versionInfo", deserialize_with = "or_default")]
    pub(crate) version_info: String,
    /// Who asks.
    #[serde(deserialize_with = "or_default")]
    pub(crate) node: Node,
    /// Why the last answer was refused, if it was.
    #[serde(alias = "errorDetail")]
    pub(crate) error_detail: Option<ErrorDetail>,
}

/// Why an answer was refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ErrorDetail {
    #[serde(deserialize_with = "or_default")]
    pub(crate) code: i32,
    #[serde(deserialize_with = "or_default")]
    pub(crate) message: String,
}

/// Who asks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    #[serde(deserialize_with = "or_default")]
    pub(crate) id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) cluster: String,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use meshkat_kit::from_json;

    use super::*;

    #[test]
    fn both_spellings_and_unknown_fields_are_read() {
        for text in [
            r#"{"resource_names": ["pet"], "type_url": "t", "version_info": "1", "node": {"id": "a", "cluster": "b", "extensions": [{"name": "x"}]}}"#,
            r#"{"resourceNames": ["pet"], "typeUrl": "t", "versionInfo": "1", "node": {"id": "a", "cluster": "b"}, "errorDetail": null}"#,
        ] {
            let request: DiscoveryRequest = from_json(text.as_bytes()).unwrap();
            assert_eq!(request.resource_names, ["pet"]);
            assert_eq!((request.type_url.as_str(), request.version_info.as_str()), ("t", "1"));
            assert_eq!((request.node.id.as_str(), request.node.cluster.as_str()), ("a", "b"));
        }
    }

    #[test]
    fn nothing_and_null_mean_the_default() {
        for text in [
            "{}",
            r#"{"resource_names": null, "type_url": null, "node": null, "version_info": null}"#,
        ] {
            let request: DiscoveryRequest = from_json(text.as_bytes()).unwrap();
            assert!(request.resource_names.is_empty() && request.type_url.is_empty() && request.node.id.is_empty());
        }
    }
}
