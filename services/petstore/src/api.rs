//! `GET /stores` and `GET /stores/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderName};
use meshkat_kit::{Problem, Segment};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::pets::Pets;
use crate::stores::{STORES, Store};

/// The response header that names the instance of `pet` that was asked.
const UPSTREAM_SERVED_BY: HeaderName = HeaderName::from_static("x-upstream-served-by");

/// The service's own routes.
pub(crate) fn routes(pets: Arc<Pets>) -> Router {
    meshkat_kit::router().merge(
        Router::new()
            .route("/stores", get(list))
            .route("/stores/{id}", get(one))
            .with_state(pets),
    )
}

/// A store with its pets, as `pet` told them.
#[derive(Serialize)]
struct Stocked {
    #[serde(flatten)]
    store: &'static Store,
    pets: Vec<Box<RawValue>>,
}

async fn list() -> Json<&'static [Store]> {
    Json(&STORES)
}

async fn one(State(pets): State<Arc<Pets>>, Segment(text): Segment, headers: HeaderMap) -> Result<Response, Problem> {
    let id: u32 = text
        .parse()
        .map_err(|_| Problem::bad_request(format!("the id of a store is a number, not {text:?}")))?;
    let store = STORES
        .iter()
        .find(|store| store.id == id)
        .ok_or_else(|| Problem::not_found(format!("there is no store {id}")))?;

    let answer = pets.of_store(id, &headers).await;
    let mut response = match answer.pets {
        Ok(pets) => Json(Stocked { store, pets }).into_response(),
        Err(failure) => Problem::from(failure).into_response(),
    };
    if let Some(served_by) = answer.served_by {
        response.headers_mut().insert(UPSTREAM_SERVED_BY, served_by);
    }
    Ok(response)
}
