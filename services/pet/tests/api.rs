//! The API over a real socket, and the binary.

use std::process::Command;

use meshkat_kit::Identity;
use meshkat_kit::testing::{Binary, Running};
use reqwest::Client;
use serde_json::{Value, json};

async fn pet() -> Running {
    let identity = Identity::new("pet", "pet-1").unwrap();
    Running::start(|listener, shutdown| pet::run(listener, identity, shutdown)).await
}

async fn get(pet: &Running, path: &str) -> (u16, Value) {
    let client = Client::builder().no_proxy().build().unwrap();
    let response = client.get(pet.url(path)).send().await.unwrap();
    assert_eq!(response.headers()["x-served-by"], "pet-1");
    assert_eq!(response.headers()["x-peer-address"], "127.0.0.1");
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn every_pet_is_in_exactly_one_store() {
    let pet = pet().await;
    let mut found = Vec::new();
    for store in pet::STORES {
        let (status, pets) = get(&pet, &format!("/pets?store={store}")).await;
        let pets = pets.as_array().unwrap().clone();
        assert_eq!(status, 200);
        assert!(
            !pets.is_empty() && pets.iter().all(|pet| pet["store"] == store),
            "{pets:?}"
        );
        found.extend(pets);
    }
    found.sort_by_key(|pet| pet["id"].as_u64());
    assert_eq!(json!(found), json!(pet::PETS));
    assert_eq!(get(&pet, "/pets").await, (200, json!(pet::PETS)));
}

#[tokio::test]
async fn one_pet_by_its_id() {
    let pet = pet().await;
    assert_eq!(
        get(&pet, "/pets/2").await,
        (200, json!({"id": 2, "name": "Rakhsh", "species": "pony", "store": 1}))
    );
}

#[tokio::test]
async fn what_is_not_there_or_no_id_is_a_problem() {
    let pet = pet().await;
    for (path, status, detail) in [
        ("/pets/99", 404, "there is no pet 99"),
        ("/pets/rex", 400, "the id of a pet is a number, not \"rex\""),
        ("/pets?store=99", 404, "there is no store 99"),
        ("/pets?store=-1", 400, "the id of a store is a number, not \"-1\""),
        ("/stores/1", 404, "there is nothing at /stores/1"),
    ] {
        let (found, problem) = get(&pet, path).await;
        assert_eq!((found, &problem["detail"]), (status, &json!(detail)), "{path}");
    }
    for path in ["/pets?store=1&store=2", "/pets/%ff"] {
        assert_eq!(get(&pet, path).await.0, 400, "{path}");
    }
}

#[tokio::test]
async fn the_binary_serves_and_stops_on_sigterm() {
    let binary = Binary::start(env!("CARGO_BIN_EXE_pet"), &["--instance", "pet-7"]);
    let client = Client::builder().no_proxy().build().unwrap();
    let response = client.get(binary.url("/pets/1")).send().await.unwrap();
    assert_eq!(response.headers()["x-served-by"], "pet-7");
    binary.terminate();
    let (status, took) = binary.wait().await;
    assert_eq!(status.code(), Some(0));
    assert!(took.as_millis() < 1000, "{took:?}");
}

#[test]
fn a_wrong_flag_is_code_2_and_an_address_in_use_one_line_and_code_3() {
    let binary = env!("CARGO_BIN_EXE_pet");
    assert_eq!(
        Command::new(binary).arg("--port").output().unwrap().status.code(),
        Some(2)
    );

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(binary).args(["--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with(&format!("pet: cannot listen on {address}: Address already in use")),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn flags_can_be_environment_variables() {
    let output = Command::new(env!("CARGO_BIN_EXE_pet"))
        .env("LISTEN", "nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--listen"));
}
