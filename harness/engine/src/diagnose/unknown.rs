//! Services that an Envoy asks for, and that the discovery service was never told of.

use meshkat_runtime::Pod;

use super::alike::Alike;
use crate::mesh::{ANSWER, RunningMesh};

/// Clusters that were asked for an endpoint, and that ask the discovery service for a service that it was never told of.
pub(super) async fn services(mesh: &RunningMesh, pod: &Pod, alike: &mut Alike) {
    let known = mesh.registered_services();
    let eds = mesh.eds_clusters(&pod.group);
    let Ok(stats) = mesh.admin(pod).stats(Some("upstream_cx_none_healthy$"), ANSWER).await else {
        return;
    };
    let wanted = |cluster: &str| {
        stats
            .number(&format!("cluster.{cluster}.upstream_cx_none_healthy"))
            .is_some_and(|count| count > 0)
    };
    for eds in eds
        .iter()
        .filter(|eds| !known.contains(&eds.service) && wanted(&eds.cluster))
    {
        let rest = format!(
            "for the endpoints of `{}` (cluster `{}`), a service that the registry does not have; it has {}",
            eds.service,
            eds.cluster,
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        );
        alike.add(&pod.name, format!("asks {rest}"), format!("ask {rest}"));
    }
}
