//! What Envoys send out: traces as Zipkin v2 and OTLP, access logs over gRPC (ALS) and as OTLP, statistics as statsd and OTLP. What came is
//! told to those who run it.

mod als;
mod collected;
mod command;
mod metrics;
mod otlp;
mod rest;
mod statsd;
mod zipkin;

use std::future::Future;
use std::io;

use envoy_types::pb::envoy::service::accesslog::v3::access_log_service_server::AccessLogServiceServer;
use meshkat_kit::{App, GRPC_MESSAGE_LIMIT, Identity, grpc_service};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use collected::Collected;
pub use command::main;
pub use statsd::Statsd;

/// Collects on `listener`, and statistics on `statsd`, until `shutdown` resolves; then finishes what is in flight.
///
/// # Errors
/// A listener cannot be served.
pub async fn run(
    listener: TcpListener,
    statsd: Option<Statsd>,
    identity: Identity,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let collected = Collected::default();
    let router = meshkat_kit::router()
        .merge(identity.guard().private(rest::routes(&collected)))
        .merge(zipkin::routes(&collected));
    let logs = AccessLogServiceServer::new(als::AccessLogs(collected.clone()));
    let router = grpc_service(router, logs.max_decoding_message_size(GRPC_MESSAGE_LIMIT));
    let routes = otlp::routes(router, &collected);
    let stop = CancellationToken::new();
    let shutdown = async {
        shutdown.await;
        stop.cancel();
    };
    let statsd = async {
        if let Some(statsd) = statsd {
            statsd.collect(&collected, &stop).await;
        }
    };
    let (served, ()) = tokio::join!(
        meshkat_kit::serve(listener, App::new(identity, routes), shutdown),
        statsd
    );
    served
}
