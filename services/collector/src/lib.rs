//! What Envoys send out: traces as Zipkin v2 and OTLP, access logs over gRPC (ALS) and as OTLP, statistics as statsd and OTLP. What came is
//! told to those who run it.

mod als;
mod bounds;
mod collected;
mod command;
mod metrics;
mod otlp;
mod raw;
mod rest;
mod statsd;
mod wire;
mod zipkin;

use std::future::Future;
use std::io;

use meshkat_kit::{App, Identity, grpc_service};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use collected::Collected;
pub use command::main;
use raw::Raw;
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
    let router = grpc_service(router, Raw(als::AccessLogs(collected.clone())));
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
