//! `/edsservice`: reading and changing the registry.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{Method, StatusCode, header};
use meshkat_kit::{JsonBody, Problem};
use serde_json::{Value, json};

use super::Context;
use crate::host::Service;
use crate::name::ServiceName;
use crate::store::{Change, Outcome, StoreError};

/// The routes; those of a registry that follows Kubernetes only read.
pub(super) fn routes(follows_kubernetes: bool) -> Router<Context> {
    let service = if follows_kubernetes {
        get(show).fallback(refuse_to_write)
    } else {
        get(show).post(create).put(replace).delete(remove)
    };
    Router::new()
        .route("/edsservice", get(list))
        .route("/edsservice/{service}", service)
}

async fn refuse_to_write(method: Method, name: ServiceName) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED).detail(format!(
        "{method} cannot change {name}: the services are those of Kubernetes; change them there, or write endpoints of this \
         name to /xds/v3/endpoints/{name}"
    ))
}

async fn list(State(context): State<Context>) -> Json<Value> {
    Json(json!({"services": context.store.services()}))
}

async fn show(State(context): State<Context>, name: ServiceName) -> Result<Json<Arc<Service>>, Problem> {
    find(&context, &name).map(Json)
}

/// The service that is registered under a name.
pub(super) fn find(context: &Context, name: &ServiceName) -> Result<Arc<Service>, Problem> {
    context
        .store
        .find(name.as_str())
        .ok_or_else(|| StoreError::Unknown(name.clone()).into())
}

async fn create(
    State(context): State<Context>,
    name: ServiceName,
    JsonBody(service): JsonBody<Service>,
) -> Result<Response, Problem> {
    let body = Json(service.clone());
    apply(context, Change::Create(name.clone(), service)).await?;
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, format!("/edsservice/{name}"))],
        body,
    )
        .into_response())
}

async fn replace(
    State(context): State<Context>,
    name: ServiceName,
    JsonBody(service): JsonBody<Service>,
) -> Result<(StatusCode, Json<Service>), Problem> {
    let body = Json(service.clone());
    let status = match apply(context, Change::Put(name, service)).await? {
        Outcome::Created => StatusCode::CREATED,
        Outcome::Replaced | Outcome::Deleted => StatusCode::OK,
    };
    Ok((status, body))
}

async fn remove(State(context): State<Context>, name: ServiceName) -> Result<StatusCode, Problem> {
    apply(context, Change::Delete(name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a change on a thread that may block. It is made whole, even if the client goes away meanwhile.
async fn apply(context: Context, change: Change) -> Result<Outcome, Problem> {
    let Context { store, metrics, .. } = context;
    let applied = tokio::task::spawn_blocking(move || store.apply(change)).await;
    let applied = applied.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail(error.to_string()))?;
    match &applied {
        Ok(outcome) => metrics.change(Some(*outcome)),
        Err(StoreError::State(error)) => {
            tracing::error!("{error}");
            metrics.change(None);
        }
        Err(StoreError::Unknown(_) | StoreError::Exists(_)) => {}
    }
    Ok(applied?)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::Unknown(_) => StatusCode::NOT_FOUND,
            StoreError::Exists(_) => StatusCode::CONFLICT,
            StoreError::State(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Problem::new(status).detail(error.to_string())
    }
}
