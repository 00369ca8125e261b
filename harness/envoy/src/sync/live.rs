//! What an Envoy has.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Kind, Node,
    asks::{Ask, asks},
};
use crate::admin::{Clusters, Stats};

/// The statistics that a [`Live`] is read from: a filter for `/stats`.
pub const STATS: &str = r"\.(version_text|update_rejected)$|control_plane\.connected_state$";

/// What an Envoy has, as its admin interface tells it.
#[derive(Debug, Clone)]
pub struct Live {
    pub(super) node: Node,
    pub(super) asks: Vec<Ask>,
    /// What it was given by discovery, by name; endpoints are in `clusters`.
    pub(super) resources: BTreeMap<Kind, BTreeMap<String, Found>>,
    pub(super) clusters: Clusters,
    stats: Stats,
}

/// A resource that an Envoy was given.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) version: Option<String>,
    /// What it works with.
    pub(super) active: Option<Value>,
    /// What it will work with once the endpoints or routes for it are there.
    pub(super) warming: Option<Value>,
    /// Why it did not take the last one.
    pub(super) error: Option<String>,
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
        let configured = |dump: &'static str, field: &'static str| {
            let dump = if field == "cluster" {
                all_clusters
            } else {
                all_listeners
            }[dump]
                .as_array();
            dump.into_iter().flatten().filter_map(move |entry| entry.get(field))
        };
        let clusters_of = ["static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"];
        let states = ["active_state", "warming_state"];
        let dynamic = all_listeners["dynamic_listeners"].as_array().into_iter().flatten();
        let dynamic = dynamic.flat_map(|entry| states.map(|state| &entry[state]["listener"]));
        let asks = asks(
            bootstrap,
            clusters_of.into_iter().flat_map(|dump| configured(dump, "cluster")),
            configured("static_listeners", "listener").chain(dynamic),
        );
        Ok(Self {
            node: node(bootstrap),
            asks,
            resources: BTreeMap::from([
                (Kind::Clusters, found_clusters(all_clusters)),
                (Kind::Listeners, found_listeners(all_listeners)),
                (Kind::Routes, found_routes(part(".RoutesConfigDump"))),
            ]),
            clusters,
            stats,
        })
    }

    /// The version that it took last of what is asked for; empty as long as it took none.
    pub(super) fn version(&self, ask: &Ask) -> Option<&str> {
        self.stats.text(&format!("{}.version_text", ask.stat))
    }

    /// Whether it ever refused an answer to this.
    pub(super) fn has_rejected(&self, ask: &Ask) -> bool {
        self.stats
            .number(&format!("{}.update_rejected", ask.stat))
            .is_some_and(|count| count > 0)
    }

    /// Whether it says that it has no stream for this. That it says it has one proves nothing.
    pub(super) fn is_cut_off(&self, ask: &Ask) -> bool {
        let name = if ask.transport.is_aggregated() {
            "control_plane.connected_state".to_owned()
        } else {
            format!("{}.control_plane.connected_state", ask.stat)
        };
        self.stats.number(&name) == Some(0)
    }
}

/// What a configuration asks for that no running Envoy tells of.
pub(super) fn configured(bootstrap: &Value) -> (Node, Vec<Ask>) {
    let resources = &bootstrap["static_resources"];
    let list = |name: &str| resources[name].as_array().into_iter().flatten();
    (node(bootstrap), asks(bootstrap, list("clusters"), list("listeners")))
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
            version: version(&entry["active_state"]),
            active: state("active_state"),
            warming: state("warming_state"),
            error: entry["error_state"]["details"].as_str().map(str::to_owned),
        };
        // One that was taken away serves on for a while.
        let is_there = of.active.is_some() || of.warming.is_some() || of.error.is_some();
        is_there.then_some((entry["name"].as_str()?.to_owned(), of))
    });
    found.collect()
}

fn found_routes(dump: &Value) -> BTreeMap<String, Found> {
    let routes = dump["dynamic_route_configs"].as_array().into_iter().flatten();
    let found = routes.filter_map(|entry| {
        let name = entry["route_config"]["name"].as_str()?.to_owned();
        let of = Found {
            version: version(entry),
            active: entry.get("route_config").cloned(),
            ..Found::default()
        };
        Some((name, of))
    });
    found.collect()
}

fn version(entry: &Value) -> Option<String> {
    entry["version_info"].as_str().map(str::to_owned)
}
