//! Doing something to the discovery service, and undoing it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use meshkat_discovery::{Clients, Kind};
use meshkat_model::mesh::Container;
use meshkat_runtime::{ContainerState, Pod, Target};
use serde_json::Value;

use super::{RunningMesh, error::MeshError};

/// How the discovery service is to come back.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Its registry is lost.
    pub lost: bool,
    /// What the registry says of these services from then on: the pods that are their hosts.
    pub endpoints: BTreeMap<String, Vec<String>>,
}

impl RunningMesh {
    /// Makes the discovery service fail on purpose towards Envoys, until [`RunningMesh::restore`]. `fault` is the body of
    /// `PUT /xds/v3/faults`.
    ///
    /// # Errors
    /// What the discovery service says, or that it cannot be reached.
    pub async fn fault_discovery(&self, fault: &Value) -> Result<(), MeshError> {
        Ok(self.discovery()?.put_fault(fault).await?)
    }

    /// Undoes whatever was done to the discovery service, and waits until every running Envoy has acknowledged what the
    /// registry says.
    ///
    /// # Errors
    /// Why it does not come back, or what is still missing when `limit` is over.
    pub async fn restore(&self, restored: &Restored, limit: Duration) -> Result<(), MeshError> {
        let deadline = Instant::now() + limit;
        let target = Target::container("sds", Container::Application);
        let sds = self.sds().ok_or(MeshError::WithoutDiscovery)?;
        let state = sds.application.clone().unwrap_or(ContainerState::NotStarted);
        let mut runs = state.is_alive();
        if matches!(state, ContainerState::Paused { .. }) {
            self.lease.resume(&target).await?;
        }
        if restored.lost {
            self.lease.kill(&target).await?;
            runs = false;
            self.state().registry.lose();
        }
        if runs {
            // Before the fault ends, so that what was true until now is never told.
            for (service, pods) in &restored.endpoints {
                self.register(service, pods.clone()).await?;
            }
            self.discovery()?.delete_fault().await?;
        } else {
            let others = restored.lost || !restored.endpoints.is_empty();
            if others {
                // It comes back with nothing and is told what is true, so that it never tells what was.
                self.lease.forget("sds").await?;
            }
            self.lease.start(&target).await?;
            self.application_ready(&sds, deadline, limit).await?;
            let is_told = self.state().registry.is_told;
            if others || !is_told {
                self.state().registry.extend(restored.endpoints.clone());
                self.tell_all().await?;
            }
        }
        self.converge(deadline.saturating_duration_since(Instant::now()))
            .await?;
        self.acknowledged(&|_| true, deadline, limit).await
    }

    /// Waits until every running Envoy has acknowledged what the registry says: weights, too, which the endpoints' names do
    /// not tell.
    ///
    /// # Errors
    /// What is still missing when `limit` is over.
    pub async fn followed(&self, limit: Duration) -> Result<(), MeshError> {
        self.acknowledged(&|_| true, Instant::now() + limit, limit).await
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
            let sds = self.discovery().map_err(|error| error.to_string())?;
            let clients = sds.clients().await.map_err(|error| error.to_string())?;
            let pods = self.pods();
            let running = pods.iter().filter(|pod| pod.has_running_envoy() && whose(pod));
            let missing: Vec<String> = running.flat_map(|pod| self.unacknowledged(pod, &clients)).collect();
            if missing.is_empty() {
                Ok(())
            } else {
                Err(missing.join("; "))
            }
        };
        self.until(deadline, limit, look)
            .await
            .map_err(|seen| MeshError::NotInTime {
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
                    client.types.get(Kind::Endpoints.name()).is_some_and(|progress| {
                        (progress.wildcard || progress.names.iter().any(|name| name == service))
                            && progress.version_acknowledged.as_ref() == Some(&progress.version_intended)
                    })
                })
            });
        missing
            .map(|service| format!("the Envoy of {} has not acknowledged `{service}`", pod.name))
            .collect()
    }
}
