//! A backend that tells what reached it: every request is answered with a description of itself, every message of gRPC and of a
//! WebSocket with itself, and bytes over TCP with themselves.
//!
//! Request headers that begin with `x-echo-` steer the answer.

mod answer;
mod command;
mod directives;
mod greetings;
mod grpc;
mod steer;
mod tcp;
mod websocket;

use std::future::Future;
use std::io;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use meshkat_kit::{App, Identity, Received, Tls};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use command::main;
pub use grpc::v1;

/// Where it listens beside its own port.
#[derive(Debug, Default)]
pub struct Ports {
    /// The same as on its own port, over TLS.
    pub tls: Option<(TcpListener, Tls)>,
    /// Bytes are sent back as they come.
    pub tcp: Option<TcpListener>,
}

/// Serves echoes on `listener` and the further ports until `shutdown` resolves, then finishes what is in flight.
///
/// # Errors
/// A listener cannot be served.
pub async fn run(
    listener: TcpListener,
    ports: Ports,
    identity: Identity,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let received = Received::default();
    let routes = routes(&identity).await.map_err(io::Error::other)?;
    let app = App::new(identity, routes).received(received.clone());
    let stop = CancellationToken::new();
    let shutdown = async {
        shutdown.await;
        stop.cancel();
    };
    let tcp = async {
        if let Some(listener) = ports.tcp {
            tcp::serve(listener, received, stop.clone()).await;
        }
    };
    let (served, ()) = tokio::join!(meshkat_kit::serve_with(listener, ports.tls, app, shutdown), tcp);
    served
}

async fn routes(identity: &Identity) -> Result<Router, tonic_reflection::server::Error> {
    let echo = answer::handler(identity);
    // The three greetings answer GET; any other method on their paths is echoed like everything else.
    let router = Router::new()
        .route("/hello", get(greetings::hello).fallback(echo.clone()))
        .route(
            "/healthy_check",
            get(greetings::healthy_check(identity)).fallback(echo.clone()),
        )
        .route("/instance", get(greetings::instance(identity)).fallback(echo.clone()))
        .fallback(echo);
    let router = grpc::routes(router, identity).await?;
    Ok(router.layer(from_fn(steer::steer)))
}
