//! Names over gRPC: EDS and ADS, State of the World and delta.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::endpoint::v3::endpoint_discovery_service_client::EndpointDiscoveryServiceClient;
use envoy_types::pb::google::protobuf::Any;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use meshkat_kit::testing::{DEADLINE, Running};
use prost::Message as _;
use tonic::Streaming;
use tonic::transport::Channel;

pub(crate) const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/// `address:port health`, by the name of the assignment.
pub(crate) type Assignments = BTreeMap<String, Vec<String>>;

pub(crate) struct Sotw {
    requests: UnboundedSender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
}

pub(crate) struct Delta {
    requests: UnboundedSender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
}

async fn channel(sds: &Running) -> Channel {
    Channel::from_shared(sds.url("")).unwrap().connect().await.unwrap()
}

impl Sotw {
    /// Opens a stream and subscribes. Its headers come with the first answer at the latest.
    pub(crate) async fn subscribed(sds: &Running, aggregated: bool, names: &[&str]) -> Self {
        let (requests, receive) = unbounded();
        requests
            .unbounded_send(DiscoveryRequest {
                node: node(),
                type_url: ENDPOINTS.to_owned(),
                resource_names: owned(names),
                ..Default::default()
            })
            .unwrap();
        let channel = channel(sds).await;
        let responses = if aggregated {
            AggregatedDiscoveryServiceClient::new(channel)
                .stream_aggregated_resources(receive)
                .await
        } else {
            EndpointDiscoveryServiceClient::new(channel)
                .stream_endpoints(receive)
                .await
        };
        Self {
            requests,
            responses: responses.unwrap().into_inner(),
        }
    }

    /// The next response, which is acknowledged.
    pub(crate) async fn next(&mut self, names: &[&str]) -> Assignments {
        let response = tokio::time::timeout(DEADLINE, self.responses.message()).await;
        let response = response.expect("a response in time").unwrap().unwrap();
        self.requests
            .unbounded_send(DiscoveryRequest {
                type_url: ENDPOINTS.to_owned(),
                resource_names: owned(names),
                version_info: response.version_info,
                response_nonce: response.nonce,
                ..Default::default()
            })
            .unwrap();
        response.resources.iter().map(assignment).collect()
    }
}

impl Delta {
    pub(crate) async fn subscribed(sds: &Running, aggregated: bool, names: &[&str]) -> Self {
        let (requests, receive) = unbounded();
        requests
            .unbounded_send(DeltaDiscoveryRequest {
                node: node(),
                type_url: ENDPOINTS.to_owned(),
                resource_names_subscribe: owned(names),
                ..Default::default()
            })
            .unwrap();
        let channel = channel(sds).await;
        let responses = if aggregated {
            AggregatedDiscoveryServiceClient::new(channel)
                .delta_aggregated_resources(receive)
                .await
        } else {
            EndpointDiscoveryServiceClient::new(channel)
                .delta_endpoints(receive)
                .await
        };
        Self {
            requests,
            responses: responses.unwrap().into_inner(),
        }
    }

    /// The next response, which is acknowledged: what came, and what was taken away.
    pub(crate) async fn next(&mut self) -> (Assignments, Vec<String>) {
        let response = tokio::time::timeout(DEADLINE, self.responses.message()).await;
        let response = response.expect("a response in time").unwrap().unwrap();
        self.requests
            .unbounded_send(DeltaDiscoveryRequest {
                type_url: ENDPOINTS.to_owned(),
                response_nonce: response.nonce,
                ..Default::default()
            })
            .unwrap();
        let assignments = response.resources.iter().map(|resource| {
            let (name, hosts) = assignment(resource.resource.as_ref().unwrap());
            assert_eq!(name, resource.name);
            (name, hosts)
        });
        (assignments.collect(), response.removed_resources)
    }
}

fn node() -> Option<Node> {
    Some(Node {
        id: "envoy-a".to_owned(),
        cluster: "demo".to_owned(),
        ..Default::default()
    })
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn assignment(any: &Any) -> (String, Vec<String>) {
    let assignment = ClusterLoadAssignment::decode(&*any.value).unwrap();
    let endpoints = assignment.endpoints.iter().flat_map(|zone| &zone.lb_endpoints);
    let hosts = endpoints.map(|endpoint| {
        let Some(HostIdentifier::Endpoint(host)) = &endpoint.host_identifier else {
            panic!("no endpoint")
        };
        let Some(Address::SocketAddress(socket)) = host.address.clone().unwrap().address else {
            panic!("no socket address")
        };
        let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
            panic!("no port")
        };
        format!("{}:{port} {}", socket.address, endpoint.health_status().as_str_name())
    });
    (assignment.cluster_name.clone(), hosts.collect())
}
