//! `GET /pets` and `GET /pets/{id}`.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::routing::get;
use axum::{Json, Router};
use meshkat_kit::{Problem, Segment};
use serde::Deserialize;

use crate::pets::{PETS, Pet, STORES};

/// The service's own routes.
pub(crate) fn routes() -> Router {
    meshkat_kit::router()
        .route("/pets", get(list))
        .route("/pets/{id}", get(one))
}

#[derive(Deserialize)]
struct Filter {
    store: Option<String>,
}

/// The pets of one store, or all of them without `store`.
async fn list(filter: Result<Query<Filter>, QueryRejection>) -> Result<Json<Vec<&'static Pet>>, Problem> {
    let Query(filter) = filter.map_err(|error| Problem::bad_request(error.body_text()))?;
    let Some(store) = filter.store else {
        return Ok(Json(PETS.iter().collect()));
    };
    let store = id("store", &store)?;
    if !STORES.contains(&store) {
        return Err(Problem::not_found(format!("there is no store {store}")));
    }
    Ok(Json(PETS.iter().filter(|pet| pet.store == store).collect()))
}

async fn one(Segment(text): Segment) -> Result<Json<&'static Pet>, Problem> {
    let id = id("pet", &text)?;
    PETS.iter()
        .find(|pet| pet.id == id)
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("there is no pet {id}")))
}

fn id(what: &str, text: &str) -> Result<u32, Problem> {
    text.parse()
        .map_err(|_| Problem::bad_request(format!("the id of a {what} is a number, not {text:?}")))
}
