//! Asking a mesh whether it is as a new one is.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::future::join_all;
use meshkat_discovery::Host;
use meshkat_envoy::admin::Stat;
use meshkat_model::mesh::Container;
use meshkat_runtime::{ContainerState, Pod};
use serde_json::{Map, Value};

use super::{ANSWER, RunningMesh, error::MeshError};

/// What an Envoy still does for somebody; what is asked of its admin interface is not meant.
const ACTIVE: &str = "^(http\\..*\\.downstream_rq_active|cluster\\..*\\.upstream_rq_(active|pending_active))$";
const OF_ADMIN: &str = "http.admin.downstream_rq_active";
/// An Envoy ejects an endpoint for longer each time, and that it remembers how often cannot be undone. From its documentation
/// of outlier detection.
const EJECTIONS: &str = "outlier_detection\\.ejections_enforced_total$";
const EJECTED: &str = ".ejections_enforced_total";

impl RunningMesh {
    /// Waits until all that can be asked says that the mesh is as a new one is: its pods and no others, each running;
    /// no application and no discovery service that fails on purpose; the hosts in the registry, on the word of the discovery
    /// service itself; every Envoy live, with these endpoints and no weights, healthy and acknowledged; nothing in flight.
    ///
    /// # Errors
    /// The differences that were seen last, or one that does not go away.
    pub async fn is_as_new(&self, deadline: Instant, limit: Duration) -> Result<(), MeshError> {
        let look = || async {
            let differences = self.differences().await;
            if differences.is_empty() {
                Ok(())
            } else {
                Err(differences.join("; "))
            }
        };
        self.until(deadline, limit, look)
            .await
            .map_err(|seen| MeshError::NotInTime {
                what: "become as a new one is",
                limit,
                seen,
            })?;
        if self.spec.has_registry() {
            self.acknowledged(&|_| true, deadline, limit).await?;
        }
        let remembered = join_all(self.pods().iter().map(|pod| self.remembers(pod))).await;
        match remembered.into_iter().flatten().next() {
            None => Ok(()),
            Some(what) => Err(MeshError::NotUndone(what)),
        }
    }

    async fn differences(&self) -> Vec<String> {
        let pods = self.pods();
        let mut differences: Vec<String> = self
            .spec
            .groups
            .iter()
            .filter_map(|(name, group)| {
                let (wanted, now) = (group.pod_names(name), self.pods_of_group(name));
                (wanted != now).then(|| format!("the pods of `{name}` are {}", list(&now)))
            })
            .collect();
        differences.extend(pods.iter().filter_map(stands_still));
        differences.extend(self.registry_differs().await);
        differences.extend(
            join_all(pods.iter().map(|pod| self.application_differs(pod)))
                .await
                .into_iter()
                .flatten(),
        );
        differences.extend(
            join_all(pods.iter().map(|pod| self.envoy_differs(pod)))
                .await
                .into_iter()
                .flatten(),
        );
        differences
    }

    /// What an application still does wrong on purpose.
    async fn application_differs(&self, pod: &Pod) -> Option<String> {
        pod.application.as_ref()?;
        if self.is_ones_own(pod) {
            return None;
        }
        let differs = |path: &str, fault: Result<Map<String, Value>, MeshError>| match fault {
            Ok(fault) if fault.is_empty() => None,
            Ok(fault) => Some(format!("{path} of {} is {}", pod.name, Value::Object(fault))),
            Err(why) => Some(format!("{path} of {}: {why}", pod.name)),
        };
        let own = differs("/faults", self.faults(pod).await);
        if own.is_some() || pod.group != "sds" {
            return own;
        }
        let told = match self.discovery() {
            Ok(sds) => sds.fault().await.map_err(MeshError::from),
            Err(error) => Err(error),
        };
        differs("/xds/v3/faults", told)
    }

    /// How the registry differs, on the word of the discovery service.
    async fn registry_differs(&self) -> Option<String> {
        let sds = self.discovery().ok()?;
        let services = match sds.services().await {
            Ok(services) => services,
            Err(why) => return Some(format!("the registry: {why}")),
        };
        let planned = self.planned_registry();
        if !services.keys().eq(planned.keys()) {
            return Some(format!("the registry has {}", list(services.keys())));
        }
        planned.iter().find_map(|(service, names)| {
            let wanted: BTreeSet<SocketAddr> = names
                .iter()
                .filter_map(|name| self.lease.pod(name))
                .map(|pod| pod.endpoint())
                .collect();
            let now: BTreeSet<SocketAddr> = services[service].hosts.iter().map(Host::socket).collect();
            (now != wanted).then(|| format!("the registry has other hosts of `{service}`: {}", list(now)))
        })
    }

    /// What an Envoy has that it did not have, as far as that can go away.
    async fn envoy_differs(&self, pod: &Pod) -> Option<String> {
        pod.envoy.as_ref()?;
        let admin = self.admin(pod);
        let clusters = match admin.clusters(ANSWER).await {
            Ok(clusters) => clusters,
            Err(why) => return Some(format!("{}: {why}", pod.name)),
        };
        if let Some(difference) = self.endpoints_differ_in(pod, &clusters) {
            return Some(difference);
        }
        for cluster in clusters.iter() {
            let name = &cluster.name;
            if let Some(host) = cluster.hosts.iter().find(|host| !host.is_healthy()) {
                let socket = host.socket().map_or_else(String::new, |socket| format!(" {socket}"));
                return Some(format!(
                    "the Envoy of {} holds an endpoint of `{name}` for ill:{socket}",
                    pod.name
                ));
            }
            let is_found = self.eds_clusters(&pod.group).iter().any(|eds| eds.cluster == *name);
            if is_found && cluster.hosts.iter().any(|host| host.weight > 1) {
                return Some(format!("the Envoy of {} has weights in `{name}`", pod.name));
            }
        }
        match admin.stats(Some(ACTIVE), ANSWER).await {
            Err(why) => Some(format!("{}: {why}", pod.name)),
            Ok(stats) => stats.iter().find_map(|(name, stat)| match stat {
                // What streams configuration is always in flight.
                Stat::Number(1..)
                    if name.ends_with("_active") && name != OF_ADMIN && !name.starts_with("cluster.sds.") =>
                {
                    Some(format!("the Envoy of {} has requests in flight ({name})", pod.name))
                }
                _ => None,
            }),
        }
    }

    /// What an Envoy will not forget.
    async fn remembers(&self, pod: &Pod) -> Option<String> {
        pod.envoy.as_ref()?;
        match self.admin(pod).stats(Some(EJECTIONS), ANSWER).await {
            Err(why) => Some(format!("{}: {why}", pod.name)),
            Ok(stats) => stats.iter().find_map(|(name, stat)| match stat {
                Stat::Number(times @ 1..) if name.ends_with(EJECTED) => Some(format!(
                    "the Envoy of {} remembers {times} ejections ({name})",
                    pod.name
                )),
                _ => None,
            }),
        }
    }
}

/// A container that does not run.
fn stands_still(pod: &Pod) -> Option<String> {
    Container::BOTH.into_iter().find_map(|container| {
        let state = pod.container(container)?;
        (!matches!(state, ContainerState::Running { .. }))
            .then(|| format!("the {container} of {} {}", pod.name, state.predicate()))
    })
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}
