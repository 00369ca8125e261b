//! The answer of API version 2: endpoints from the registry.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Api;
use super::assignment::ClusterLoadAssignment;
use crate::host::Service;

/// A DiscoveryResponse with the endpoints of services.
#[derive(Debug, Serialize)]
pub(crate) struct DiscoveryResponse<'a> {
    /// A hash of the resources: equal answers have equal versions, whichever process gives them and whenever.
    pub(crate) version_info: String,
    pub(crate) resources: Vec<ClusterLoadAssignment<'a>>,
    type_url: &'static str,
}

/// The endpoints of the services that were asked for, as far as they are known, under the names that were asked for.
///
/// A service that is not known is left out, and the Envoy keeps the endpoints that it has: so a discovery service that
/// comes back without its registry takes nothing away.
///
/// # Errors
/// The answer cannot be put into JSON.
pub(crate) fn endpoints(
    api: Api,
    services: &BTreeMap<String, Arc<Service>>,
) -> serde_json::Result<DiscoveryResponse<'_>> {
    let resources: Vec<_> = services
        .iter()
        .map(|(name, service)| ClusterLoadAssignment::new(api, name, service))
        .collect();
    Ok(DiscoveryResponse {
        version_info: version(&resources)?,
        resources,
        type_url: api.endpoint_type(),
    })
}

fn version(resources: &[ClusterLoadAssignment<'_>]) -> serde_json::Result<String> {
    let mut hash = Sha256::new();
    serde_json::to_writer(&mut hash, resources)?;
    // Eight bytes are plenty to tell versions apart, and can still be read in a table of statistics.
    Ok(hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::{Change, Registry};

    fn registry(services: &[(&str, &str)]) -> Registry {
        let registry = Registry::in_memory();
        for (name, ip) in services {
            let service = serde_json::from_value(json!({"hosts": [{"ip_address": ip, "port": 80}]})).unwrap();
            registry.apply(Change::Put(name.parse().unwrap(), service)).unwrap();
        }
        registry
    }

    #[test]
    fn the_version_depends_on_what_is_answered_and_on_nothing_else() {
        let all = registry(&[("echo", "10.0.0.1"), ("pet", "10.0.0.2")]);
        let version = |api, names: &[&str], registry: &Registry| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            endpoints(api, &registry.asked(&names)).unwrap().version_info
        };
        let pet = version(Api::V3, &["pet"], &all);
        assert_eq!(
            pet,
            version(Api::V3, &["pet", "unknown", "pet"], &registry(&[("pet", "10.0.0.2")]))
        );
        assert_eq!(version(Api::V3, &["pet", "echo"], &all), version(Api::V3, &[], &all));
        for other in [
            version(Api::V3, &["echo"], &all),
            version(Api::V3, &[], &all),
            version(Api::V2, &["pet"], &all),
            version(Api::V3, &["pet"], &registry(&[("pet", "10.0.0.3")])),
        ] {
            assert_ne!(pet, other);
        }
    }
}
