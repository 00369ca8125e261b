//! Every gRPC method: bytes that are no messages, messages that are no good, and more of them than is decent.

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use envoy_types::pb::google::rpc::Status;
use proptest::prelude::*;
use prost::Message;

use crate::mutation::mutated;
use crate::server::{frame, server};

const TYPES: [&str; 5] = [
    "config.cluster.v3.Cluster",
    "config.endpoint.v3.ClusterLoadAssignment",
    "config.listener.v3.Listener",
    "config.route.v3.RouteConfiguration",
    "extensions.transport_sockets.tls.v3.Secret",
];

fn methods(delta: bool) -> impl Strategy<Value = String> {
    let services = [
        ("discovery", "Aggregated", "AggregatedResources"),
        ("cluster", "Cluster", "Clusters"),
        ("endpoint", "Endpoint", "Endpoints"),
        ("secret", "Secret", "Secrets"),
        ("listener", "Listener", "Listeners"),
        ("route", "Route", "Routes"),
    ];
    let variant = if delta { "Delta" } else { "Stream" };
    prop::sample::select(services.to_vec()).prop_map(move |(package, name, resources)| {
        format!("/envoy.service.{package}.v3.{name}DiscoveryService/{variant}{resources}")
    })
}

fn type_urls() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(TYPES.to_vec()).prop_map(|name| format!("type.googleapis.com/envoy.{name}")),
        1 => Just(String::new()),
        1 => "type.googleapis.com/[a-z.]{0,20}",
        1 => (1..200_000_usize).prop_map(|length| "t".repeat(length)),
    ]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "healthy", "*", ""]).prop_map(str::to_owned),
        1 => ".{0,20}",
    ];
    prop_oneof![
        6 => prop::collection::vec(name, 0..6),
        1 => (1..2000_usize).prop_map(|count| (0..count).map(|number| format!("name-{number}")).collect()),
        1 => (1..500_000_usize).prop_map(|length| vec!["n".repeat(length)]),
    ]
}

fn nonces() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[0-9a-f]{1,16}-[0-9]{1,3}", ".{0,40}"]
}

fn refusals() -> impl Strategy<Value = Option<Status>> {
    prop::option::of((any::<i32>(), 0..100_000_usize).prop_map(|(code, length)| Status {
        code,
        message: "é".repeat(length),
        ..Default::default()
    }))
}

fn nodes() -> impl Strategy<Value = Option<Node>> {
    prop::option::of((".{0,20}", ".{0,20}").prop_map(|(id, cluster)| Node {
        id,
        cluster,
        ..Default::default()
    }))
}

fn sotw() -> impl Strategy<Value = Vec<u8>> {
    (type_urls(), names(), nonces(), refusals(), nodes(), ".{0,20}").prop_map(
        |(type_url, resource_names, response_nonce, error_detail, node, version_info)| {
            let request = DiscoveryRequest {
                type_url,
                resource_names,
                response_nonce,
                error_detail,
                node,
                version_info,
                ..Default::default()
            };
            request.encode_to_vec()
        },
    )
}

fn delta() -> impl Strategy<Value = Vec<u8>> {
    let versions = prop_oneof![
        2 => Just(Vec::new()),
        1 => names(),
    ];
    (
        type_urls(),
        names(),
        names(),
        versions,
        nonces(),
        refusals(),
        nodes(),
        ".{0,20}",
    )
        .prop_map(
            |(type_url, subscribe, unsubscribe, versions, response_nonce, error_detail, node, version)| {
                let request = DeltaDiscoveryRequest {
                    type_url,
                    resource_names_subscribe: subscribe,
                    resource_names_unsubscribe: unsubscribe,
                    initial_resource_versions: versions.into_iter().map(|name| (name, version.clone())).collect(),
                    response_nonce,
                    error_detail,
                    node,
                    ..Default::default()
                };
                request.encode_to_vec()
            },
        )
}

/// What is sent on one stream: requests as they are framed, each perhaps with something wrong in it or around it.
fn streams(request: impl Strategy<Value = Vec<u8>> + Clone) -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        4 => request.clone().prop_map(|message| frame(&message)),
        3 => mutated(request.clone()).prop_map(|message| frame(&message)),
        1 => mutated(request.prop_map(|message| frame(&message))),
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(|message| frame(&message)),
        1 => prop::collection::vec(any::<u8>(), 0..100),
    ];
    prop::collection::vec(message, 0..8).prop_map(|messages| messages.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn state_of_the_world(method in methods(false), body in streams(sotw().boxed())) {
        let server = server();
        let _turn = server.turn();
        server.call(&method, body);
        server.is_healthy();
    }

    #[test]
    fn deltas(method in methods(true), body in streams(delta().boxed())) {
        let server = server();
        let _turn = server.turn();
        server.call(&method, body);
        server.is_healthy();
    }
}

/// A node whose metadata are structures within structures.
fn deep_node(depth: usize) -> Vec<u8> {
    let wrap = |tag: u8, inner: Vec<u8>| {
        let mut bytes = vec![tag << 3 | 2];
        prost::encode_length_delimiter(inner.len(), &mut bytes).unwrap();
        bytes.extend(inner);
        bytes
    };
    let mut value = Vec::new();
    for _ in 0..depth {
        // Value.struct_value, Struct.fields, and the entry's value.
        value = wrap(5, wrap(1, wrap(2, value)));
    }
    // DiscoveryRequest.node, Node.metadata, and an entry.
    wrap(2, wrap(3, wrap(1, wrap(2, value))))
}

#[test]
fn what_is_deep_or_long_ends_its_own_stream_at_the_most() {
    let server = server();
    let _turn = server.turn();
    let service = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
    let many: Vec<String> = (0..200_000).map(|number| format!("name-{number}")).collect();
    let type_url = format!("type.googleapis.com/envoy.{}", TYPES[1]);
    let whole = DeltaDiscoveryRequest {
        type_url: type_url.clone(),
        resource_names_subscribe: many.clone(),
        initial_resource_versions: many.iter().map(|name| (name.clone(), "v".to_owned())).collect(),
        ..Default::default()
    };
    let world = DiscoveryRequest {
        type_url,
        resource_names: many,
        ..Default::default()
    };
    let claimed = [&[0, 0xff, 0xff, 0xff, 0xff][..], b"x"].concat();
    for (method, body) in [
        ("StreamAggregatedResources", frame(&deep_node(2000))),
        ("DeltaAggregatedResources", frame(&deep_node(2000))),
        ("StreamAggregatedResources", frame(&world.encode_to_vec())),
        ("DeltaAggregatedResources", frame(&whole.encode_to_vec())),
        ("StreamAggregatedResources", frame(&vec![0; 17 << 20])),
        ("DeltaAggregatedResources", claimed),
        ("Nothing", frame(&[])),
    ] {
        server.call(&format!("{service}/{method}"), body);
        server.is_healthy();
    }
}
