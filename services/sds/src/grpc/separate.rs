//! Each type on a stream of its own.

use envoy_types::pb::envoy::service::cluster::v3::cluster_discovery_service_server::ClusterDiscoveryService;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest, DiscoveryResponse};
use envoy_types::pb::envoy::service::endpoint::v3::endpoint_discovery_service_server::EndpointDiscoveryService;
use envoy_types::pb::envoy::service::listener::v3::listener_discovery_service_server::ListenerDiscoveryService;
use envoy_types::pb::envoy::service::route::v3::route_discovery_service_server::RouteDiscoveryService;
use tonic::{Request, Response, Status, Streaming};

use super::shared::{Discovery, Responses};
use crate::protocol::{Delta, Scope, Sotw};
use crate::resources::Kind;

/// The four services differ in nothing but names.
macro_rules! separate {
    ($service:ident, $kind:ident, $Stream:ident, $stream:ident, $Delta:ident, $delta:ident, $fetch:ident) => {
        #[tonic::async_trait]
        impl $service for Discovery {
            type $Stream = Responses<Sotw>;
            type $Delta = Responses<Delta>;

            async fn $stream(
                &self,
                request: Request<Streaming<DiscoveryRequest>>,
            ) -> Result<Response<Responses<Sotw>>, Status> {
                self.sotw(Scope::One(Kind::$kind), request)
            }

            async fn $delta(
                &self,
                request: Request<Streaming<DeltaDiscoveryRequest>>,
            ) -> Result<Response<Responses<Delta>>, Status> {
                self.delta(Scope::One(Kind::$kind), request)
            }

            async fn $fetch(&self, request: Request<DiscoveryRequest>) -> Result<Response<DiscoveryResponse>, Status> {
                self.fetch(Scope::One(Kind::$kind), request).await
            }
        }
    };
}

separate!(
    ClusterDiscoveryService,
    Clusters,
    StreamClustersStream,
    stream_clusters,
    DeltaClustersStream,
    delta_clusters,
    fetch_clusters
);
separate!(
    EndpointDiscoveryService,
    Endpoints,
    StreamEndpointsStream,
    stream_endpoints,
    DeltaEndpointsStream,
    delta_endpoints,
    fetch_endpoints
);
separate!(
    ListenerDiscoveryService,
    Listeners,
    StreamListenersStream,
    stream_listeners,
    DeltaListenersStream,
    delta_listeners,
    fetch_listeners
);
separate!(
    RouteDiscoveryService,
    Routes,
    StreamRoutesStream,
    stream_routes,
    DeltaRoutesStream,
    delta_routes,
    fetch_routes
);
