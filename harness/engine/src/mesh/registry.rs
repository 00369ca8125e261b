//! Telling the discovery service what the hosts of services are, as any client would.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_model::mesh::Port;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{MeshError, RunningMesh};

impl RunningMesh {
    /// The pods that a service was last told to have; none if it is not registered.
    pub fn registered(&self, service: &str) -> Option<Vec<String>> {
        self.state().registry.get(service).cloned()
    }

    /// The services that are registered, without those that are only told of as absent.
    pub(crate) fn registered_services(&self) -> Vec<String> {
        let absent = self.absent_services();
        let state = self.state();
        let told = state.registry.iter();
        told.filter(|(service, hosts)| !hosts.is_empty() || !absent.contains(*service))
            .map(|(service, _)| service.clone())
            .collect()
    }

    /// What the registry is to say of a new mesh: the hosts of each service. Of a service that is never told of, an Envoy that
    /// comes up waits for the whole initial_fetch_timeout.
    pub(super) fn planned_registry(&self) -> BTreeMap<String, Vec<String>> {
        // Where nobody can be told, nobody is registered.
        if !self.spec.groups.contains_key("sds") {
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
        let asked = self.eds.values().flatten().map(|eds| &eds.service);
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
        self.put(service, &pods, &weights).await?;
        let mut state = self.state();
        state.registry.insert(service.to_owned(), pods);
        state.weights.insert(service.to_owned(), weights);
        Ok(())
    }

    /// Takes a service out of the registry. Envoys keep what they have.
    ///
    /// # Errors
    /// What the discovery service says, or that it cannot be reached; then nothing is changed.
    pub async fn unregister(&self, service: &str) -> Result<(), MeshError> {
        self.call(Method::DELETE, service, None).await?;
        let mut state = self.state();
        state.registry.remove(service);
        state.weights.remove(service);
        Ok(())
    }

    /// Tells a discovery service that runs for the first time all that was planned for it.
    pub(super) async fn tell_all(&self) -> Result<(), MeshError> {
        let (planned, weights) = {
            let state = self.state();
            (state.registry.clone(), state.weights.clone())
        };
        for (service, pods) in &planned {
            let none = BTreeMap::new();
            self.put(service, pods, weights.get(service).unwrap_or(&none)).await?;
        }
        self.state().told = true;
        Ok(())
    }

    async fn put(&self, service: &str, pods: &[String], weights: &BTreeMap<String, u32>) -> Result<(), MeshError> {
        let now = self.pods();
        let hosts: Vec<Value> = pods
            .iter()
            .filter_map(|name| now.iter().find(|pod| pod.name == *name))
            // The port of the pod's Envoy, and the application's only where there is no Envoy: that is what makes it a mesh.
            .map(|pod| {
                let endpoint = pod.endpoint();
                let mut host = json!({"ip_address": endpoint.ip(), "port": endpoint.port()});
                if let Some(weight) = weights.get(&pod.name) {
                    host["tags"] = json!({"load_balancing_weight": weight});
                }
                host
            })
            .collect();
        self.call(Method::PUT, service, Some(json!({ "hosts": hosts }))).await
    }

    async fn call(&self, method: Method, service: &str, body: Option<Value>) -> Result<(), MeshError> {
        let sds = self
            .pod("sds")
            .ok_or_else(|| MeshError::Registry("this mesh has no discovery service".to_owned()))?;
        let url = format!("http://{}/edsservice/{service}", sds.socket(Port::Application));
        let mut request = self.write(method.clone(), &url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let failed =
            |what: String| MeshError::Registry(format!("failed to {method} `{service}` in the registry: {what}"));
        let response = request
            .send()
            .await
            .map_err(|error| failed(format!("sds cannot be reached ({error})")))?;
        match response.status() {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
            status => Err(failed(format!(
                "sds answered {status}: {}",
                super::refusal_text(response).await
            ))),
        }
    }
}
