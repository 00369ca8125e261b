//! What the discovery service of a mesh is to say.

use std::collections::BTreeMap;

/// What the discovery service is to say: the hosts of each service.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) services: BTreeMap<String, Hosts>,
    /// Whether it has been told all of it. It has not before it runs for the first time.
    pub(super) is_told: bool,
}

/// The pods that are a service's hosts, and the weights of those that have one.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts {
    pub(super) pods: Vec<String>,
    pub(super) weights: BTreeMap<String, u32>,
}

impl Wanted {
    pub(super) fn new(services: BTreeMap<String, Vec<String>>) -> Self {
        let mut wanted = Self::default();
        wanted.extend(services);
        wanted
    }

    /// It has lost all that it was told, and that is what it is to say.
    pub(super) fn lose(&mut self) {
        self.services.clear();
        self.is_told = true;
    }

    /// The hosts of these services are others, without weights.
    pub(super) fn extend(&mut self, services: BTreeMap<String, Vec<String>>) {
        let hosts = |pods| Hosts {
            pods,
            weights: BTreeMap::new(),
        };
        let services = services.into_iter().map(|(service, pods)| (service, hosts(pods)));
        self.services.extend(services);
    }
}
