//! What a YAML file is, by what stands in it.

use std::path::Path;

use serde_yaml::Value;

use super::{document, resources, validate::LARGEST, value::get};

/// What a file is for an Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// A configuration: an Envoy can be started with it.
    Configuration,
    /// xDS resources, which a configuration names the file of.
    Resources,
    /// Nothing that is known, or it cannot be read.
    Other,
}

/// The fields of a configuration (`envoy.config.bootstrap.v3.Bootstrap`) that tell it from anything else.
const FIELDS: [&str; 9] = [
    "static_resources",
    "dynamic_resources",
    "admin",
    "node",
    "cluster_manager",
    "layered_runtime",
    "bootstrap_extensions",
    "stats_config",
    "overload_manager",
];

/// What a file is.
pub fn kind_of(file: &Path) -> Document {
    let text = meshkat_files::read_to_string(file, LARGEST).unwrap_or_default();
    match document::read(file, &text) {
        Ok(document)
            if FIELDS
                .iter()
                .any(|field| get(&document, field).is_some_and(Value::is_mapping)) =>
        {
            Document::Configuration
        }
        Ok(document) if resources::is_one(&document) => Document::Resources,
        _ => Document::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_stands_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.yaml");
        for (text, kind) in [
            ("{admin: {}}", Document::Configuration),
            ("{staticResources: {}, resources: []}", Document::Configuration),
            ("{version_info: '1', resources: [{}]}", Document::Resources),
            ("{promise: x, mesh: y, steps: []}", Document::Other),
            ("{node: sometimes}", Document::Other),
            ("- 1", Document::Other),
            ("{", Document::Other),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(kind_of(&file), kind, "{text}");
        }
    }
}
