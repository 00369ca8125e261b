//! The least that a discovery service can do: push a response that was made beforehand to the one Envoy that listens.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, serve::ListenerExt as _};
use envoy_types::pb::envoy::{
    config::{
        core::v3::{Address, SocketAddress, address::Address as AddressKind, socket_address::PortSpecifier},
        endpoint::v3::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier},
    },
    service::{
        discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse},
        endpoint::v3::endpoint_discovery_service_server::{EndpointDiscoveryService, EndpointDiscoveryServiceServer},
    },
};
use envoy_types::pb::google::protobuf::Any;
use futures::{Stream, StreamExt as _, channel::mpsc};
use prost::Message as _;
use tonic::server::NamedService as _;
use tonic::{Request, Response, Status, Streaming};

use crate::Error;

const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

type Responses<R> = Pin<Box<dyn Stream<Item = Result<R, Status>> + Send>>;
type Sender = mpsc::UnboundedSender<Result<DiscoveryResponse, Status>>;

/// The server; clones share it. It ends with the runtime that it was started on.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// What a stream that begins is sent.
    current: DiscoveryResponse,
    stream: Option<Sender>,
}

impl Bound {
    /// Starts it, with what it says at first.
    pub(super) async fn start(first: DiscoveryResponse) -> Result<Self, Error> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let bound = Self {
            address: listener.local_addr()?,
            state: Arc::new(Mutex::new(State {
                current: first,
                stream: None,
            })),
        };
        let path = format!("/{}/{{method}}", EndpointDiscoveryServiceServer::<Self>::NAME);
        let router = Router::new().route_service(&path, EndpointDiscoveryServiceServer::new(bound.clone()));
        let listener = listener.tap_io(|stream| {
            // Without it, it is only slower.
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(bound)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a response.
    pub(super) fn push(&self, response: DiscoveryResponse) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = &state.stream {
            // An Envoy that has gone comes back and is sent it then.
            let _ = stream.unbounded_send(Ok(response.clone()));
        }
        state.current = response;
    }
}

/// A service with one endpoint, in a response with this version.
pub(super) fn response(service: &str, endpoint: SocketAddr, version: u32) -> DiscoveryResponse {
    let address = SocketAddress {
        address: endpoint.ip().to_string(),
        port_specifier: Some(PortSpecifier::PortValue(endpoint.port().into())),
        ..Default::default()
    };
    let endpoint = LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(Address {
                address: Some(AddressKind::SocketAddress(address)),
            }),
            ..Default::default()
        })),
        ..Default::default()
    };
    let assignment = ClusterLoadAssignment {
        cluster_name: service.to_owned(),
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints: vec![endpoint],
            ..Default::default()
        }],
        ..Default::default()
    };
    DiscoveryResponse {
        version_info: version.to_string(),
        resources: vec![Any {
            type_url: ENDPOINTS.to_owned(),
            value: assignment.encode_to_vec(),
        }],
        type_url: ENDPOINTS.to_owned(),
        nonce: version.to_string(),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl EndpointDiscoveryService for Bound {
    type StreamEndpointsStream = Responses<DiscoveryResponse>;
    type DeltaEndpointsStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_endpoints(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Responses<DiscoveryResponse>>, Status> {
        let (stream, responses) = mpsc::unbounded();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // The end that was just made takes it.
        let _ = stream.unbounded_send(Ok(state.current.clone()));
        state.stream = Some(stream);
        // ACKs are read and mean nothing.
        let mut requests = request.into_inner();
        tokio::spawn(async move { while let Some(Ok(_)) = requests.next().await {} });
        Ok(Response::new(Box::pin(responses)))
    }

    async fn delta_endpoints(
        &self,
        _: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Responses<DeltaDiscoveryResponse>>, Status> {
        Err(Status::unimplemented("State of the World alone"))
    }

    async fn fetch_endpoints(&self, _: Request<DiscoveryRequest>) -> Result<Response<DiscoveryResponse>, Status> {
        Err(Status::unimplemented("streams alone"))
    }
}
