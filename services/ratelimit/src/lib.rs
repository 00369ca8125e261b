//! A rate limit service that Envoys ask: `envoy.service.ratelimit.v3`.
//!
//! Which limits there are is told by rules, in the shape of those of Envoy's own reference service; without any, nothing is limited.

mod command;
mod counters;
mod descriptor;
mod grpc;
mod limits;
mod rest;
mod rules;

use std::future::Future;
use std::io;

use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_service_server::RateLimitServiceServer;
use meshkat_kit::{App, Identity, grpc_service};
use tokio::net::TcpListener;

use limits::Limits;

pub use command::main;
/// The longest question, in bytes: more than twice what all the descriptors of one may have.
const MESSAGE_LIMIT: usize = 256 << 10;

/// Answers Envoys on `listener` until `shutdown` resolves, then finishes what is in flight.
///
/// # Errors
/// The listener cannot be served.
pub async fn run(listener: TcpListener, identity: Identity, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let limits = Limits::default();
    let router = meshkat_kit::router().merge(identity.guard().private(rest::routes(&limits)));
    let service = RateLimitServiceServer::new(grpc::Service(limits));
    let routes = grpc_service(router, service.max_decoding_message_size(MESSAGE_LIMIT));
    meshkat_kit::serve(listener, App::new(identity, routes), shutdown).await
}
