//! What types have to do with one another on an aggregated stream.

use std::sync::Arc;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use prost::Message as _;
use serde_json::json;

use super::put;
use crate::protocol::{Delta, Machine, Scope, Sotw};
use crate::resources::{Cache, Kind, Layer, Resource};

/// More responses than are ever due, so that a server that does not end fails.
const MOST: usize = 100;

/// Everything that is due, type by type.
fn kinds<M: Machine>(machine: &mut M, cache: &Cache) -> Vec<Kind> {
    let world = cache.world();
    std::iter::from_fn(|| machine.next(world.view("")))
        .take(MOST)
        .map(|push| push.kind.unwrap())
        .collect()
}

fn sotw(kind: Kind) -> DiscoveryRequest {
    DiscoveryRequest {
        type_url: kind.type_url().to_owned(),
        resource_names: vec!["a".to_owned()],
        ..Default::default()
    }
}

fn delta(kind: Kind) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: kind.type_url().to_owned(),
        resource_names_subscribe: vec!["a".to_owned()],
        ..Default::default()
    }
}

fn check<M: Machine>(mut machine: M, request: impl Fn(Kind) -> M::Request) {
    let cache = Cache::default();
    for kind in Kind::ALL.into_iter().rev() {
        put(&cache, kind, Layer::Written, "a", 1);
        machine.receive(request(kind)).unwrap();
    }
    assert_eq!(kinds(&mut machine, &cache), Kind::ALL);
    for kind in [Kind::Routes, Kind::Endpoints, Kind::Clusters, Kind::Listeners] {
        put(&cache, kind, Layer::Written, "a", 2);
    }
    assert_eq!(kinds(&mut machine, &cache), Kind::ALL);
    assert_eq!(kinds(&mut machine, &cache), []);
}

#[test]
fn what_is_pointed_at_comes_first() {
    check(Sotw::new(Scope::Aggregated, 1), sotw);
    check(Delta::new(Scope::Aggregated, 1), delta);
}

fn put_cluster(cache: &Cache, timeout: &str, source: &str) {
    let eds = json!({"service_name": "a", "eds_config": {source: {}, "resource_api_version": "V3"}});
    let body = json!({"name": "c", "type": "EDS", "connect_timeout": timeout, "eds_cluster_config": eds}).to_string();
    let resource = Resource::from_json(Kind::Clusters, "c", body.as_bytes()).unwrap();
    cache.put(Kind::Clusters, Layer::Written, "c", Arc::new(resource));
}

fn check_warming<M: Machine>(mut machine: M, wildcard: M::Request, endpoints: M::Request) {
    let cache = Cache::default();
    put(&cache, Kind::Endpoints, Layer::Written, "a", 1);
    put_cluster(&cache, "1s", "ads");
    machine.receive(wildcard).unwrap();
    assert_eq!(kinds(&mut machine, &cache), [Kind::Clusters]);
    machine.receive(endpoints).unwrap();
    assert_eq!(kinds(&mut machine, &cache), [Kind::Endpoints]);
    put_cluster(&cache, "2s", "ads");
    assert_eq!(kinds(&mut machine, &cache), [Kind::Clusters, Kind::Endpoints]);
    put(&cache, Kind::Clusters, Layer::Written, "other", 1);
    assert_eq!(kinds(&mut machine, &cache), [Kind::Clusters]);
    // Such a cluster has its endpoints from elsewhere.
    put_cluster(&cache, "3s", "path_config_source");
    assert_eq!(kinds(&mut machine, &cache), [Kind::Clusters]);
}

#[test]
fn a_changed_cluster_has_its_endpoints_sent_once_more() {
    let mut wildcard = sotw(Kind::Clusters);
    wildcard.resource_names.clear();
    check_warming(Sotw::new(Scope::Aggregated, 1), wildcard, sotw(Kind::Endpoints));
    let mut wildcard = delta(Kind::Clusters);
    wildcard.resource_names_subscribe.clear();
    check_warming(Delta::new(Scope::Aggregated, 1), wildcard, delta(Kind::Endpoints));
}

/// What points at a cluster is told before that cluster goes; what is new is told before.
fn check_removal<M: Machine>(mut machine: M, requests: [M::Request; 3], clusters: impl Fn(&M::Response) -> String) {
    let cache = Cache::default();
    for kind in [Kind::Clusters, Kind::Routes] {
        put(&cache, kind, Layer::Written, "a", 1);
    }
    put(&cache, Kind::Clusters, Layer::Written, "b", 1);
    for request in requests {
        machine.receive(request).unwrap();
    }
    assert_eq!(kinds(&mut machine, &cache).len(), 3);
    let mut all = || {
        let world = cache.world();
        std::iter::from_fn(|| machine.next(world.view("")))
            .take(MOST)
            .map(|push| match push.kind {
                Some(Kind::Clusters) => clusters(&push.response),
                kind => format!("{kind:?}"),
            })
            .collect::<Vec<_>>()
            .join(", ")
    };
    cache.remove(Kind::Clusters, Layer::Written, "a");
    put(&cache, Kind::Clusters, Layer::Written, "c", 1);
    put(&cache, Kind::Routes, Layer::Written, "a", 2);
    assert_eq!(all(), "add, Some(Routes), remove");
    cache.remove(Kind::Clusters, Layer::Written, "b");
    put(&cache, Kind::Routes, Layer::Written, "a", 3);
    assert_eq!(all(), "Some(Routes), remove");
    // With nothing to wait for, one response says both.
    cache.remove(Kind::Clusters, Layer::Written, "c");
    put(&cache, Kind::Clusters, Layer::Written, "d", 1);
    put(&cache, Kind::Endpoints, Layer::Written, "a", 1);
    assert_eq!(all(), "add and remove, Some(Endpoints)");
    assert_eq!(all(), "");
}

#[test]
fn what_is_pointed_at_goes_last() {
    let mut wildcard = sotw(Kind::Clusters);
    wildcard.resource_names.clear();
    let had = std::cell::RefCell::new(std::collections::BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    let clusters = |response: &DiscoveryResponse| {
        let names = response
            .resources
            .iter()
            .map(|any| Cluster::decode(&*any.value).unwrap().name);
        let before = had.replace(names.collect());
        let has = had.borrow();
        describe(has.difference(&before).count(), before.difference(&has).count())
    };
    check_removal(
        Sotw::new(Scope::Aggregated, 1),
        [wildcard, sotw(Kind::Endpoints), sotw(Kind::Routes)],
        clusters,
    );
    let mut wildcard = delta(Kind::Clusters);
    wildcard.resource_names_subscribe.clear();
    let clusters =
        |response: &DeltaDiscoveryResponse| describe(response.resources.len(), response.removed_resources.len());
    check_removal(
        Delta::new(Scope::Aggregated, 1),
        [wildcard, delta(Kind::Endpoints), delta(Kind::Routes)],
        clusters,
    );
}

fn describe(added: usize, removed: usize) -> String {
    match (added, removed) {
        (1, 0) => "add",
        (0, 1) => "remove",
        (1, 1) => "add and remove",
        _ => "something else",
    }
    .to_owned()
}
