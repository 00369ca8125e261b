//! A small service over real sockets: what the kit gives to all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use meshkat_kit::testing::{DEADLINE, Running, exchange, refused};
use meshkat_kit::{App, Connection, Identity, JsonBody, Readiness, router, serve};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

/// `/slow` answers when it is released, `/stuck` never, `/cut` cuts; the first two report that they were begun.
fn routes(begun: &mpsc::UnboundedSender<()>, release: Arc<Notify>) -> Router {
    let (slow, stuck) = (begun.clone(), begun.clone());
    router()
        .route(
            "/hello",
            get(|| async { "hello" }).post(|JsonBody(value): JsonBody<Value>| async move { value.to_string() }),
        )
        .route(
            "/slow",
            get(move || async move {
                let _ = slow.send(());
                release.notified().await;
                "done"
            }),
        )
        .route(
            "/stuck",
            get(move || async move {
                let _ = stuck.send(());
                std::future::pending::<()>().await;
            }),
        )
        .route("/cut", get(cut))
}

async fn cut(connection: Connection) -> StatusCode {
    match connection.cut().await {}
}

struct Small {
    running: Running,
    begun: mpsc::UnboundedReceiver<()>,
    release: Arc<Notify>,
    readiness: Readiness,
}

async fn small() -> Small {
    let (send, begun) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let readiness = Readiness::pending();
    let identity = Identity::new("small", "small-1").unwrap();
    let app = App::new(identity, routes(&send, Arc::clone(&release)))
        .readiness(readiness.clone())
        .metrics(|| "# EOF\n".to_owned());
    let running = Running::start(|listener, shutdown| serve(listener, app, shutdown)).await;
    Small {
        running,
        begun,
        release,
        readiness,
    }
}

fn h2() -> Client {
    Client::builder().no_proxy().http2_prior_knowledge().build().unwrap()
}

fn h1() -> Client {
    Client::builder().no_proxy().http1_only().build().unwrap()
}

async fn put_fault(small: &Small, fault: Value) -> (StatusCode, Value) {
    let response = h1()
        .put(small.running.url("/faults"))
        .json(&fault)
        .send()
        .await
        .unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn every_response_says_who_answered_and_who_asked() {
    let small = small().await;
    for (path, method, status) in [
        ("/hello", "GET", 200),
        ("/nothing", "GET", 404),
        ("/hello", "DELETE", 405),
        ("/healthz", "GET", 200),
        ("/healthz", "POST", 405),
        ("/readyz", "GET", 503),
        ("/metrics", "GET", 200),
        ("/faults", "PATCH", 405),
        ("/faults", "DELETE", 204),
    ] {
        let request = h1().request(method.parse().unwrap(), small.running.url(path));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.headers()["x-served-by"], "small-1", "{method} {path}");
        assert_eq!(response.headers()["x-peer-address"], "127.0.0.1", "{method} {path}");
        if status >= 400 {
            assert_eq!(
                response.headers()["content-type"],
                "application/problem+json",
                "{method} {path}"
            );
            assert_eq!(
                status == 405,
                response.headers().contains_key("allow"),
                "{method} {path}"
            );
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["status"], status, "{problem}");
        }
    }
}

#[tokio::test]
async fn whoami_tells_both_ends_and_the_process() {
    let small = small().await;
    let answer: Value = h1()
        .get(small.running.url("/whoami"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer["service"], "small");
    assert_eq!(answer["instance"], "small-1");
    assert_eq!(answer["pid"], std::process::id());
    assert_eq!(answer["listen"], small.running.address().to_string());
    assert_eq!(answer["peer"]["address"], "127.0.0.1");
    assert_ne!(answer["peer"]["port"], small.running.address().port());
}

#[tokio::test]
async fn readiness_is_the_services_own() {
    let small = small().await;
    small.readiness.set(true);
    let response = h1().get(small.running.url("/readyz")).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_note_on_readiness_is_told_with_it() {
    let readiness = Readiness::pending().note(|| Some("the source is away".to_owned()));
    let identity = Identity::new("small", "small-1").unwrap();
    let app = App::new(identity, router()).readiness(readiness.clone());
    let running = Running::start(|listener, shutdown| serve(listener, app, shutdown)).await;
    let ask = async || h1().get(running.url("/readyz")).send().await.unwrap();
    let problem: Value = ask().await.json().await.unwrap();
    assert_eq!(problem["detail"], "not ready yet: the source is away");
    readiness.set(true);
    let response = ask().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "ready\nthe source is away\n");
}

#[tokio::test]
async fn one_port_speaks_both_versions_of_http() {
    let small = small().await;
    for (client, version) in [(h1(), reqwest::Version::HTTP_11), (h2(), reqwest::Version::HTTP_2)] {
        let response = client.get(small.running.url("/hello")).send().await.unwrap();
        assert_eq!(response.version(), version);
        assert_eq!(response.headers()["x-served-by"], "small-1");
        assert_eq!(response.text().await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn a_cut_connection_carries_no_byte_of_an_answer() {
    let small = small().await;
    let answer = exchange(small.running.address(), b"GET /cut HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(answer, b"");
    for client in [h1(), h2()] {
        client.get(small.running.url("/cut")).send().await.unwrap_err();
    }
}

#[tokio::test]
async fn the_abort_fault_cuts_the_connection() {
    let small = small().await;
    let (status, _) = put_fault(&small, json!({"abort": true})).await;
    assert_eq!(status, 200);
    let answer = exchange(small.running.address(), b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(answer, b"");
    h2().get(small.running.url("/hello")).send().await.unwrap_err();
}

#[tokio::test]
async fn faults_apply_to_the_services_own_routes_only_and_can_be_taken_back() {
    let small = small().await;
    let (status, shown) = put_fault(&small, json!({"status": 500, "delay_ms": 50})).await;
    assert_eq!(
        (status.as_u16(), &shown["status"], &shown["delay_ms"]),
        (200, &json!(500), &json!(50))
    );

    for path in ["/hello", "/nothing"] {
        let begun = Instant::now();
        let response = h1().get(small.running.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 500, "{path}");
        assert_eq!(response.headers()["x-served-by"], "small-1");
        assert!(begun.elapsed() >= Duration::from_millis(50), "{path}");
    }
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 503),
        ("/whoami", 200),
        ("/metrics", 200),
        ("/faults", 200),
    ] {
        assert_eq!(
            h1().get(small.running.url(path)).send().await.unwrap().status(),
            status,
            "{path}"
        );
    }

    assert_eq!(
        h1().delete(small.running.url("/faults")).send().await.unwrap().status(),
        204
    );
    assert_eq!(
        h1().get(small.running.url("/hello")).send().await.unwrap().status(),
        200
    );
    let shown: Value = h1()
        .get(small.running.url("/faults"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(shown, json!({}));
}

#[tokio::test]
async fn a_fault_can_be_for_some_paths() {
    let small = small().await;
    put_fault(&small, json!({"status": 503, "paths": ["/no"]})).await;
    assert_eq!(
        h1().get(small.running.url("/hello")).send().await.unwrap().status(),
        200
    );
    assert_eq!(
        h1().get(small.running.url("/nothing")).send().await.unwrap().status(),
        503
    );
}

#[tokio::test]
async fn a_fault_that_has_no_body_has_none() {
    let small = small().await;
    put_fault(&small, json!({"status": 204})).await;
    let response = h1().get(small.running.url("/hello")).send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(response.bytes().await.unwrap(), "");
}

#[tokio::test]
async fn half_of_the_requests_fail_with_probability_a_half() {
    let small = small().await;
    put_fault(&small, json!({"status": 503, "probability": 0.5})).await;
    let client = h1();
    let mut failed = 0;
    for _ in 0..400 {
        failed += u32::from(client.get(small.running.url("/hello")).send().await.unwrap().status() == 503);
    }
    // Six standard deviations (10 each) around the mean.
    assert!((140..=260).contains(&failed), "{failed} of 400");
}

#[tokio::test]
async fn a_fault_that_does_not_hold_changes_nothing() {
    let small = small().await;
    put_fault(&small, json!({"status": 418})).await;
    let (status, problem) = put_fault(&small, json!({"statsu": 500})).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("`statsu`"), "{problem}");
    assert_eq!((&problem["line"], &problem["column"]), (&json!(1), &json!(9)));
    let (status, problem) = put_fault(&small, json!({"status": 99})).await;
    assert_eq!(
        (status.as_u16(), &problem["detail"]),
        (400, &json!("`status` is 200 to 599, not 99"))
    );
    assert_eq!(
        h1().get(small.running.url("/hello")).send().await.unwrap().status(),
        418
    );
}

#[tokio::test]
async fn no_fault_can_be_set_or_seen_through_an_envoy() {
    let small = small().await;
    for header in ["x-forwarded-proto", "x-envoy-expected-rq-timeout-ms"] {
        for method in ["GET", "PUT", "DELETE", "POST"] {
            let request = h1()
                .request(method.parse().unwrap(), small.running.url("/faults"))
                .header(header, "1");
            let response = request.body(r#"{"abort": true}"#).send().await.unwrap();
            assert_eq!(response.status(), 404, "{method} with {header}");
        }
    }
    assert_eq!(
        h1().get(small.running.url("/hello")).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_end() {
    for client in [h1(), h2()] {
        let mut small = small().await;
        let url = small.running.url("/slow");
        let request = tokio::spawn(async move { client.get(url).send().await.unwrap().text().await.unwrap() });
        small.begun.recv().await.unwrap();
        let address = small.running.address();
        let ended = small.running.stop();
        refused(address).await;
        small.release.notify_one();
        assert_eq!(request.await.unwrap(), "done");
        ended.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_within_a_second() {
    for client in [h1(), h2()] {
        let mut small = small().await;
        let url = small.running.url("/stuck");
        let request = tokio::spawn(async move { client.get(url).send().await });
        small.begun.recv().await.unwrap();
        let begun = Instant::now();
        small.running.stop().await.unwrap().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        request.await.unwrap().unwrap_err();
    }
}

#[tokio::test]
async fn idle_and_silent_connections_do_not_hold_up_the_end() {
    let small = small().await;
    let mut silent = TcpStream::connect(small.running.address()).await.unwrap();
    let mut idle = TcpStream::connect(small.running.address()).await.unwrap();
    idle.write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 1];
    idle.read_exact(&mut first).await.unwrap();

    let begun = Instant::now();
    small.running.stop().await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    for stream in [&mut silent, &mut idle] {
        tokio::time::timeout(DEADLINE, stream.read_to_end(&mut Vec::new()))
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_connection_made_just_before_the_end_is_served() {
    // The connection is in the kernel's queue and its request in the buffer, and the service has not seen either.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();

    let (send, _) = mpsc::unbounded_channel();
    let app = App::new(
        Identity::new("small", "small-1").unwrap(),
        routes(&send, Arc::default()),
    );
    let serving = tokio::spawn(serve(listener, app, std::future::ready(())));
    let mut answer = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200 OK"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn too_many_headers_are_refused_and_the_next_request_is_served() {
    let small = small().await;
    let mut request = b"GET /hello HTTP/1.1\r\nhost: x\r\n".to_vec();
    for number in 0..200 {
        request.extend_from_slice(format!("x-filler-{number}: 1\r\n").as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    let answer = exchange(small.running.address(), &request).await;
    assert!(
        answer.starts_with(b"HTTP/1.1 431 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(
        h1().get(small.running.url("/hello")).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn bodies_that_are_too_long_or_not_json_are_problems() {
    let small = small().await;
    let post = |body: Vec<u8>| h1().post(small.running.url("/hello")).body(body).send();

    let long = post(vec![b' '; meshkat_kit::BODY_LIMIT + 1]).await.unwrap();
    assert_eq!(long.status(), 413);
    assert_eq!(long.json::<Value>().await.unwrap()["limit"], meshkat_kit::BODY_LIMIT);

    let broken = post(b"{\n  \"a\": }".to_vec()).await.unwrap();
    assert_eq!(broken.status(), 400);
    let problem: Value = broken.json().await.unwrap();
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&json!(2), &json!(8)),
        "{problem}"
    );

    assert_eq!(
        post(b"{\"a\":1}".to_vec()).await.unwrap().text().await.unwrap(),
        "{\"a\":1}"
    );
}
