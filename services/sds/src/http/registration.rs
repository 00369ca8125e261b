//! `/v1/registration/{service}`: what an Envoy with API version 1 (REST_LEGACY) polls.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use meshkat_kit::{Connection, Problem};

use super::{Context, edsservice, polls};
use crate::name::ServiceName;
use crate::transport::Transport;

pub(super) fn routes() -> Router<Context> {
    Router::new().route("/v1/registration/{service}", get(hosts))
}

/// The registry's own shape is that of API version 1, with every tag there. Who asks is not said.
async fn hosts(State(context): State<Context>, connection: Connection, name: ServiceName) -> Result<Response, Problem> {
    let admitted = context.faults.admit(None, &connection, Transport::Rest).await?;
    let service = edsservice::find(&context, &name)?;
    let mut hosts = Some(serde_json::to_value(&*service).map_err(polls::unwritable)?);
    if let Some(content) = admitted.content() {
        hosts = hosts.and_then(|hosts| content.of_v1(hosts));
    }
    polls::body(hosts.as_ref())
}
