//! The surfaces over gRPC: each type on its own, and all of them aggregated; State of the World and delta.

mod aggregated;
mod separate;
mod shared;
mod stream;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use envoy_types::pb::envoy::service::cluster::v3::cluster_discovery_service_server::ClusterDiscoveryServiceServer;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryServiceServer;
use envoy_types::pb::envoy::service::endpoint::v3::endpoint_discovery_service_server::EndpointDiscoveryServiceServer;
use envoy_types::pb::envoy::service::listener::v3::listener_discovery_service_server::ListenerDiscoveryServiceServer;
use envoy_types::pb::envoy::service::route::v3::route_discovery_service_server::RouteDiscoveryServiceServer;
use http::Request;
use std::convert::Infallible;
use tonic::server::NamedService;
use tower::Service;

pub(crate) use shared::Discovery;

/// The longest message that a client may send, in bytes. An Envoy that comes back tells the version of every resource
/// that it has.
const LONGEST_REQUEST: usize = 16 << 20;

/// The routes of all gRPC services.
pub(crate) fn routes(discovery: &Discovery) -> Router {
    macro_rules! server {
        ($server:ident) => {
            $server::new(discovery.clone()).max_decoding_message_size(LONGEST_REQUEST)
        };
    }
    let router = add(Router::new(), server!(AggregatedDiscoveryServiceServer));
    let router = add(router, server!(ClusterDiscoveryServiceServer));
    let router = add(router, server!(EndpointDiscoveryServiceServer));
    let router = add(router, server!(ListenerDiscoveryServiceServer));
    add(router, server!(RouteDiscoveryServiceServer))
}

fn add<S>(router: Router, service: S) -> Router
where
    S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
{
    router.route_service(&format!("/{}/{{method}}", S::NAME), service)
}
