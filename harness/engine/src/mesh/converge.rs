//! Waiting until every live Envoy has the endpoints that the registry was told.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::future::join_all;
use meshkat_envoy::config::EdsCluster;
use meshkat_model::mesh::Port;
use meshkat_runtime::{ContainerState, Pod};

use super::{ANSWER, MeshError, RunningMesh};
use crate::wait;

impl RunningMesh {
    /// Waits until every running Envoy has the endpoints that were asked for.
    ///
    /// # Errors
    /// The differences that were seen last.
    pub async fn converge(&self, limit: Duration) -> Result<(), MeshError> {
        self.converge_of(&|_| true, limit).await
    }

    /// The same of the running Envoys of some pods alone.
    pub(super) async fn converge_of(
        &self,
        whose: &(dyn Fn(&Pod) -> bool + Sync),
        limit: Duration,
    ) -> Result<(), MeshError> {
        let look = || async {
            let pods = self.pods();
            let running = pods
                .iter()
                .filter(|pod| matches!(pod.envoy, Some(ContainerState::Running { .. })) && whose(pod));
            let differences = join_all(running.map(|pod| self.endpoints_differ(pod))).await;
            let differences: Vec<String> = differences.into_iter().flatten().collect();
            if differences.is_empty() {
                Ok(())
            } else {
                Err(differences.join("; "))
            }
        };
        wait::until(Instant::now() + limit, look)
            .await
            .map_err(|seen| MeshError::NotInTime {
                what: "get the endpoints that were asked for",
                limit,
                seen,
            })
    }

    /// The clusters of a group's Envoys that are found by EDS.
    pub(crate) fn eds_clusters(&self, group: &str) -> &[EdsCluster] {
        self.eds.get(group).map_or(&[], Vec::as_slice)
    }

    /// How the endpoints of a pod's Envoy differ from what the registry was told; nothing if they do not. Of a service that
    /// is not registered nothing is asked.
    pub(super) async fn endpoints_differ(&self, pod: &Pod) -> Option<String> {
        let asked = self.eds_clusters(&pod.group);
        if asked.is_empty() {
            return None;
        }
        let clusters = match self.admin(pod).clusters(ANSWER).await {
            Ok(clusters) => clusters,
            Err(error) => return Some(format!("{}: {error}", pod.name)),
        };
        for eds in asked {
            let Some(hosts) = self.registered(&eds.service) else {
                continue;
            };
            let expected: BTreeSet<SocketAddr> = hosts
                .iter()
                .filter_map(|name| self.lease.pod(name))
                // Where the other pods reach it, wherever this machine does.
                .map(|host| SocketAddr::new(host.address, Port::Inbound.number()))
                .collect();
            let Some(cluster) = clusters.get(&eds.cluster) else {
                return Some(format!(
                    "the Envoy of {} has no cluster `{}` yet",
                    pod.name, eds.cluster
                ));
            };
            let actual: BTreeSet<SocketAddr> = cluster.hosts.iter().filter_map(|host| host.socket()).collect();
            if actual != expected {
                return Some(format!(
                    "the Envoy of {} has {} in cluster `{}`, and should have {}",
                    pod.name,
                    self.names(&actual),
                    eds.cluster,
                    self.names(&expected)
                ));
            }
        }
        None
    }

    fn names(&self, sockets: &BTreeSet<SocketAddr>) -> String {
        if sockets.is_empty() {
            return "no endpoints".to_owned();
        }
        let pods = self.pods();
        sockets
            .iter()
            .map(|socket| name_of(&pods, *socket))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// The pod behind an endpoint; the port is told where it is not an Envoy's inbound one.
pub(super) fn name_of(pods: &[Pod], socket: SocketAddr) -> String {
    match pods.iter().find(|pod| pod.address == socket.ip()) {
        Some(pod) if socket.port() == Port::Inbound.number() => pod.name.clone(),
        Some(pod) => format!("{}:{}", pod.name, socket.port()),
        None => socket.to_string(),
    }
}
