//! Files of xDS resources: `DiscoveryResponse` as JSON or YAML, as people put them beside a configuration.

use std::path::Path;

use serde_yaml::{Mapping, Value};

use super::{ConfigError, DocPath, document, document::LARGEST, value::get};

/// Reads a file of resources.
///
/// # Errors
/// It cannot be read, or is no mapping.
pub(super) fn read(file: &Path) -> Result<Value, ConfigError> {
    let text = meshkat_files::read_to_string(file, LARGEST).map_err(|source| ConfigError::Read {
        file: file.to_owned(),
        source,
    })?;
    let document = document::read(file, &text)?;
    if document.is_mapping() {
        return Ok(document);
    }
    let message = "a file of resources is a mapping with `resources`";
    Err(ConfigError::unexpected(file, &DocPath::root(), message))
}

/// Whether a document is a file of resources and no configuration.
pub(super) fn is_one(document: &Value) -> bool {
    get(document, "resources").is_some_and(Value::is_sequence)
}

/// The resources of a document.
pub(super) fn of(document: &Value) -> &[Value] {
    super::value::items(document, "resources")
}

/// The name of a resource's message, without its package: `Cluster`. A `Resource` around it is not looked into.
pub(super) fn kind(resource: &Value) -> Option<&str> {
    let kind = resource.as_mapping()?.get("@type")?.as_str()?;
    kind.rsplit('.').next()
}

/// A file of one resource.
pub(super) fn of_one(message: &str, resource: Value) -> Value {
    let mut typed = Mapping::new();
    typed.insert("@type".into(), format!("type.googleapis.com/{message}").into());
    if let Value::Mapping(fields) = resource {
        typed.extend(fields);
    }
    let mut file = Mapping::new();
    file.insert("resources".into(), Value::Sequence(vec![Value::Mapping(typed)]));
    Value::Mapping(file)
}
