//! Waiting until every live Envoy has the endpoints that the registry was told.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::future::join_all;
use meshkat_envoy::admin::{Clusters, Host};
use meshkat_envoy::config::{EdsCluster, Hosts};
use meshkat_runtime::Pod;

use super::{ANSWER, RunningMesh, error::MeshError};

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
            let running = pods.iter().filter(|pod| pod.has_running_envoy() && whose(pod));
            let differences = join_all(running.map(|pod| self.endpoints_differ(pod))).await;
            let differences: Vec<String> = differences.into_iter().flatten().collect();
            if differences.is_empty() {
                Ok(())
            } else {
                Err(differences.join("; "))
            }
        };
        self.until(Instant::now() + limit, limit, look)
            .await
            .map_err(|seen| MeshError::NotInTime {
                what: "get the endpoints that were asked for",
                limit,
                seen,
            })
    }

    /// The clusters of a group's Envoys that are found by EDS.
    pub(crate) fn eds_clusters(&self, group: &str) -> &[EdsCluster] {
        self.configurations.get(group).map_or(&[], |of| &of.eds)
    }

    /// How the endpoints of a pod's Envoy differ from what the registry was told; nothing if they do not. Of a service that
    /// is not registered nothing is asked.
    pub(super) async fn endpoints_differ(&self, pod: &Pod) -> Option<String> {
        if self.eds_clusters(&pod.group).is_empty() && self.named_clusters(&pod.group).is_empty() {
            return None;
        }
        match self.admin(pod).clusters(ANSWER).await {
            Ok(clusters) => self.endpoints_differ_in(pod, &clusters),
            Err(error) => Some(format!("{}: {error}", pod.name)),
        }
    }

    /// The same of what the Envoy has said.
    pub(super) fn endpoints_differ_in(&self, pod: &Pod, clusters: &Clusters) -> Option<String> {
        for eds in self.eds_clusters(&pod.group) {
            let Some(hosts) = self.registered(&eds.service) else {
                continue;
            };
            let expected: BTreeSet<SocketAddr> = hosts
                .iter()
                .filter_map(|name| self.lease.pod(name))
                .map(|host| host.endpoint())
                .collect();
            let all = |_: &Host| true;
            if let Some(difference) = self.cluster_differs(pod, clusters, &eds.cluster, &expected, all) {
                return Some(difference);
            }
        }
        // What passes its health check is kept until it does not, though no name means it any more.
        let is_meant = |host: &Host| !host.health.pending_dynamic_removal;
        let named = self.named_clusters(&pod.group);
        named
            .iter()
            .find_map(|(cluster, expected)| self.cluster_differs(pod, clusters, cluster, expected, is_meant))
    }

    fn cluster_differs(
        &self,
        pod: &Pod,
        clusters: &Clusters,
        cluster: &str,
        expected: &BTreeSet<SocketAddr>,
        counts: impl Fn(&Host) -> bool,
    ) -> Option<String> {
        let Some(found) = clusters.get(cluster) else {
            return Some(format!("the Envoy of {} has no cluster `{cluster}` yet", pod.name));
        };
        let actual: BTreeSet<SocketAddr> = found
            .hosts
            .iter()
            .filter(|host| counts(host))
            .filter_map(|host| host.socket())
            .collect();
        (actual != *expected).then(|| {
            format!(
                "the Envoy of {} has {} in cluster `{cluster}`, and should have {}",
                pod.name,
                self.names(&actual),
                self.names(expected)
            )
        })
    }

    /// The clusters of a group's Envoys that are found by host names of groups whose pods come and go, each with the endpoints
    /// that the names mean now. One that has other endpoints as well is left out: those are not known here.
    fn named_clusters(&self, group: &str) -> BTreeMap<String, BTreeSet<SocketAddr>> {
        let pods = self.pods();
        let mut hosts = Hosts::default();
        for (name, group) in &self.spec.groups {
            let ports = pods.iter().find(|pod| pod.group == *name).map(|pod| pod.ports.clone());
            hosts.add_group(name, group.replicas.is_some(), ports.unwrap_or_default());
        }
        let named = self.state().named.clone();
        let is_meant = |pod: &&Pod| named.get(&pod.group).is_none_or(|named| named.contains(&pod.name));
        for pod in pods.iter().filter(is_meant) {
            hosts.add_pod(&pod.group, &pod.name, pod.address);
        }
        let mut clusters: BTreeMap<String, BTreeSet<SocketAddr>> = BTreeMap::new();
        let mut others = BTreeSet::new();
        for endpoint in self.configurations.get(group).map_or(&[][..], |of| &of.named) {
            match (hosts.find(&endpoint.host), endpoint.port) {
                (Some(found), Some(port)) if found.changes => {
                    let most = if endpoint.first_alone { 1 } else { usize::MAX };
                    let sockets = found.sockets(port).take(most);
                    clusters.entry(endpoint.cluster.clone()).or_default().extend(sockets);
                }
                _ => {
                    others.insert(endpoint.cluster.clone());
                }
            }
        }
        clusters.retain(|cluster, _| !others.contains(cluster));
        clusters
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

/// The pod behind an endpoint; the port is told where it is not the one at which others reach the pod.
pub(super) fn name_of(pods: &[Pod], socket: SocketAddr) -> String {
    match pods.iter().find(|pod| pod.address == socket.ip()) {
        Some(pod) if is_reached_at(pod, socket.port()) => pod.name.clone(),
        Some(pod) => format!("{}:{}", pod.name, socket.port()),
        None => socket.to_string(),
    }
}

fn is_reached_at(pod: &Pod, port: u16) -> bool {
    port == pod.endpoint().port()
}
