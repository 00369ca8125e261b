//! What is intended against what is live, resource by resource.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Kind, Live, Resource, asks::Ask, endpoints, resources, row::listed};

/// Each resource that is asked for, or that is there.
pub(super) fn compare(
    live: &Live,
    kind: Kind,
    asks: &[&Ask],
    intended: &BTreeMap<String, Value>,
    name: &dyn Fn(&str) -> String,
) -> Vec<Resource> {
    let mut resources: BTreeMap<(String, Option<String>), Resource> = BTreeMap::new();
    let found = live.resources.get(&kind);
    for ask in asks {
        let names: BTreeSet<&String> = match &ask.name {
            Some(name) => [name].into(),
            None => intended
                .keys()
                .chain(found.into_iter().flat_map(BTreeMap::keys))
                .collect(),
        };
        for of in names {
            let resource = match &ask.cluster {
                Some(cluster) => of_cluster(live, ask, of, cluster, intended.get(of), name),
                None => {
                    let found = found.and_then(|found| found.get(of));
                    let version = found.and_then(|found| found.version.as_deref()).or(live.version(ask));
                    let differences = match (intended.get(of), found) {
                        (Some(intended), found) => resources::differences(kind, intended, found),
                        (None, Some(_)) if kind.is_whole() => {
                            vec!["is one too many: sds does not intend it".to_owned()]
                        }
                        (None, Some(_)) => vec!["is kept, and sds has none of that name".to_owned()],
                        (None, None) => Vec::new(),
                    };
                    Resource {
                        name: of.clone(),
                        cluster: None,
                        intended: intended.contains_key(of),
                        live: found.is_some(),
                        version_live: version.filter(|version| !version.is_empty()).map(str::to_owned),
                        endpoints: None,
                        differences,
                    }
                }
            };
            resources.insert((resource.name.clone(), resource.cluster.clone()), resource);
        }
    }
    resources.into_values().collect()
}

fn of_cluster(
    live: &Live,
    ask: &Ask,
    service: &str,
    cluster: &str,
    intended: Option<&Value>,
    name: &dyn Fn(&str) -> String,
) -> Resource {
    let hosts = live.clusters.get(cluster).map_or(&[][..], |cluster| &cluster.hosts);
    let differences = match intended {
        Some(assignment) => endpoints::differences(assignment, hosts, name),
        None if hosts.is_empty() => Vec::new(),
        None => {
            let names: Vec<String> = endpoints::addresses(hosts)
                .iter()
                .map(|address| name(address))
                .collect();
            vec![format!("keeps {}, and sds does not know the service", listed(&names))]
        }
    };
    Resource {
        name: service.to_owned(),
        cluster: Some(cluster.to_owned()),
        intended: intended.is_some(),
        live: !hosts.is_empty(),
        version_live: live
            .version(ask)
            .filter(|version| !version.is_empty())
            .map(str::to_owned),
        endpoints: Some(hosts.len()),
        differences,
    }
}
