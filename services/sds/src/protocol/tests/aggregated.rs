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
    for kind in [
        Kind::Routes,
        Kind::Endpoints,
        Kind::Clusters,
        Kind::Secrets,
        Kind::Listeners,
    ] {
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

/// A listener with these routes, found as `source` says, and with this secret.
fn put_listener(cache: &Cache, name: &str, stat: &str, routes: &str, source: &str) {
    let source = json!({source: {}, "resource_api_version": "V3"});
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": stat,
        "rds": {"route_config_name": routes, "config_source": source},
    });
    let tls = json!({"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "a", "sds_config": source}]},
    }});
    let chain = json!({"filters": [{"name": "http", "typed_config": manager}], "transport_socket": tls});
    let body = json!({"name": name, "filter_chains": [chain]}).to_string();
    let resource = Resource::from_json(Kind::Listeners, name, body.as_bytes()).unwrap();
    cache.put(Kind::Listeners, Layer::Written, name, Arc::new(resource));
}

fn check_listeners<M: Machine>(mut machine: M, wildcard: M::Request, request: impl Fn(Kind) -> M::Request) {
    use Kind::{Listeners, Routes, Secrets};
    let cache = Cache::default();
    for kind in [Secrets, Routes] {
        put(&cache, kind, Layer::Written, "a", 1);
    }
    put_listener(&cache, "one", "1", "a", "ads");
    machine.receive(wildcard).unwrap();
    assert_eq!(kinds(&mut machine, &cache), [Listeners]);
    for kind in [Secrets, Routes] {
        machine.receive(request(kind)).unwrap();
    }
    assert_eq!(kinds(&mut machine, &cache), [Secrets, Routes]);
    assert_eq!(kinds(&mut machine, &cache), []);
    // Changed, and another one that waits for the same.
    put_listener(&cache, "one", "2", "a", "self");
    assert_eq!(kinds(&mut machine, &cache), [Listeners, Secrets, Routes]);
    put_listener(&cache, "two", "1", "a", "ads");
    assert_eq!(kinds(&mut machine, &cache), [Listeners, Secrets, Routes]);
    assert_eq!(kinds(&mut machine, &cache), []);
    // What is not there, or not wanted, is waited for and comes once.
    put_listener(&cache, "two", "2", "b", "ads");
    assert_eq!(kinds(&mut machine, &cache), [Listeners, Secrets]);
    put(&cache, Routes, Layer::Written, "b", 1);
    assert_eq!(kinds(&mut machine, &cache), []);
    // Such a listener has them from elsewhere.
    put_listener(&cache, "two", "3", "a", "path_config_source");
    assert_eq!(kinds(&mut machine, &cache), [Listeners]);
    cache.remove(Listeners, Layer::Written, "one");
    assert_eq!(kinds(&mut machine, &cache), [Listeners]);
    assert_eq!(kinds(&mut machine, &cache), []);
}

#[test]
fn a_listener_has_its_routes_and_secrets_sent_once_more() {
    let mut wildcard = sotw(Kind::Listeners);
    wildcard.resource_names.clear();
    check_listeners(Sotw::new(Scope::Aggregated, 1), wildcard, sotw);
    let mut wildcard = delta(Kind::Listeners);
    wildcard.resource_names_subscribe.clear();
    check_listeners(Delta::new(Scope::Aggregated, 1), wildcard, delta);
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
