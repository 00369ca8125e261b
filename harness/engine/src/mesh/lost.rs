//! An Envoy that looks for its discovery service where it is not: the mesh is wrong by its own files, and no time helps.

use std::{net::SocketAddr, time::Duration};

use meshkat_model::mesh::Port;
use meshkat_runtime::Pod;
use tokio::net::TcpStream;

use super::{
    ANSWER, RunningMesh,
    error::{Lost, MeshError},
};

/// How long a connection may take to be made or refused on one machine.
const CONNECTED: Duration = Duration::from_secs(1);

impl RunningMesh {
    /// That the clusters that a pod's Envoy asks for discovery have no endpoint where the mesh's `sds` listens, and that nobody
    /// takes its connections where it looks; with `at_last`, whoever takes them.
    pub(super) async fn lost(&self, pod: &Pod, at_last: bool) -> Option<MeshError> {
        let asked = &self.configurations.get(&pod.group)?.discovery;
        let sds = SocketAddr::new(self.sds()?.address, Port::Application.number());
        let clusters = self.admin(pod).clusters(ANSWER).await.ok()?;
        for cluster in asked.iter().filter_map(|name| clusters.get(name)) {
            if cluster.hosts.iter().any(|host| host.socket() == Some(sds)) {
                continue;
            }
            for host in &cluster.hosts {
                let Some(at) = host.socket() else { continue };
                let fails = host.stats.get("cx_connect_fail").is_some_and(|count| *count > 0);
                let why = match (fails, at_last) {
                    (true, _) => refused(at).await,
                    (false, true) => Some("it is not there".to_owned()),
                    (false, false) => None,
                };
                let Some(why) = why else { continue };
                let file = self.spec.groups.get(&pod.group).and_then(|group| group.envoy.as_ref());
                return Some(MeshError::NoDiscovery(Box::new(Lost {
                    pod: pod.name.clone(),
                    cluster: cluster.name.clone(),
                    file: file.map(|file| file.display().to_string()).unwrap_or_default(),
                    at,
                    why,
                    sds,
                })));
            }
        }
        None
    }
}

/// Why nobody takes a connection there; none if somebody does by now.
async fn refused(at: SocketAddr) -> Option<String> {
    match tokio::time::timeout(CONNECTED, TcpStream::connect(at)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Some("connection refused".to_owned())
        }
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("no connection in time".to_owned()),
    }
}
