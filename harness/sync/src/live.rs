//! What an Envoy has.

use std::collections::BTreeMap;
use std::net::IpAddr;

use meshkat_discovery::{Kind, Node};
use meshkat_envoy::admin::{Clusters, Stats};
use serde_json::Value;

use crate::asks::{Ask, Asks, Part, asks};

/// The statistics that a [`Live`] is read from: a filter for `/stats`.
pub const STATS: &str = r"\.(version_text|update_rejected)$|control_plane\.connected_state$|\.rds\..*\.(init_fetch_timeout|update_(attempt|failure|success))$";

/// What an Envoy has, as its admin interface tells it.
#[derive(Debug, Clone)]
pub struct Live {
    pub(crate) node: Node,
    pub(crate) asks: Asks,
    /// What it was given by discovery, by name; endpoints are in `clusters`.
    pub(crate) resources: BTreeMap<Kind, BTreeMap<String, Found>>,
    pub(crate) clusters: Clusters,
    stats: Stats,
}

/// A resource that an Envoy was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// How often it is there: once for each way in which it is asked for.
    pub(crate) count: usize,
    pub(crate) version: Option<String>,
    /// When the youngest of them came, as Envoy writes it.
    pub(crate) updated: Option<String>,
    /// What it works with.
    pub(crate) active: Option<Value>,
    /// What it will work with once the endpoints or routes for it are there.
    pub(crate) warming: Option<Value>,
    /// Why it did not take the last one.
    pub(crate) error: Option<String>,
}

impl Live {
    /// From the answers to `/config_dump?include_eds`, `/clusters?format=json` and `/stats` (with the filter [`STATS`]).
    ///
    /// # Errors
    /// The dump is not JSON.
    pub fn read(config_dump: &str, clusters: Clusters, stats: Stats) -> serde_json::Result<Self> {
        let dump: Value = serde_json::from_str(config_dump)?;
        let part = |name: &str| {
            let all = dump["configs"].as_array().into_iter().flatten();
            all.clone()
                .find(|config| config["@type"].as_str().is_some_and(|kind| kind.ends_with(name)))
                .unwrap_or(&Value::Null)
        };
        let bootstrap = &part(".BootstrapConfigDump")["bootstrap"];
        let all_clusters = part(".ClustersConfigDump");
        let all_listeners = part(".ListenersConfigDump");
        let clusters_of = [
            ("static_clusters", true),
            ("dynamic_active_clusters", true),
            ("dynamic_warming_clusters", false),
        ];
        let clusters_asked = clusters_of.into_iter().flat_map(|(list, in_use)| {
            let entries = all_clusters[list].as_array().into_iter().flatten();
            entries.filter_map(move |entry| part_of(entry, "cluster", in_use))
        });
        let fixed = all_listeners["static_listeners"].as_array().into_iter().flatten();
        let fixed = fixed.filter_map(|entry| part_of(entry, "listener", true));
        let states = [("active_state", true), ("warming_state", false)];
        let dynamic = all_listeners["dynamic_listeners"].as_array().into_iter().flatten();
        let dynamic = dynamic.flat_map(|entry| {
            states
                .into_iter()
                .filter_map(move |(state, in_use)| part_of(&entry[state], "listener", in_use))
        });
        let asks = asks(bootstrap, clusters_asked, fixed.chain(dynamic));
        Ok(Self {
            node: node(bootstrap),
            asks,
            resources: BTreeMap::from([
                (Kind::Clusters, found_clusters(all_clusters)),
                (Kind::Listeners, found_listeners(all_listeners)),
                (Kind::Routes, found_routes(part(".RoutesConfigDump"))),
                (Kind::Secrets, found_secrets(part(".SecretsConfigDump"))),
            ]),
            clusters,
            stats,
        })
    }

    /// Leaves out what it asks of others than the discovery service, by the addresses that the discovery service has.
    #[must_use]
    pub fn asking(mut self, is_discovery: impl Fn(IpAddr) -> bool) -> Self {
        let clusters = &self.clusters;
        let is_asked = |via: &Option<String>| {
            let hosts = via.as_ref().and_then(|via| clusters.get(via));
            let hosts = hosts.map_or(&[][..], |cluster| &cluster.hosts);
            let mut addresses = hosts.iter().filter_map(|host| host.socket());
            // Of one that leads nowhere it cannot be said.
            hosts.is_empty() || addresses.any(|address| is_discovery(address.ip()))
        };
        self.asks.served.retain(|ask| is_asked(&ask.via));
        self.asks.unserved.retain(|ask| is_asked(&ask.via));
        self
    }

    /// The version that it took last of what is asked for; empty as long as it took none.
    pub(crate) fn version(&self, ask: &Ask) -> Option<&str> {
        self.stats.text(&format!("{}.version_text", ask.stat))
    }

    /// Whether routes that it has are those of others, such as of a listener that drains: it waited for them in vain, for more
    /// than one that asks for them, and none came since the youngest of these is in use.
    pub(crate) fn went_on_without(&self, ask: &Ask, found: &Found) -> bool {
        let count = |name: &str| self.stats.number(&format!("{}.{name}", ask.stat)).unwrap_or_default();
        // An attempt is counted when it begins to ask, and with whatever comes of that.
        let results = [
            "update_success",
            "update_failure",
            "update_rejected",
            "init_fetch_timeout",
        ];
        let results: u64 = results.into_iter().map(count).sum();
        let asked = count("update_attempt").saturating_sub(results);
        let is_older = match (&found.updated, &ask.since) {
            (Some(routes), Some(since)) => routes < since,
            _ => false,
        };
        ask.transport.is_aggregated() && count("init_fetch_timeout") > 0 && asked > 1 && is_older
    }

    /// Whether it ever refused an answer to this.
    pub(crate) fn has_rejected(&self, ask: &Ask) -> bool {
        self.stats
            .number(&format!("{}.update_rejected", ask.stat))
            .is_some_and(|count| count > 0)
    }

    /// Whether it says that it has no stream for this. That it says it has one proves nothing.
    pub(crate) fn is_cut_off(&self, ask: &Ask) -> bool {
        let name = if ask.transport.is_aggregated() {
            "control_plane.connected_state".to_owned()
        } else {
            format!("{}.control_plane.connected_state", ask.stat)
        };
        self.stats.number(&name) == Some(0)
    }
}

/// What a configuration asks for that no running Envoy tells of.
pub(crate) fn configured(bootstrap: &Value) -> (Node, Asks) {
    let resources = &bootstrap["static_resources"];
    let list = |name: &str| {
        let parts = resources[name].as_array().into_iter().flatten();
        parts.map(|value| Part {
            value,
            in_use: false,
            updated: None,
        })
    };
    (node(bootstrap), asks(bootstrap, list("clusters"), list("listeners")))
}

fn part_of<'a>(entry: &'a Value, field: &str, in_use: bool) -> Option<Part<'a>> {
    let value = entry.get(field)?;
    Some(Part {
        value,
        in_use,
        updated: entry["last_updated"].as_str(),
    })
}

fn node(bootstrap: &Value) -> Node {
    let text = |name: &str| bootstrap["node"][name].as_str().unwrap_or_default().to_owned();
    Node {
        id: text("id"),
        cluster: text("cluster"),
    }
}

fn found_clusters(dump: &Value) -> BTreeMap<String, Found> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for (list, is_active) in [("dynamic_active_clusters", true), ("dynamic_warming_clusters", false)] {
        for entry in dump[list].as_array().into_iter().flatten() {
            let Some(name) = entry["cluster"]["name"].as_str() else {
                continue;
            };
            let of = found.entry(name.to_owned()).or_default();
            of.count = 1;
            let cluster = Some(entry["cluster"].clone());
            if is_active {
                of.active = cluster;
                of.version = version(entry);
            } else {
                of.warming = cluster;
            }
        }
    }
    found
}

fn found_listeners(dump: &Value) -> BTreeMap<String, Found> {
    let listeners = dump["dynamic_listeners"].as_array().into_iter().flatten();
    let found = listeners.filter_map(|entry| {
        let state = |name: &str| entry[name].get("listener").cloned();
        let of = Found {
            count: 1,
            version: version(&entry["active_state"]),
            active: state("active_state"),
            warming: state("warming_state"),
            error: entry["error_state"]["details"].as_str().map(str::to_owned),
            ..Found::default()
        };
        // One that was taken away serves on for a while.
        let is_there = of.active.is_some() || of.warming.is_some() || of.error.is_some();
        is_there.then_some((entry["name"].as_str()?.to_owned(), of))
    });
    found.collect()
}

fn found_routes(dump: &Value) -> BTreeMap<String, Found> {
    found_each(&dump["dynamic_route_configs"], "route_config", |entry| {
        &entry["route_config"]["name"]
    })
}

/// Those that it has; one that it waits for has a name there, and nothing else.
fn found_secrets(dump: &Value) -> BTreeMap<String, Found> {
    found_each(&dump["dynamic_active_secrets"], "secret", |entry| &entry["name"])
}

/// What is there once for each way in which it is asked for: the first, and how often.
fn found_each(list: &Value, field: &str, name: impl Fn(&Value) -> &Value) -> BTreeMap<String, Found> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for entry in list.as_array().into_iter().flatten() {
        let Some(name) = name(entry).as_str() else { continue };
        let of = found.entry(name.to_owned()).or_insert_with(|| Found {
            version: version(entry),
            active: entry.get(field).cloned(),
            ..Found::default()
        });
        of.count += 1;
        let updated = entry["last_updated"].as_str();
        of.updated = of
            .updated
            .take()
            .max(updated.map(|at| at.trim_end_matches('Z').to_owned()));
    }
    found
}

fn version(entry: &Value) -> Option<String> {
    entry["version_info"].as_str().map(str::to_owned)
}
