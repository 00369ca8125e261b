//! Stores over real sockets, with a scripted Envoy in front of no `pet` at all.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use http::{HeaderMap, StatusCode};
use meshkat_kit::Identity;
use meshkat_kit::testing::{Binary, DEADLINE, Running};
use petstore::Egress;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A request as the Envoy saw it.
#[derive(Debug, Clone)]
struct Seen {
    peer: SocketAddr,
    target: String,
    headers: HeaderMap,
}

type Script = (StatusCode, &'static str);

/// Listens as an Envoy would and answers everything with one response, by `pet-2`.
async fn envoy(script: Script) -> (SocketAddr, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let app = Router::new().fallback(move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        let target = request.uri().to_string();
        log.lock().unwrap().push(Seen {
            peer,
            target,
            headers: request.headers().clone(),
        });
        async move { (script.0, [("x-served-by", "pet-2")], script.1) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).into_future());
    (address, seen)
}

async fn petstore(ip: &str, egress: SocketAddr) -> Running {
    let egress: Egress = format!("http://{egress}").parse().unwrap();
    let identity = Identity::new("petstore", "petstore-1").unwrap();
    Running::start_on(ip, |listener, shutdown| {
        petstore::run(listener, identity, egress, shutdown)
    })
    .await
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

const PETS: Script = (
    StatusCode::OK,
    r#"[{"id":4,"name":"Mahi","species":"goldfish","store":2}]"#,
);

#[tokio::test]
async fn a_store_comes_with_its_pets_and_who_told_of_them() {
    let (envoy, seen) = envoy(PETS).await;
    let petstore = petstore("127.0.0.1", envoy).await;
    let response = client().get(petstore.url("/stores/2")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-served-by"], "petstore-1");
    assert_eq!(response.headers()["x-upstream-served-by"], "pet-2");
    let store: Value = response.json().await.unwrap();
    assert_eq!(
        store,
        json!({"id": 2, "name": "Harbour", "address": "2 Lantern Quay",
               "pets": [{"id": 4, "name": "Mahi", "species": "goldfish", "store": 2}]})
    );
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].target.as_str(), &seen[0].headers["host"]),
        ("/pets?store=2", &"pet".parse().unwrap())
    );
}

#[tokio::test]
async fn trace_headers_go_on_and_others_do_not() {
    let (envoy, seen) = envoy(PETS).await;
    let petstore = petstore("127.0.0.1", envoy).await;
    let traced = ["x-request-id", "traceparent", "tracestate", "b3", "x-b3-traceid"];
    let mut request = client().get(petstore.url("/stores/2")).header("x-secret", "1");
    for name in traced {
        request = request.header(name, format!("the {name}"));
    }
    request.send().await.unwrap();
    let seen = seen.lock().unwrap();
    for name in traced {
        assert_eq!(seen[0].headers[name], format!("the {name}"));
    }
    assert!(!seen[0].headers.contains_key("x-secret"));
}

#[tokio::test]
async fn the_stores_need_no_pets() {
    let (envoy, seen) = envoy((StatusCode::SERVICE_UNAVAILABLE, "")).await;
    let petstore = petstore("127.0.0.1", envoy).await;
    let stores: Value = client()
        .get(petstore.url("/stores"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let ids: Vec<_> = stores
        .as_array()
        .unwrap()
        .iter()
        .map(|store| store["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3]);
    for (path, status) in [("/stores/9", 404), ("/stores/bazaar", 400), ("/nothing", 404)] {
        let response = client().get(petstore.url(path)).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_envoy_answered_is_told() {
    for (status, body) in [
        (StatusCode::SERVICE_UNAVAILABLE, "no healthy upstream"),
        (StatusCode::GATEWAY_TIMEOUT, "upstream request timeout"),
        (StatusCode::NOT_FOUND, ""),
        (StatusCode::FOUND, "elsewhere"),
    ] {
        let (envoy, _) = envoy((status, body)).await;
        let petstore = petstore("127.0.0.1", envoy).await;
        let response = client().get(petstore.url("/stores/1")).send().await.unwrap();
        assert_eq!(response.status(), 503, "{status}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["x-upstream-served-by"], "pet-2");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["upstream_status"], status.as_u16());
        assert_eq!(problem["upstream_body"], body);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("http://{envoy} answered {status}: {body}")),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn an_envoy_that_is_not_there_is_a_503_too() {
    // Bound and dropped: nobody listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let petstore = petstore("127.0.0.1", gone).await;
    let response = client().get(petstore.url("/stores/1")).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("x-upstream-served-by"));
    let problem: Value = response.json().await.unwrap();
    assert_eq!(
        (&problem["upstream_status"], &problem["upstream_body"]),
        (&Value::Null, &Value::Null)
    );
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("http://{gone} did not answer")) && detail.contains("refused"),
        "{detail}"
    );
}

#[tokio::test]
async fn an_envoy_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let petstore = petstore("127.0.0.1", silent.local_addr().unwrap()).await;
    let begun = Instant::now();
    let request = client().get(petstore.url("/stores/1")).send();
    let response = tokio::time::timeout(DEADLINE, request).await.unwrap().unwrap();
    assert!(
        begun.elapsed() >= petstore::TOTAL_TIMEOUT - Duration::from_millis(50),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(response.status(), 503);
    let problem: Value = response.json().await.unwrap();
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("no whole answer within 5 s"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_200_without_pets_is_a_502() {
    let (envoy, _) = envoy((StatusCode::OK, "<html>")).await;
    let petstore = petstore("127.0.0.1", envoy).await;
    assert_eq!(
        client().get(petstore.url("/stores/1")).send().await.unwrap().status(),
        502
    );
}

/// Listens as an Envoy would, and answers one request with what goes on for ever.
async fn endless(head: &'static str, piece: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // Until it is closed.
        while stream.write_all(piece).await.is_ok() {}
    });
    address
}

#[tokio::test]
async fn of_an_answer_without_end_only_so_much_is_read() {
    let piece: &'static str = format!("1000\r\n{}\r\n", "[".repeat(0x1000)).leak();
    for (status, told) in [
        ("200 OK", "longer than 1048576 bytes"),
        ("500 Oh", "500 Internal Server Error: [[[["),
    ] {
        let head = format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
        let envoy = endless(head.leak(), piece.as_bytes()).await;
        let petstore = petstore("127.0.0.1", envoy).await;
        let response = client().get(petstore.url("/stores/1")).send().await.unwrap();
        assert_eq!(response.status(), 503);
        let problem: Value = response.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{detail}");
    }
}

#[tokio::test]
async fn a_store_has_only_so_many_pets() {
    for (pets, status) in [(petstore::MOST_PETS, 200), (petstore::MOST_PETS + 1, 503)] {
        let list = format!("[{}]", vec!["1"; pets].join(","));
        let (envoy, _) = envoy((StatusCode::OK, &*list.leak())).await;
        let petstore = petstore("127.0.0.1", envoy).await;
        let response = client().get(petstore.url("/stores/1")).send().await.unwrap();
        assert_eq!(response.status(), status, "{pets}");
    }
}

#[tokio::test]
async fn a_pods_envoy_is_called_from_the_pods_own_address() {
    let (envoy, seen) = envoy(PETS).await;
    let pod = petstore("127.0.71.3", envoy).await;
    assert_eq!(client().get(pod.url("/stores/2")).send().await.unwrap().status(), 200);
    assert_eq!(seen.lock().unwrap()[0].peer.ip().to_string(), "127.0.71.3");
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let (envoy, seen) = envoy(PETS).await;
    let petstore = petstore("127.0.0.1", envoy).await;
    for _ in 0..5 {
        assert_eq!(
            client().get(petstore.url("/stores/2")).send().await.unwrap().status(),
            200
        );
    }
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|request| request.peer == seen[0].peer), "{seen:?}");
}

#[tokio::test]
async fn the_binary_takes_its_egress_from_a_flag() {
    let (envoy, _) = envoy(PETS).await;
    let binary = Binary::start(
        env!("CARGO_BIN_EXE_petstore"),
        &["--egress", &format!("http://{envoy}")],
    );
    let response = client().get(binary.url("/stores/2")).send().await.unwrap();
    assert_eq!(response.headers()["x-upstream-served-by"], "pet-2");
    binary.terminate();
    let (status, took) = binary.wait().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "{took:?}");

    let wrong = std::process::Command::new(env!("CARGO_BIN_EXE_petstore"))
        .env("EGRESS", "localhost:9900")
        .output();
    assert_eq!(wrong.unwrap().status.code(), Some(2));
}
