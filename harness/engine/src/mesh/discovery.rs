//! Doing something to the discovery service, and undoing it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use meshkat_model::mesh::{Container, Port};
use meshkat_runtime::{ContainerState, Pod, Target};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{MeshError, RunningMesh};
use crate::wait;

/// How the discovery service is to come back.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Its registry is lost.
    pub lost: bool,
    /// What the registry says of these services from then on: the pods that are their hosts.
    pub endpoints: BTreeMap<String, Vec<String>>,
}

/// What `GET /xds/v3/clients` tells, as far as it is asked for here.
#[derive(Debug, Deserialize)]
struct Clients {
    clients: Vec<Client>,
}

#[derive(Debug, Deserialize)]
struct Client {
    node: Node,
    types: BTreeMap<String, Progress>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Progress {
    wildcard: bool,
    names: Vec<String>,
    version_intended: String,
    version_acknowledged: Option<String>,
}

impl RunningMesh {
    /// Makes the discovery service fail on purpose towards Envoys, until [`RunningMesh::restore`]. `fault` is the body of
    /// `PUT /xds/v3/faults`.
    ///
    /// # Errors
    /// What the discovery service says, or that it cannot be reached.
    pub async fn fault_discovery(&self, fault: &Value) -> Result<(), MeshError> {
        self.discovery_faults(Method::PUT, Some(fault)).await
    }

    /// Undoes whatever was done to the discovery service, and waits until every running Envoy has acknowledged what the
    /// registry says.
    ///
    /// # Errors
    /// Why it does not come back, or what is still missing when `limit` is over.
    pub async fn restore(&self, restored: &Restored, limit: Duration) -> Result<(), MeshError> {
        let deadline = Instant::now() + limit;
        let target = Target::container("sds", Container::Application);
        let state = self.sds()?.application.unwrap_or(ContainerState::NotStarted);
        let mut runs = state.is_alive();
        if matches!(state, ContainerState::Paused { .. }) {
            self.lease.resume(&target).await?;
        }
        if restored.lost {
            self.lease.kill(&target).await?;
            runs = false;
            let mut state = self.state();
            state.registry.clear();
            state.weights.clear();
            state.told = true;
        }
        if runs {
            // Before the fault ends, so that what was true until now is never told.
            self.tell(restored).await?;
            self.end_discovery_faults().await?;
        } else {
            let others = restored.lost || !restored.endpoints.is_empty();
            if others {
                // It comes back with nothing and is told what is true, so that it never tells what was.
                self.lease.forget("sds").await?;
            }
            self.lease.start(&target).await?;
            self.application_ready(&self.sds()?, deadline, limit).await?;
            let untold = !self.state().told;
            if others || untold {
                self.replace(&restored.endpoints);
                self.tell_all().await?;
            }
        }
        self.converge(deadline.saturating_duration_since(Instant::now()))
            .await?;
        self.acknowledged(&|_| true, deadline, limit).await
    }

    /// The discovery service does not fail on purpose any more.
    pub(super) async fn end_discovery_faults(&self) -> Result<(), MeshError> {
        self.discovery_faults(Method::DELETE, None).await
    }

    /// What the registry is to say of these services, without weights.
    fn replace(&self, endpoints: &BTreeMap<String, Vec<String>>) {
        let mut state = self.state();
        state.weights.retain(|service, _| !endpoints.contains_key(service));
        state.registry.extend(endpoints.clone());
    }

    /// Waits until every running Envoy has acknowledged what the registry says: weights, too, which the endpoints' names do
    /// not tell.
    ///
    /// # Errors
    /// What is still missing when `limit` is over.
    pub async fn followed(&self, limit: Duration) -> Result<(), MeshError> {
        self.acknowledged(&|_| true, Instant::now() + limit, limit).await
    }

    async fn tell(&self, restored: &Restored) -> Result<(), MeshError> {
        for (service, pods) in &restored.endpoints {
            self.register(service, pods.clone()).await?;
        }
        Ok(())
    }

    /// Waits until the running Envoys of these pods have acknowledged the endpoints of each registered service that they ask
    /// for.
    pub(super) async fn acknowledged(
        &self,
        whose: &(dyn Fn(&Pod) -> bool + Sync),
        deadline: Instant,
        limit: Duration,
    ) -> Result<(), MeshError> {
        let look = || async {
            let clients = self.clients().await.map_err(|error| error.to_string())?;
            let pods = self.pods();
            let running = pods
                .iter()
                .filter(|pod| matches!(pod.envoy, Some(ContainerState::Running { .. })) && whose(pod));
            let missing: Vec<String> = running.flat_map(|pod| self.unacknowledged(pod, &clients)).collect();
            if missing.is_empty() {
                Ok(())
            } else {
                Err(missing.join("; "))
            }
        };
        wait::until(deadline, look).await.map_err(|seen| MeshError::NotInTime {
            what: "acknowledge what the discovery service intends",
            limit,
            seen,
        })
    }

    fn unacknowledged(&self, pod: &Pod, clients: &Clients) -> Vec<String> {
        let asked = self.eds_clusters(&pod.group).iter().map(|eds| eds.service.as_str());
        let missing = asked
            .filter(|service| self.registered(service).is_some())
            .filter(|service| {
                let mut own = clients.clients.iter().filter(|client| client.node.id == pod.name);
                !own.any(|client| {
                    client.types.get("endpoints").is_some_and(|progress| {
                        (progress.wildcard || progress.names.iter().any(|name| name == service))
                            && progress.version_acknowledged.as_ref() == Some(&progress.version_intended)
                    })
                })
            });
        missing
            .map(|service| format!("the Envoy of {} has not acknowledged `{service}`", pod.name))
            .collect()
    }

    async fn clients(&self) -> Result<Clients, MeshError> {
        let url = format!("http://{}/xds/v3/clients", self.sds()?.socket(Port::Application));
        self.json(&url).await
    }

    fn sds(&self) -> Result<Pod, MeshError> {
        self.pod("sds")
            .ok_or_else(|| MeshError::Registry("this mesh has no discovery service".to_owned()))
    }

    async fn discovery_faults(&self, method: Method, body: Option<&Value>) -> Result<(), MeshError> {
        let url = format!("http://{}/xds/v3/faults", self.sds()?.socket(Port::Application));
        let mut request = self.write(method.clone(), &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |what: String| MeshError::Registry(format!("failed to {method} the fault of sds: {what}"));
        let response = request
            .send()
            .await
            .map_err(|error| failed(format!("it cannot be reached ({error})")))?;
        match response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
            status => Err(failed(format!(
                "it answered {status}: {}",
                super::refusal_text(response).await
            ))),
        }
    }
}
