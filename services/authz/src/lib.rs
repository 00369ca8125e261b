//! An authorization service that Envoys ask: `envoy.service.auth.v3` over gRPC, and the same over HTTP.
//!
//! What it answers is told by rules, which can be replaced by those who run it; until then it does what is usual for examples of
//! ext_authz: requests with the header `x-ext-authz: allow` are allowed, and all others are not.

mod checks;
mod command;
mod grpc;
mod http;
mod rules;

use std::future::Future;
use std::io;

use axum::Router;
use axum::routing::get;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use meshkat_kit::{App, GRPC_MESSAGE_LIMIT, Guard, Identity, grpc_service};
use tokio::net::TcpListener;

use checks::Checks;

pub use command::main;

/// Answers Envoys on `listener` until `shutdown` resolves, then finishes what is in flight.
///
/// # Errors
/// The listener cannot be served.
pub async fn run(listener: TcpListener, identity: Identity, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let routes = routes(&Checks::default(), identity.guard());
    meshkat_kit::serve(listener, App::new(identity, routes), shutdown).await
}

fn routes(checks: &Checks, guard: &Guard) -> Router {
    let private = Router::new()
        .route(
            "/rules",
            get(checks::rules)
                .put(checks::replace_rules)
                .delete(checks::forget_rules),
        )
        .route("/checks", get(checks::show).delete(checks::forget))
        .with_state(checks.clone());
    let router = meshkat_kit::router()
        .merge(guard.private(private))
        .merge(http::routes(checks));
    let authorization = AuthorizationServer::new(grpc::Authorizer(checks.clone()));
    grpc_service(router, authorization.max_decoding_message_size(GRPC_MESSAGE_LIMIT))
}
