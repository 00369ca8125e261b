//! A service put together: its own routes, and around them what every service has.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::{Router, routing::get};
use http::header;

use crate::faults::{self, Faults};
use crate::grpc::refuse_http1;
use crate::identity::{self, Identity};
use crate::patience::Patience;
use crate::probes::{self, Readiness};
use crate::problem::{unknown_method, unknown_path};
use crate::received::{self, Received};

/// What Prometheus and OpenMetrics call their text format.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The longest head of a request, in bytes: what Envoy itself takes by default.
const LONGEST_HEAD: u32 = 60 << 10;

type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// A service: who it is, its routes, and what the kit adds to them.
#[derive(Clone)]
pub struct App {
    identity: Identity,
    routes: Router,
    readiness: Readiness,
    metrics: Option<Metrics>,
    faults: bool,
    received: Option<Received>,
    pub(crate) apart: bool,
    pub(crate) longest_head: u32,
    pub(crate) patience: Patience,
}

/// A router whose answer to an unknown path is a problem. What a service without a fallback of its own starts from.
pub fn router() -> Router {
    Router::new().fallback(unknown_path)
}

impl App {
    /// A service with these routes, ready from the start, without metrics.
    pub fn new(identity: Identity, routes: Router) -> Self {
        Self {
            identity,
            routes,
            readiness: Readiness::ready(),
            metrics: None,
            faults: true,
            received: None,
            apart: false,
            longest_head: LONGEST_HEAD,
            patience: Patience::default(),
        }
    }

    /// What `/readyz` tells.
    #[must_use]
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// Serves `/metrics` with this text, in the OpenMetrics format.
    #[must_use]
    pub fn metrics(mut self, text: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Some(Arc::new(text));
        self
    }

    /// Whether it can be made to fail on purpose; without it, there is no `/faults`.
    #[must_use]
    pub fn faults(mut self, allowed: bool) -> Self {
        self.faults = allowed;
        self
    }

    /// Notes there what reaches its own routes, and serves it as `/received`.
    #[must_use]
    pub fn received(mut self, received: Received) -> Self {
        self.received = Some(received);
        self
    }

    /// Works for those who have shown that they mean well ([`Connection::prove`][crate::Connection::prove]) on threads that
    /// they do not share with everybody else.
    #[must_use]
    pub fn strangers_apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// The longest head of a request, in bytes: 60 KiB unless this says less. A connection may keep as much as that of what it was
    /// sent.
    #[must_use]
    pub fn longest_head(mut self, bytes: u32) -> Self {
        self.longest_head = bytes;
        self
    }

    /// How long a client may take.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// The whole of it: the kit's endpoints first, everything else to the service by way of the faults.
    pub(crate) fn into_router(self, listen: SocketAddr) -> Router {
        let faults = Faults::default();
        let mut service = self
            .routes
            .method_not_allowed_fallback(unknown_method)
            .layer(from_fn_with_state(faults.clone(), faults::inject))
            .layer(from_fn(refuse_http1));
        if let Some(received) = &self.received {
            service = service.layer(from_fn_with_state(received.clone(), received::note));
        }

        let mut own = probes::routes(self.identity.clone(), self.readiness, listen);
        if let Some(text) = self.metrics {
            own = own.route(
                "/metrics",
                get(move || async move { ([(header::CONTENT_TYPE, METRICS_TYPE)], text()) }),
            );
        }
        let mut own = own.method_not_allowed_fallback(unknown_method);
        if self.faults {
            own = own.merge(faults::routes(faults, self.identity.guard()));
        }
        if let Some(received) = self.received {
            own = own.merge(received::routes(received, self.identity.guard()));
        }
        own.fallback_service(service)
            .layer(from_fn(log))
            .layer(from_fn_with_state(self.identity, identity::stamp))
    }
}

async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}
