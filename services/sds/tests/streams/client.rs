//! A client of each variant, which does what it is told and nothing by itself.

use envoy_types::pb::envoy::config::core::v3::{ControlPlane, Node};
use envoy_types::pb::envoy::service::cluster::v3::cluster_discovery_service_client::ClusterDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::endpoint::v3::endpoint_discovery_service_client::EndpointDiscoveryServiceClient;
use envoy_types::pb::envoy::service::listener::v3::listener_discovery_service_client::ListenerDiscoveryServiceClient;
use envoy_types::pb::envoy::service::route::v3::route_discovery_service_client::RouteDiscoveryServiceClient;
use envoy_types::pb::google::protobuf::Any;
use envoy_types::pb::google::rpc::Status;
use futures::channel::mpsc;
use meshkat_kit::testing::DEADLINE;
use prost::Message;
use tonic::Streaming;
use tonic::transport::Endpoint;

use crate::setting::{Kind, Setting};

/// What all resources have in common: the first field is the name.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

pub(crate) fn name_of(any: &Any) -> String {
    Named::decode(&*any.value).unwrap().name
}

pub(crate) fn refusal() -> Option<Status> {
    Some(Status {
        code: 13,
        message: "this will not do".to_owned(),
        ..Default::default()
    })
}

/// A stream of requests and responses.
pub(crate) struct Stream<Q, P> {
    requests: mpsc::UnboundedSender<Q>,
    responses: Streaming<P>,
    pub(crate) type_url: String,
    probes: u32,
    first: bool,
}

pub(crate) type Sotw = Stream<DiscoveryRequest, DiscoveryResponse>;
pub(crate) type Delta = Stream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

const WINDOW: u32 = 65_535;

macro_rules! open {
    ($setting:expr, $requests:expr, $ads:ident, $cds:ident, $eds:ident, $lds:ident, $rds:ident) => {{
        // As little as HTTP/2 begins with, so that what is not read is not sent.
        let endpoint = Endpoint::from_shared($setting.sds.url(""))
            .unwrap()
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| tonic::Status::from_error(error.into()))?;
        let opened = match $setting.kind {
            _ if $setting.aggregated => AggregatedDiscoveryServiceClient::new(channel).$ads($requests).await,
            Kind::Clusters => ClusterDiscoveryServiceClient::new(channel).$cds($requests).await,
            Kind::Endpoints => EndpointDiscoveryServiceClient::new(channel).$eds($requests).await,
            Kind::Listeners => ListenerDiscoveryServiceClient::new(channel).$lds($requests).await,
            Kind::Routes => RouteDiscoveryServiceClient::new(channel).$rds($requests).await,
        };
        opened?.into_inner()
    }};
}

impl<Q, P> Stream<Q, P> {
    fn new(setting: &Setting, requests: mpsc::UnboundedSender<Q>, responses: Streaming<P>) -> Self {
        Self {
            requests,
            responses,
            type_url: setting.kind.type_url(),
            probes: 0,
            first: true,
        }
    }

    /// As an Envoy does: who it is stands in the first request alone.
    fn node(&mut self) -> Option<Node> {
        std::mem::take(&mut self.first).then(|| Node {
            id: "envoy-a".to_owned(),
            cluster: "demo".to_owned(),
            ..Default::default()
        })
    }

    /// Sends a request as it is.
    pub(crate) fn raw(&mut self, request: Q) {
        self.requests.unbounded_send(request).unwrap();
    }

    fn probe(&mut self) -> String {
        self.probes += 1;
        format!("type.googleapis.com/unknown.Type{}", self.probes)
    }

    /// Reads on until the stream ends, and gives why it did.
    pub(crate) async fn ended(&mut self) -> tonic::Status {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.responses.message());
            if let Err(status) = message.await.expect("an end in time") {
                return status;
            }
        }
    }

    pub(crate) async fn next(&mut self) -> P {
        self.try_next().await.unwrap()
    }

    pub(crate) async fn try_next(&mut self) -> Result<P, tonic::Status> {
        let message = tokio::time::timeout(DEADLINE, self.responses.message());
        let message = message.await.expect("a response in time")?;
        Ok(message.expect("the stream goes on"))
    }
}

impl Sotw {
    pub(crate) async fn open(setting: &Setting) -> Self {
        Self::try_open(setting).await.unwrap()
    }

    pub(crate) async fn try_open(setting: &Setting) -> Result<Self, tonic::Status> {
        let (send, requests) = mpsc::unbounded();
        let responses = open!(
            setting,
            requests,
            stream_aggregated_resources,
            stream_clusters,
            stream_endpoints,
            stream_listeners,
            stream_routes
        );
        Ok(Self::new(setting, send, responses))
    }

    pub(crate) fn send(&mut self, names: &[&str], nonce: &str, error: Option<Status>) {
        let request = DiscoveryRequest {
            node: self.node(),
            type_url: self.type_url.clone(),
            resource_names: names.iter().map(|&name| name.to_owned()).collect(),
            response_nonce: nonce.to_owned(),
            error_detail: error,
            ..Default::default()
        };
        // That a stream has ended is for those to notice who read it.
        let _ = self.requests.unbounded_send(request);
    }

    /// Subscribes as a client does that had a version on another stream.
    pub(crate) fn send_with_version(&mut self, names: &[&str], version: &str, nonce: &str) {
        let request = DiscoveryRequest {
            node: self.node(),
            type_url: self.type_url.clone(),
            resource_names: to_owned(names),
            version_info: version.to_owned(),
            response_nonce: nonce.to_owned(),
            ..Default::default()
        };
        self.requests.unbounded_send(request).unwrap();
    }

    /// The next response, with the names of its resources.
    pub(crate) async fn answer(&mut self) -> (Vec<String>, DiscoveryResponse) {
        let response = self.next().await;
        assert_eq!(response.type_url, self.type_url);
        assert_eq!(sender(response.control_plane.as_ref()), "sds-1");
        for any in &response.resources {
            assert_eq!(any.type_url, self.type_url);
        }
        (response.resources.iter().map(name_of).collect(), response)
    }

    /// Subscribes, takes the answer, and gives its nonce.
    pub(crate) async fn taken(&mut self, names: &[&str], expected: &[&str]) -> String {
        let (found, response) = self.answer().await;
        assert_eq!(found, expected, "{}", self.type_url);
        self.send(names, &response.nonce, None);
        response.nonce
    }

    /// Nothing is due: what is asked now is answered next, and a type that nobody knows is answered with nothing.
    pub(crate) async fn quiet(&mut self) {
        let type_url = self.probe();
        let request = DiscoveryRequest {
            type_url: type_url.clone(),
            resource_names: vec!["a".to_owned()],
            ..Default::default()
        };
        self.requests.unbounded_send(request).unwrap();
        let response = self.next().await;
        assert_eq!((response.type_url, response.resources), (type_url, vec![]), "not quiet");
    }
}

impl Delta {
    pub(crate) async fn open(setting: &Setting) -> Self {
        Self::try_open(setting).await.unwrap()
    }

    pub(crate) async fn try_open(setting: &Setting) -> Result<Self, tonic::Status> {
        let (send, requests) = mpsc::unbounded();
        let responses = open!(
            setting,
            requests,
            delta_aggregated_resources,
            delta_clusters,
            delta_endpoints,
            delta_listeners,
            delta_routes
        );
        Ok(Self::new(setting, send, responses))
    }

    /// Sends a request of the stream's type.
    pub(crate) fn send(&mut self, request: DeltaDiscoveryRequest) {
        let request = DeltaDiscoveryRequest {
            node: self.node(),
            type_url: self.type_url.clone(),
            ..request
        };
        self.requests.unbounded_send(request).unwrap();
    }

    pub(crate) fn want(&mut self, subscribe: &[&str], unsubscribe: &[&str]) {
        self.send(DeltaDiscoveryRequest {
            resource_names_subscribe: subscribe.iter().map(|&name| name.to_owned()).collect(),
            resource_names_unsubscribe: unsubscribe.iter().map(|&name| name.to_owned()).collect(),
            ..Default::default()
        });
    }

    pub(crate) fn refuse(&mut self, nonce: &str) {
        self.send(DeltaDiscoveryRequest {
            response_nonce: nonce.to_owned(),
            error_detail: refusal(),
            ..Default::default()
        });
    }

    /// Takes the next response, which has to have these resources and to take those away.
    pub(crate) async fn taken(&mut self, resources: &[&str], removed: &[&str]) -> DeltaDiscoveryResponse {
        let response = self.next().await;
        assert_eq!(response.type_url, self.type_url);
        assert_eq!(sender(response.control_plane.as_ref()), "sds-1");
        let names: Vec<_> = response
            .resources
            .iter()
            .map(|resource| resource.name.as_str())
            .collect();
        assert_eq!(
            (names, &*response.removed_resources),
            (resources.to_vec(), &*to_owned(removed))
        );
        for resource in &response.resources {
            assert_eq!(name_of(resource.resource.as_ref().unwrap()), resource.name);
        }
        self.send(DeltaDiscoveryRequest {
            response_nonce: response.nonce.clone(),
            ..Default::default()
        });
        response
    }

    /// Nothing is due: what is asked now is answered next, and a type that nobody knows is answered with nothing.
    pub(crate) async fn quiet(&mut self) {
        let type_url = self.probe();
        let request = DeltaDiscoveryRequest {
            type_url: type_url.clone(),
            resource_names_subscribe: vec!["a".to_owned()],
            ..Default::default()
        };
        self.requests.unbounded_send(request).unwrap();
        let response = self.next().await;
        assert_eq!((response.type_url, response.resources), (type_url, vec![]), "not quiet");
    }
}

fn sender(control_plane: Option<&ControlPlane>) -> &str {
    control_plane.map_or("", |sender| &sender.identifier)
}

fn to_owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
