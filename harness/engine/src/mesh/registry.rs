//! Telling the discovery service what the hosts of services are, as any client would.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_discovery::{DiscoveryClient, Host, Service};
use meshkat_model::mesh::Port;

use super::{RunningMesh, error::MeshError, wanted::Hosts};

impl RunningMesh {
    /// The pods that a service was last told to have; none if it is not registered.
    pub fn registered(&self, service: &str) -> Option<Vec<String>> {
        let state = self.state();
        state.registry.services.get(service).map(|hosts| hosts.pods.clone())
    }

    /// Whether a pod of a group is a host of any service.
    pub(super) fn is_host(&self, group: &str) -> bool {
        let pods = self.pods_of_group(group);
        let state = self.state();
        let hosts = state.registry.services.values();
        hosts.flat_map(|hosts| &hosts.pods).any(|pod| pods.contains(pod))
    }

    /// The services that are registered, without those that are only told of as absent.
    pub(crate) fn registered_services(&self) -> Vec<String> {
        let absent = self.absent_services();
        let state = self.state();
        let wanted = state.registry.services.iter();
        wanted
            .filter(|(service, hosts)| !hosts.pods.is_empty() || !absent.contains(*service))
            .map(|(service, _)| service.clone())
            .collect()
    }

    /// What the registry is to say of a new mesh: the hosts of each service. Of a service that is never told of, an Envoy that
    /// comes up waits for the whole initial_fetch_timeout.
    pub(super) fn planned_registry(&self) -> BTreeMap<String, Vec<String>> {
        // Where nobody can be told, nobody is registered.
        if !self.spec.has_registry() {
            return BTreeMap::new();
        }
        let absent = self.absent_services().into_iter().map(|service| (service, Vec::new()));
        let groups = self.spec.groups.iter().filter(|(_, group)| group.registered);
        absent
            .chain(groups.map(|(name, group)| (name.clone(), group.pod_names(name))))
            .collect()
    }

    /// The services that Envoys of this mesh ask for and that no group of it is: the edge knows of more than most meshes
    /// have. The registry says of them that they have no hosts.
    fn absent_services(&self) -> BTreeSet<String> {
        let asked = self
            .configurations
            .values()
            .flat_map(|of| &of.eds)
            .map(|eds| &eds.service);
        asked
            .filter(|service| !self.spec.groups.contains_key(*service))
            .cloned()
            .collect()
    }

    /// Sets a service's hosts, in the registry and in what the mesh is expected to follow.
    ///
    /// # Errors
    /// What the discovery service says, or that it cannot be reached; then nothing is changed.
    pub async fn register(&self, service: &str, pods: Vec<String>) -> Result<(), MeshError> {
        self.register_weighted(service, pods, BTreeMap::new()).await
    }

    /// The same with the weights of pods; who has none has the weight that the discovery service gives by default.
    ///
    /// # Errors
    /// As of [`RunningMesh::register`].
    pub async fn register_weighted(
        &self,
        service: &str,
        pods: Vec<String>,
        weights: BTreeMap<String, u32>,
    ) -> Result<(), MeshError> {
        let hosts = Hosts { pods, weights };
        self.put(service, &hosts).await?;
        self.state().registry.services.insert(service.to_owned(), hosts);
        Ok(())
    }

    /// Takes a service out of the registry. Envoys keep what they have.
    ///
    /// # Errors
    /// What the discovery service says, or that it cannot be reached; then nothing is changed.
    pub async fn unregister(&self, service: &str) -> Result<(), MeshError> {
        self.discovery()?.delete_service(service).await?;
        self.state().registry.services.remove(service);
        Ok(())
    }

    /// Tells a discovery service all that it is to say.
    pub(super) async fn tell_all(&self) -> Result<(), MeshError> {
        let wanted = self.state().registry.services.clone();
        for (service, hosts) in &wanted {
            self.put(service, hosts).await?;
        }
        self.state().registry.is_told = true;
        Ok(())
    }

    /// Every service has the hosts that it had, and no other is there. What is so already is not said again.
    pub(super) async fn register_again(&self) -> Result<(), MeshError> {
        if self.sds().is_none() {
            return Ok(());
        }
        let planned = self.planned_registry();
        let now = self.state().registry.services.clone();
        for service in now.keys().filter(|service| !planned.contains_key(*service)) {
            self.unregister(service).await?;
        }
        for (service, pods) in planned {
            if now.get(&service).is_none_or(|hosts| hosts.pods != pods) {
                self.register(&service, pods).await?;
            }
        }
        Ok(())
    }

    /// The discovery service, to ask it or to tell it something.
    pub(super) fn discovery(&self) -> Result<DiscoveryClient, MeshError> {
        let sds = self.sds().ok_or(MeshError::WithoutDiscovery)?;
        let client = DiscoveryClient::with_client(sds.socket(Port::Application), self.http.clone());
        Ok(client.authorized(self.lease.authorization()))
    }

    async fn put(&self, service: &str, hosts: &Hosts) -> Result<(), MeshError> {
        let there = hosts.pods.iter().filter_map(|name| self.lease.pod(name));
        // The port of the pod's Envoy, and the application's only where there is no Envoy: that is what makes it a mesh.
        let there = there.map(|pod| {
            let mut host = Host::new(pod.endpoint());
            host.tags.load_balancing_weight = hosts.weights.get(&pod.name).copied();
            host
        });
        let there: Service = there.collect();
        self.discovery()?.put_service(service, &there).await?;
        Ok(())
    }
}
