//! The surfaces over HTTP, one file each.

mod edsservice;
mod polls;
mod redact;
mod registration;
mod resources;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use meshkat_kit::Guard;

use crate::clients::Clients;
use crate::faults::{self, Faults};
use crate::metrics::{Metrics, Surface};
use crate::resources::Kind;
use crate::store::Store;

/// What the handlers need.
#[derive(Clone)]
struct Context {
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    clients: Arc<Clients>,
    faults: Faults,
}

/// All of the service's own routes.
pub(crate) fn routes(
    store: &Arc<Store>,
    metrics: &Arc<Metrics>,
    clients: &Arc<Clients>,
    faults: &Faults,
    guard: &Guard,
) -> Router {
    let context = Context {
        store: Arc::clone(store),
        metrics: Arc::clone(metrics),
        clients: Arc::clone(clients),
        faults: faults.clone(),
    };
    let counted = |surface, routes: Router<Context>| {
        routes
            .with_state(context.clone())
            .route_layer(from_fn_with_state((surface, Arc::clone(metrics)), count))
    };
    // What changes the truth is for those who run the service; what tells it is for everybody.
    let guarded = |routes: Router<Context>| routes.route_layer(from_fn_with_state(guard.clone(), Guard::protect));
    let open = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Secrets);
    meshkat_kit::router()
        .merge(counted(
            Surface::Registry,
            guarded(edsservice::routes(store.follows_kubernetes())),
        ))
        .merge(counted(Surface::V1, registration::routes()))
        .merge(counted(Surface::V2, polls::v2()))
        .merge(counted(Surface::V3, polls::v3(open)))
        .merge(counted(
            Surface::V3,
            // A page that was made to lead here could read the keys.
            polls::v3([Kind::Secrets]).route_layer(from_fn_with_state(guard.clone(), Guard::keep_pages_out)),
        ))
        .merge(counted(Surface::Resources, guarded(resources::routes())))
        .merge(faults::routes(faults, guard))
}

async fn count(State((surface, metrics)): State<(Surface, Arc<Metrics>)>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    metrics.request(surface, response.status());
    response
}
