//! `/xds/v3/…`: writing resources of any type, and who is told of them.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::request::Parts;
use meshkat_kit::{Problem, read_body};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use super::redact::redact;
use crate::resources::{InvalidResource, Kind, Resource};
use crate::store::{Layer, Outcome, StateError};

/// The longest resource, in bytes: far more than ten thousand endpoints.
const LONGEST: usize = 16 << 20;

/// The longest name of a resource or of a `node.cluster`, in bytes.
const LONGEST_NAME: usize = 1024;

pub(super) fn routes() -> Router<Context> {
    Router::new()
        .route("/xds/v3/clients", get(clients))
        .route("/xds/v3/{type}/{*name}", get(show).put(replace).delete(remove))
}

/// Where a resource is: its type, its name, and the nodes that it is for.
#[derive(Debug)]
struct Place {
    kind: Kind,
    name: String,
    node_cluster: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct For {
    node_cluster: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((kind, name)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::new(rejection.status()).detail(rejection.body_text()))?;
        let kind = Kind::ALL
            .into_iter()
            .find(|known| known.plural() == kind)
            .ok_or_else(|| {
                Problem::not_found(format!(
                    "there are clusters, endpoints, secrets, listeners and routes, and no {kind}"
                ))
            })?;
        let Query(For { node_cluster }) = Query::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
        if name == "*" {
            return Err(Problem::bad_request(
                "`*` stands for all resources, and is the name of none",
            ));
        }
        if name.len() > LONGEST_NAME {
            return Err(Problem::bad_request(format!("a name has at most {LONGEST_NAME} bytes")));
        }
        if node_cluster
            .as_ref()
            .is_some_and(|cluster| cluster.is_empty() || cluster.len() > LONGEST_NAME)
        {
            return Err(Problem::bad_request(format!("node_cluster: 1 to {LONGEST_NAME} bytes")));
        }
        Ok(Self {
            kind,
            name,
            node_cluster,
        })
    }
}

impl Place {
    fn layer(&self) -> Layer<'_> {
        Layer::written(self.node_cluster.as_deref())
    }

    fn unknown(&self) -> Problem {
        let Self { kind, name, .. } = self;
        let nodes = self.node_cluster.as_ref().map_or("all nodes".to_owned(), |cluster| {
            format!("the nodes of cluster {cluster:?}")
        });
        Problem::not_found(format!(
            "among the {}, nothing was written as {name:?} for {nodes}",
            kind.plural()
        ))
    }
}

async fn show(State(context): State<Context>, place: Place) -> Result<Response, Problem> {
    let world = context.store.world();
    let found = world
        .find(place.kind, place.layer(), &place.name)
        .ok_or_else(|| place.unknown())?;
    body(StatusCode::OK, found)
}

async fn replace(State(context): State<Context>, place: Place, request: Request) -> Result<Response, Problem> {
    let bytes = read_body(request.into_body(), LONGEST).await?;
    // Reading a large resource takes a while, and must not keep others waiting.
    let placed = tokio::task::spawn_blocking(move || {
        let resource = Arc::new(Resource::from_json(place.kind, &place.name, &bytes)?);
        let placed = context
            .store
            .put(place.kind, place.layer(), &place.name, Arc::clone(&resource));
        let status = match placed.map_err(unkept)? {
            Outcome::Created => StatusCode::CREATED,
            Outcome::Replaced | Outcome::Deleted => StatusCode::OK,
        };
        body(status, &resource)
    });
    placed.await.map_err(broken)?
}

fn broken(error: tokio::task::JoinError) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail(error.to_string())
}

fn unkept(error: StateError) -> Problem {
    tracing::error!("{error}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail(error.to_string())
}

async fn remove(State(context): State<Context>, place: Place) -> Result<StatusCode, Problem> {
    let removed = tokio::task::spawn_blocking(move || {
        let removed = context.store.remove(place.kind, place.layer(), &place.name);
        if removed.map_err(unkept)? {
            Ok(StatusCode::NO_CONTENT)
        } else {
            Err(place.unknown())
        }
    });
    removed.await.map_err(broken)?
}

async fn clients(State(context): State<Context>) -> Json<Value> {
    let world = context.store.world();
    Json(json!({"clients": context.clients.report(&world)}))
}

/// The resource as it is written: its type is in the path.
fn body(status: StatusCode, resource: &Resource) -> Result<Response, Problem> {
    let unwritable =
        |error: serde_json::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail(error.to_string());
    let json = resource.json().map_err(unwritable)?;
    let mut fields: Map<String, Value> = serde_json::from_str(json.get()).map_err(unwritable)?;
    fields.shift_remove("@type");
    redact(&mut fields);
    Ok((status, Json(fields)).into_response())
}

impl From<InvalidResource> for Problem {
    fn from(error: InvalidResource) -> Self {
        let detail = error.to_string();
        match error {
            InvalidResource::Json(error) => error.into(),
            InvalidResource::Field { field, .. } => Problem::bad_request(detail).with("field", field),
            InvalidResource::Descriptors(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail(detail),
        }
    }
}
