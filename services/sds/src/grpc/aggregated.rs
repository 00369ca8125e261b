//! All types on one stream.

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryService;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use tonic::{Request, Response, Status, Streaming};

use super::shared::{Discovery, Responses};
use crate::protocol::{Delta, Scope, Sotw};

#[tonic::async_trait]
impl AggregatedDiscoveryService for Discovery {
    type StreamAggregatedResourcesStream = Responses<Sotw>;
    type DeltaAggregatedResourcesStream = Responses<Delta>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Responses<Sotw>>, Status> {
        self.sotw(Scope::Aggregated, request)
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Responses<Delta>>, Status> {
        self.delta(Scope::Aggregated, request)
    }
}
