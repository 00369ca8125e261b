//! What the configurations of a mesh's Envoys say, as far as it is needed while the mesh runs.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_envoy::{
    access::AccessFormats,
    config::{Bootstrap, ConfigError, EdsCluster, NamedEndpoint},
};
use meshkat_model::mesh::MeshSpec;

/// By group, of those that have Envoys.
pub(super) type Configurations = BTreeMap<String, Configuration>;

/// What the configuration of a group's Envoys says.
#[derive(Debug)]
pub(super) struct Configuration {
    /// The clusters that are found by EDS.
    pub(super) eds: Vec<EdsCluster>,
    /// The clusters that are asked for discovery.
    pub(super) discovery: BTreeSet<String>,
    /// Whether a control plane is asked for anything.
    pub(super) asks: bool,
    /// The endpoints that are found by a host name.
    pub(super) named: Vec<NamedEndpoint>,
    /// The clusters to which streams may stay open for ever: for discovery, all that gRPC is spoken to, and all that bytes are passed on to.
    pub(super) streams: BTreeSet<String>,
    /// Whether each request that comes in is counted once.
    pub(super) is_counted: bool,
    /// The formats of the access logs.
    pub(super) formats: AccessFormats,
    /// Whether it starts in the end: an Envoy that checks the health of others finds one that is not there yet ill, and looks
    /// again only after an interval, which may be a minute.
    pub(super) is_late: bool,
}

/// Reads them all.
///
/// # Errors
/// One that cannot be read.
pub(super) fn read(spec: &MeshSpec) -> Result<Configurations, ConfigError> {
    let mut configurations = Configurations::new();
    for (name, group) in &spec.groups {
        let Some(file) = &group.envoy else { continue };
        let config = Bootstrap::read_with(file, &group.overlays)?;
        let discovery = config.discovery_clusters();
        let configuration = Configuration {
            eds: config.eds_clusters(),
            streams: config
                .clusters_of_streams()
                .into_iter()
                .chain(discovery.iter().cloned())
                .collect(),
            is_counted: config.counts_each_request(),
            discovery,
            asks: config.asks_a_control_plane(),
            named: config.named_endpoints(),
            formats: AccessFormats::of(&config),
            is_late: group.started && config.checks_health(),
        };
        configurations.insert(name.clone(), configuration);
    }
    Ok(configurations)
}
