//! A backend that tells what reached it: every request is answered with a description of itself.
//!
//! Request headers that begin with `x-echo-` steer the answer.

mod answer;
mod directives;
mod greetings;
mod steer;

use std::future::Future;
use std::io;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use meshkat_kit::{App, Identity};
use tokio::net::TcpListener;

/// Serves echoes on `listener` until `shutdown` resolves, then finishes what is in flight.
///
/// # Errors
/// The listener cannot be served.
pub async fn run(listener: TcpListener, identity: Identity, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let routes = routes(&identity);
    meshkat_kit::serve(listener, App::new(identity, routes), shutdown).await
}

fn routes(identity: &Identity) -> Router {
    let echo = answer::handler(identity);
    // The three greetings answer GET; any other method on their paths is echoed like everything else.
    Router::new()
        .route("/hello", get(greetings::hello).fallback(echo.clone()))
        .route(
            "/healthy_check",
            get(greetings::healthy_check(identity)).fallback(echo.clone()),
        )
        .route("/instance", get(greetings::instance(identity)).fallback(echo.clone()))
        .fallback(echo)
        .layer(from_fn(steer::steer))
}
