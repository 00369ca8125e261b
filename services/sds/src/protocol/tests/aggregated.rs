//! What types have to do with one another on an aggregated stream.

use std::sync::Arc;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use prost::Message as _;
use serde_json::json;

use super::put;
use crate::protocol::{Delta, Scope, Sotw, Variant, XdsStream};
use crate::resources::{Kind, Resource};
use crate::store::{Layer, Store};

/// More responses than are ever due, so that a server that does not end fails.
const MOST: usize = 100;

/// Everything that is due, type by type.
fn kinds<V: Variant>(stream: &mut XdsStream<V>, store: &Store) -> Vec<Kind> {
    let world = store.world();
    std::iter::from_fn(|| stream.next(world.view("")))
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

fn check<V: Variant>(mut stream: XdsStream<V>, request: impl Fn(Kind) -> V::Request) {
    let store = Store::in_memory();
    for kind in Kind::ALL.into_iter().rev() {
        put(&store, kind, Layer::Written, "a", 1);
        stream.receive(request(kind)).unwrap();
    }
    assert_eq!(kinds(&mut stream, &store), Kind::ALL);
    for kind in [
        Kind::Routes,
        Kind::Endpoints,
        Kind::Clusters,
        Kind::Secrets,
        Kind::Listeners,
    ] {
        put(&store, kind, Layer::Written, "a", 2);
    }
    assert_eq!(kinds(&mut stream, &store), Kind::ALL);
    assert_eq!(kinds(&mut stream, &store), []);
}

#[test]
fn what_is_pointed_at_comes_first() {
    check(Sotw::new(Scope::Aggregated, 1), sotw);
    check(Delta::new(Scope::Aggregated, 1), delta);
}

fn put_cluster(store: &Store, timeout: &str, source: &str) {
    let eds = json!({"service_name": "a", "eds_config": {source: {}, "resource_api_version": "V3"}});
    let body = json!({"name": "c", "type": "EDS", "connect_timeout": timeout, "eds_cluster_config": eds}).to_string();
    let resource = Resource::from_json(Kind::Clusters, "c", body.as_bytes()).unwrap();
    store
        .put(Kind::Clusters, Layer::Written, "c", Arc::new(resource))
        .unwrap();
}

fn check_warming<V: Variant>(mut stream: XdsStream<V>, wildcard: V::Request, endpoints: V::Request) {
    let store = Store::in_memory();
    put(&store, Kind::Endpoints, Layer::Written, "a", 1);
    put_cluster(&store, "1s", "ads");
    stream.receive(wildcard).unwrap();
    assert_eq!(kinds(&mut stream, &store), [Kind::Clusters]);
    stream.receive(endpoints).unwrap();
    assert_eq!(kinds(&mut stream, &store), [Kind::Endpoints]);
    put_cluster(&store, "2s", "ads");
    assert_eq!(kinds(&mut stream, &store), [Kind::Clusters, Kind::Endpoints]);
    put(&store, Kind::Clusters, Layer::Written, "other", 1);
    assert_eq!(kinds(&mut stream, &store), [Kind::Clusters]);
    // Such a cluster has its endpoints from elsewhere.
    put_cluster(&store, "3s", "path_config_source");
    assert_eq!(kinds(&mut stream, &store), [Kind::Clusters]);
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
fn put_listener(store: &Store, name: &str, stat: &str, routes: &str, source: &str) {
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
    store
        .put(Kind::Listeners, Layer::Written, name, Arc::new(resource))
        .unwrap();
}

fn check_listeners<V: Variant>(mut stream: XdsStream<V>, wildcard: V::Request, request: impl Fn(Kind) -> V::Request) {
    use Kind::{Listeners, Routes, Secrets};
    let store = Store::in_memory();
    for kind in [Secrets, Routes] {
        put(&store, kind, Layer::Written, "a", 1);
    }
    put_listener(&store, "one", "1", "a", "ads");
    stream.receive(wildcard).unwrap();
    assert_eq!(kinds(&mut stream, &store), [Listeners]);
    for kind in [Secrets, Routes] {
        stream.receive(request(kind)).unwrap();
    }
    assert_eq!(kinds(&mut stream, &store), [Secrets, Routes]);
    assert_eq!(kinds(&mut stream, &store), []);
    // Changed, and another one that waits for the same.
    put_listener(&store, "one", "2", "a", "self");
    assert_eq!(kinds(&mut stream, &store), [Listeners, Secrets, Routes]);
    put_listener(&store, "two", "1", "a", "ads");
    assert_eq!(kinds(&mut stream, &store), [Listeners, Secrets, Routes]);
    assert_eq!(kinds(&mut stream, &store), []);
    // What is not there, or not wanted, is waited for and comes once.
    put_listener(&store, "two", "2", "b", "ads");
    assert_eq!(kinds(&mut stream, &store), [Listeners, Secrets]);
    put(&store, Routes, Layer::Written, "b", 1);
    assert_eq!(kinds(&mut stream, &store), []);
    // Such a listener has them from elsewhere.
    put_listener(&store, "two", "3", "a", "path_config_source");
    assert_eq!(kinds(&mut stream, &store), [Listeners]);
    store.remove(Listeners, Layer::Written, "one").unwrap();
    assert_eq!(kinds(&mut stream, &store), [Listeners]);
    assert_eq!(kinds(&mut stream, &store), []);
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
fn check_removal<V: Variant>(
    mut stream: XdsStream<V>,
    requests: [V::Request; 3],
    clusters: impl Fn(&V::Response) -> String,
) {
    let store = Store::in_memory();
    for kind in [Kind::Clusters, Kind::Routes] {
        put(&store, kind, Layer::Written, "a", 1);
    }
    put(&store, Kind::Clusters, Layer::Written, "b", 1);
    for request in requests {
        stream.receive(request).unwrap();
    }
    assert_eq!(kinds(&mut stream, &store).len(), 3);
    let mut all = || {
        let world = store.world();
        std::iter::from_fn(|| stream.next(world.view("")))
            .take(MOST)
            .map(|push| match push.kind {
                Some(Kind::Clusters) => clusters(&push.response),
                kind => format!("{kind:?}"),
            })
            .collect::<Vec<_>>()
            .join(", ")
    };
    store.remove(Kind::Clusters, Layer::Written, "a").unwrap();
    put(&store, Kind::Clusters, Layer::Written, "c", 1);
    put(&store, Kind::Routes, Layer::Written, "a", 2);
    assert_eq!(all(), "add, Some(Routes), remove");
    store.remove(Kind::Clusters, Layer::Written, "b").unwrap();
    put(&store, Kind::Routes, Layer::Written, "a", 3);
    assert_eq!(all(), "Some(Routes), remove");
    // With nothing to wait for, one response says both.
    store.remove(Kind::Clusters, Layer::Written, "c").unwrap();
    put(&store, Kind::Clusters, Layer::Written, "d", 1);
    put(&store, Kind::Endpoints, Layer::Written, "a", 1);
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
