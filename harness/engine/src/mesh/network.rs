//! Faults of what pods send one another, and undoing them.

use std::time::{Duration, Instant};

use meshkat_runtime::{NetworkFault, Pod, RuntimeError};

use super::{RunningMesh, error::MeshError};

/// The name of the discovery service's pod.
const SDS: &str = "sds";

impl RunningMesh {
    /// Gives all that a pod and its peers send one another a fault, until [`RunningMesh::heal_network`]. No peers are all other pods.
    ///
    /// # Errors
    /// Why the runtime does not do it.
    pub async fn fault_network(&self, pod: &str, peers: &[String], fault: NetworkFault) -> Result<(), RuntimeError> {
        self.lease.harm_network(pod, peers, fault).await?;
        self.state().network.does(pod, peers, fault);
        Ok(())
    }

    /// Undoes the faults that these pods have a part in, or all. Then waits until every running Envoy that the network lets
    /// reach a running discovery service has acknowledged what the registry says.
    ///
    /// # Errors
    /// Why the network is not whole, or what is still missing when `limit` is over.
    pub async fn heal_network(&self, of: Option<&[String]>, limit: Duration) -> Result<(), MeshError> {
        let deadline = Instant::now() + limit;
        let pods = match of {
            Some(pods) => pods.to_vec(),
            None => self.state().network.pods().into_iter().collect(),
        };
        for pod in pods {
            // One that is gone has taken its faults along.
            if self.lease.pod(&pod).is_some() {
                self.lease.heal_network(&pod).await?;
            }
            self.state().network.heals(&pod);
        }
        if !self.has_discovery() {
            return Ok(());
        }
        let hears = |pod: &Pod| !self.state().network.parts(&pod.name, SDS);
        self.converge_of(&hears, deadline.saturating_duration_since(Instant::now()))
            .await?;
        self.acknowledged(&hears, deadline, limit).await
    }
}
