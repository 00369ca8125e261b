//! Which path is which call.

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use envoy_types::pb::envoy::service::cluster::v3::cluster_discovery_service_server as clusters;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server as aggregated;
use envoy_types::pb::envoy::service::endpoint::v3::endpoint_discovery_service_server as endpoints;
use envoy_types::pb::envoy::service::listener::v3::listener_discovery_service_server as listeners;
use envoy_types::pb::envoy::service::route::v3::route_discovery_service_server as routes;
use envoy_types::pb::envoy::service::secret::v3::secret_discovery_service_server as secrets;
use http::Request;
use tonic::Status;

use super::requests::Call;
use super::responses;
use super::shared::Discovery;
use crate::protocol::Scope;
use crate::resources::Kind;

/// The service of a scope, and what its methods have in their names.
fn names(scope: Scope) -> (&'static str, &'static str) {
    match scope {
        Scope::Aggregated => (aggregated::SERVICE_NAME, "AggregatedResources"),
        Scope::One(Kind::Clusters) => (clusters::SERVICE_NAME, "Clusters"),
        Scope::One(Kind::Endpoints) => (endpoints::SERVICE_NAME, "Endpoints"),
        Scope::One(Kind::Secrets) => (secrets::SERVICE_NAME, "Secrets"),
        Scope::One(Kind::Listeners) => (listeners::SERVICE_NAME, "Listeners"),
        Scope::One(Kind::Routes) => (routes::SERVICE_NAME, "Routes"),
    }
}

/// The routes of all gRPC services.
pub(crate) fn routes(discovery: &Discovery) -> Router {
    let scopes = Kind::ALL.map(Scope::One).into_iter().chain([Scope::Aggregated]);
    scopes.fold(Router::new(), |router, scope| add(router, scope, discovery))
}

fn add(router: Router, scope: Scope, discovery: &Discovery) -> Router {
    let (service, what) = names(scope);
    let path = |method: &str| format!("/{service}/{method}");
    let (sotw, delta) = (discovery.clone(), discovery.clone());
    let router = router
        .route(
            &path(&format!("Stream{what}")),
            post(async move |request: Request<Body>| {
                answer(Call::of(request).map(|call| responses::answer(sotw.sotw(scope, call))))
            }),
        )
        .route(
            &path(&format!("Delta{what}")),
            post(async move |request: Request<Body>| {
                answer(Call::of(request).map(|call| responses::answer(delta.delta(scope, call))))
            }),
        )
        // Whatever else may be called is answered in gRPC's own words.
        .route(
            &path("{method}"),
            post(async || answer(Err(Status::unimplemented("there is no such method")))),
        );
    match scope {
        Scope::Aggregated => router,
        Scope::One(_) => {
            let discovery = discovery.clone();
            router.route(
                &path(&format!("Fetch{what}")),
                post(async move |request: Request<Body>| answer(fetch(&discovery, scope, request).await)),
            )
        }
    }
}

/// One question and one answer.
async fn fetch(discovery: &Discovery, scope: Scope, request: Request<Body>) -> Result<Response, Status> {
    let response = discovery.fetch(scope, Call::of(request)?).await?;
    Ok(responses::answer(Box::pin(futures::stream::iter([Ok(response)]))))
}

fn answer(called: Result<Response, Status>) -> Response {
    called.unwrap_or_else(|status| status.into_http::<Body>().into_response())
}
