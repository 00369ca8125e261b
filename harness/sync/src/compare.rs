//! What is intended against what is live, resource by resource.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_discovery::Kind;
use serde_json::Value;

use crate::{
    asks::Ask,
    endpoints,
    live::{Found, Live},
    resources,
    row::{Resource, listed},
};

/// Each resource that is asked for, or that is there.
pub(crate) fn compare(
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
            let users = users_of(asks, ask);
            let resource = match &ask.cluster {
                Some(cluster) => of_cluster(live, ask, of, cluster, intended.get(of), name),
                None => {
                    let found = found.and_then(|found| found.get(of));
                    let version = found.and_then(|found| found.version.as_deref()).or(live.version(ask));
                    let differences = match (intended.get(of), found) {
                        (Some(intended), found) => {
                            let mut differences = resources::differences(kind, intended, found);
                            differences.extend(found.and_then(|found| without(found, &users)));
                            if differences.is_empty() && found.is_some_and(|found| live.went_on_without(ask, found)) {
                                differences.push(format!(
                                    "did not come in time to {}, in use without it",
                                    listed(&names_of(&users))
                                ));
                            }
                            differences
                        }
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
                        lacked_by: lacked_by(&users, !intended.contains_key(of) && found.is_none()),
                    }
                }
            };
            let known = resources.insert((resource.name.clone(), resource.cluster.clone()), resource.clone());
            if let Some(known) = known {
                // It is asked for under several names of statistics, and what one of them tells is so.
                let more = known
                    .differences
                    .into_iter()
                    .filter(|of| !resource.differences.contains(of));
                let key = (resource.name.clone(), resource.cluster.clone());
                resources
                    .entry(key)
                    .and_modify(|resource| resource.differences.extend(more));
            }
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
        lacked_by: lacked_by(&ask.users, intended.is_none() && hosts.is_empty()),
    }
}

/// What is in use and asks for the same, by the words in which it asks.
type Users = BTreeMap<String, BTreeSet<String>>;

fn users_of(asks: &[&Ask], of: &Ask) -> Users {
    let same = asks
        .iter()
        .filter(|ask| (&ask.name, &ask.cluster) == (&of.name, &of.cluster));
    let mut users = Users::new();
    for (words, more) in same.flat_map(|ask| &ask.users) {
        users.entry(words.clone()).or_default().extend(more.iter().cloned());
    }
    users
}

fn names_of(users: &Users) -> Vec<String> {
    let names: BTreeSet<&String> = users.values().flatten().collect();
    names.into_iter().cloned().collect()
}

fn lacked_by(users: &Users, is_lacking: bool) -> Vec<String> {
    if is_lacking { names_of(users) } else { Vec::new() }
}

/// What goes on without a resource that the Envoy has: it was asked for in more ways than it came.
fn without(found: &Found, users: &Users) -> Option<String> {
    if found.count >= users.len() {
        return None;
    }
    Some(format!(
        "came {} of the {} times that it is waited for (by {}): what it did not come to is in use without it",
        found.count,
        users.len(),
        listed(&names_of(users))
    ))
}
