//! What a YAML file is, by what stands in it.

use std::path::Path;

use meshkat_model::suggest::nearest;
use serde_yaml::Value;

use super::{document, document::LARGEST, resources, value::get};

/// What a file is for an Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// A configuration: an Envoy can be started with it.
    Configuration,
    /// xDS resources, which a configuration names the file of.
    Resources,
    /// Something of another program, such as a compose file: it has nothing that a configuration has, nor anything that is spelled
    /// nearly so.
    Foreign,
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

/// All other fields of a configuration of Envoy 1.40, and the two below them that people put in their place.
const MORE_FIELDS: [&str; 33] = [
    "node_context_params",
    "hds_config",
    "flags_path",
    "stats_sinks",
    "deferred_stat_options",
    "stats_flush_interval",
    "stats_flush_on_admin",
    "stats_eviction_interval",
    "watchdog",
    "watchdogs",
    "tracing",
    "enable_dispatcher_stats",
    "header_prefix",
    "stats_server_version_override",
    "use_tcp_for_dns_lookups",
    "dns_resolution_config",
    "typed_dns_resolver_config",
    "fatal_actions",
    "config_sources",
    "default_config_source",
    "default_socket_interface",
    "certificate_provider_instances",
    "inline_headers",
    "perf_tracing_file_path",
    "default_regex_engine",
    "xds_delegate_extension",
    "xds_config_tracker_extension",
    "listener_manager",
    "application_log_config",
    "grpc_async_client_manager_config",
    "memory_allocator_manager",
    "listeners",
    "clusters",
];

/// Whether a word is a field of a configuration, or is spelled nearly as one.
fn resembles_a_field(word: &str) -> bool {
    nearest(word, FIELDS.into_iter().chain(MORE_FIELDS)).is_some()
}

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
        Ok(Value::Mapping(fields))
            if !fields.is_empty() && !fields.keys().any(|key| key.as_str().is_none_or(resembles_a_field)) =>
        {
            Document::Foreign
        }
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
            ("{promise: x, mesh: y, steps: []}", Document::Foreign),
            ("{version: '3', services: {}}", Document::Foreign),
            ("{services: {}, static_resource: {}}", Document::Other),
            ("{staticresources: {}}", Document::Other),
            ("{admn: {}}", Document::Other),
            ("{}", Document::Other),
            ("{node: sometimes}", Document::Other),
            ("- 1", Document::Other),
            ("{", Document::Other),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(kind_of(&file), kind, "{text}");
        }
    }
}
