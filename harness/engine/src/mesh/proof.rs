//! Asking a mesh whether it is as it was when it was new.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use futures::future::join_all;
use indexmap::IndexMap;
use meshkat_envoy::admin::Stat;
use meshkat_model::mesh::{Container, Port};
use meshkat_runtime::{ContainerState, Pod};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{ANSWER, MeshError, RunningMesh};
use crate::wait;

/// What an Envoy still does for somebody; what is asked of its admin interface is not meant.
const ACTIVE: &str = "^(http\\..*\\.downstream_rq_active|cluster\\..*\\.upstream_rq_(active|pending_active))$";
const OF_ADMIN: &str = "http.admin.downstream_rq_active";
/// An Envoy ejects an endpoint for longer each time, and that it remembers how often cannot be undone. From its documentation
/// of outlier detection.
const EJECTIONS: &str = "outlier_detection\\.ejections_enforced_total$";
const EJECTED: &str = ".ejections_enforced_total";

/// `GET /edsservice`, as far as it is asked for here.
#[derive(Debug, Deserialize)]
struct Registry {
    services: IndexMap<String, Service>,
}

#[derive(Debug, Deserialize)]
struct Service {
    hosts: Vec<Host>,
}

#[derive(Debug, Deserialize)]
struct Host {
    ip_address: IpAddr,
    port: u16,
}

impl RunningMesh {
    /// Waits until all that can be asked says that the mesh is as it was when it was new: its pods and no others, each running;
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
        wait::until(deadline, look).await.map_err(|seen| MeshError::NotInTime {
            what: "become as it was",
            limit,
            seen,
        })?;
        if self.pod("sds").is_some() {
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
        differences.extend(self.registry_differs(&pods).await);
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
        let mut paths = vec!["/faults"];
        if pod.group == "sds" {
            paths.push("/xds/v3/faults");
        }
        for path in paths {
            match self.answer::<Map<String, Value>>(pod, path).await {
                Ok(fault) if fault.is_empty() => {}
                Ok(fault) => return Some(format!("{path} of {} is {}", pod.name, Value::Object(fault))),
                Err(why) => return Some(format!("{path} of {}: {why}", pod.name)),
            }
        }
        None
    }

    /// How the registry differs, on the word of the discovery service.
    async fn registry_differs(&self, pods: &[Pod]) -> Option<String> {
        let sds = pods.iter().find(|pod| pod.group == "sds")?;
        let registry: Registry = match self.answer(sds, "/edsservice").await {
            Ok(registry) => registry,
            Err(why) => return Some(format!("the registry: {why}")),
        };
        let planned = self.planned_registry();
        let names: BTreeSet<&String> = registry.services.keys().collect();
        if names != planned.keys().collect() {
            return Some(format!("the registry has {}", list(names)));
        }
        planned.iter().find_map(|(service, names)| {
            let wanted: BTreeSet<SocketAddr> = names
                .iter()
                .filter_map(|name| self.lease.pod(name))
                .map(|pod| pod.endpoint())
                .collect();
            let hosts = registry.services[service].hosts.iter();
            let now: BTreeSet<SocketAddr> = hosts.map(|host| SocketAddr::new(host.ip_address, host.port)).collect();
            (now != wanted).then(|| format!("the registry has other hosts of `{service}`: {}", list(now)))
        })
    }

    /// What an Envoy has that it did not have, as far as that can go away.
    async fn envoy_differs(&self, pod: &Pod) -> Option<String> {
        pod.envoy.as_ref()?;
        if let Some(difference) = self.endpoints_differ(pod).await {
            return Some(difference);
        }
        let admin = self.admin(pod);
        let clusters = match admin.clusters(ANSWER).await {
            Ok(clusters) => clusters,
            Err(why) => return Some(format!("{}: {why}", pod.name)),
        };
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

    async fn answer<T: DeserializeOwned>(&self, pod: &Pod, path: &str) -> Result<T, MeshError> {
        let url = format!("http://{}{path}", pod.socket(Port::Application));
        self.json(&url).await
    }
}

/// A container that does not run.
fn stands_still(pod: &Pod) -> Option<String> {
    Container::BOTH.into_iter().find_map(|container| {
        let state = pod.container(container)?;
        (!matches!(state, ContainerState::Running { .. })).then(|| format!("the {container} of {} {state}", pod.name))
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
