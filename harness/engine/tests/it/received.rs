//! What backends are told to have received.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::{Json, http::StatusCode, response::IntoResponse};
use meshkat_model::{mesh::Port, results::Status};
use serde_json::{Value, json};

use crate::{
    servers::{Asked, application, serve},
    world::World,
};

/// A world whose application tells what reached it, as `echo` does. `/twice` reaches it twice, as if somebody had tried again, and `/flaky`
/// has an answer every other time.
struct Telling {
    world: World,
    /// What it tells of later; more than it keeps is forgotten.
    forgets: Arc<AtomicBool>,
    /// It does not tell.
    silent: Arc<AtomicBool>,
}

async fn telling() -> Telling {
    let world = World::new();
    let kept: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (forgets, silent, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    // What came before every case.
    let earlier = json!({"protocol": "http", "method": "GET", "path": "/earlier", "query": "", "host": "x", "http_version": "HTTP/1.1", "headers": {}, "body": "", "body_bytes": 0});
    kept.lock().expect("nobody panicked").push(earlier);
    let (all, forgetful, mute) = (Arc::clone(&kept), Arc::clone(&forgets), Arc::clone(&silent));
    let answer = move |asked_for: Asked| {
        let path = asked_for.uri.path().to_owned();
        let number = asked.fetch_add(1, Ordering::SeqCst);
        let mut all = all.lock().expect("nobody panicked");
        let response = if path == "/received" {
            let first = if forgetful.load(Ordering::SeqCst) {
                all.len().saturating_sub(1)
            } else {
                0
            };
            match mute.load(Ordering::SeqCst) {
                true => StatusCode::NOT_FOUND.into_response(),
                false => Json(json!({"count": all.len(), "left_out": first, "requests": all[first..]})).into_response(),
            }
        } else {
            let headers: serde_json::Map<String, Value> = asked_for
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
                .collect();
            let request = json!({
                "protocol": "http",
                "method": asked_for.method.as_str(),
                "path": path,
                "query": asked_for.uri.query().unwrap_or_default(),
                "host": headers.get("host"),
                "headers": headers,
                "http_version": "HTTP/1.1",
                "body": asked_for.body,
                "body_bytes": asked_for.body.len(),
                "body_truncated": path == "/long",
                "tls": {"client_certificate": {"subject": "CN=edge", "names": ["edge", "127.0.0.1"], "serial": "01"}},
            });
            all.push(request.clone());
            if path == "/twice" {
                all.push(request);
            }
            match path.as_str() {
                "/flaky" if number.is_multiple_of(5) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                _ => "fine".into_response(),
            }
        };
        async move { response }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    Telling { world, forgets, silent }
}

#[tokio::test]
async fn what_came_since_the_step_began_is_judged() {
    let Telling { world, .. } = telling().await;
    let steps = "
  - {get: /before, direct: echo, host: foo.com, status: 200}
  - post: /x?q=1
    direct: echo
    host: foo.com
    headers: {X-User: bob}
    body: {name: Simurgh, more: 1}
    times: 3
    received:
      echo:
        count: 3
        method: POST
        path: /x?q=1
        host: foo.com
        headers: {x-user: bob, x-nobody: null}
        body: {name: Simurgh}
        protocol: HTTP/1.1
        certificate: {subject: CN=edge, names: edge, serial: '01'}
        that: requests.all(request, request.body_bytes > 20)
  - {get: /y, direct: echo, body: as it is, status: 200, received: {echo: {body: as it is}}}
  - {get: /y, direct: echo, status: 200, received: {echo: {count: 0, path: /x}}}
";
    let ran = world.run(vec![world.one("a/received", steps)]).await;
    assert_eq!(ran.passed().checks, 1 + 2 + 2 + 2);
}

/// Each expectation that does not hold, alone, with what is told.
#[tokio::test]
async fn every_expectation_of_a_backend_can_fail_and_shows_what_came() {
    let table = [
        ("count: 2", "2 at `echo`", "1: GET /x for foo.com in HTTP/1.1 at echo"),
        ("count: 0", "0 at `echo`", "1: GET /x for foo.com in HTTP/1.1 at echo"),
        (
            "method: POST",
            "1 or more at `echo` with method POST",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (its method is GET)",
        ),
        (
            "path: /y",
            "1 or more at `echo` with path /y",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (its path is /x)",
        ),
        (
            "host: bar.com",
            "1 or more at `echo` with host bar.com",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (its host is foo.com)",
        ),
        (
            "headers: {X-A: '2'}",
            "1 or more at `echo` with X-A: 2",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (its X-A is 1)",
        ),
        (
            "headers: {x-b: '2'}",
            "1 or more at `echo` with x-b: 2",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (it has no x-b)",
        ),
        (
            "headers: {x-a: null}",
            "1 or more at `echo` with no x-a",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (its x-a is 1)",
        ),
        (
            "body: else",
            "1 or more at `echo` with body \"else\"",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (its body is {\"a\":1})",
        ),
        (
            "body: {a: 2}",
            "1 or more at `echo` with body {\"a\":2}",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (in its body, `a` is 1)",
        ),
        (
            "protocol: HTTP/2",
            "1 or more at `echo` with in HTTP/2",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (it is HTTP/1.1)",
        ),
        (
            "certificate: {subject: CN=other}",
            "1 or more at `echo` with a client's certificate with subject CN=other",
            "0; 1 came that are otherwise: GET /x for foo.com in HTTP/1.1 at echo (its client's certificate has subject CN=edge)",
        ),
    ];
    for (expectation, expected, actual) in table {
        let Telling { world, .. } = telling().await;
        let step = "get: /x, direct: echo, host: foo.com, headers: {x-a: '1'}, body: {a: 1}, status: 200";
        let steps = format!("  - {{{step}, received: {{echo: {{{expectation}}}}}}}\n");
        let ran = world.run(vec![world.one("a/received", &steps)]).await;
        let failure = ran.failed();
        let told = (
            failure.message.as_str(),
            failure.expected.as_str(),
            failure.actual.as_str(),
            failure.line,
        );
        assert_eq!(
            told,
            ("the backend did not receive what it should", expected, actual, 4),
            "{expectation}"
        );
    }
    let Telling { world, .. } = telling().await;
    let steps = "  - {get: /x, direct: echo, received: {echo: {that: 'requests[0].path == \"/y\"'}}}\n";
    let ran = world.run(vec![world.one("a/received", steps)]).await;
    assert!(
        ran.failed().actual.contains("\"/x\" == \"/y\" is false"),
        "{:?}",
        ran.failed()
    );
}

#[tokio::test]
async fn a_step_of_its_own_counts_since_the_case_began_or_since_the_last_one() {
    let Telling { world, .. } = telling().await;
    let steps = "
  - {get: /a, direct: echo, times: 2, status: 200}
  - received: {echo: {count: 2}}
  - {get: /twice, direct: echo, status: 200}
  - {received: {echo: {count: 4}}, within: 5s, in-a-row: 3}
  - {get: /b, direct: echo, status: 200}
  - {received: {echo: {count: 1, path: /b}}, since: last-received, for: 50ms}
  - {received: {echo: {count: 0}}, since: last-received}
";
    world.run(vec![world.one("a/received", steps)]).await.passed();
    let steps = "  - {get: /a, direct: echo, status: 200}\n  - {received: {echo: {count: 2}}, within: 50ms}\n";
    let ran = world.run(vec![world.one("a/received", steps)]).await;
    let failure = ran.failed();
    assert_eq!((failure.step.as_str(), failure.line), ("received by echo", 5));
    assert!(failure.actual.starts_with("not within 50ms, in "), "{}", failure.actual);
    assert!(
        failure.actual.contains("the last one: 1: GET /a for 127."),
        "{}",
        failure.actual
    );
}

#[tokio::test]
async fn who_cannot_tell_fails_the_step() {
    let steps = "  - {get: /a, direct: echo, times: 3, status: 200, received: {echo: {path: /a}}}\n";
    let telling = telling().await;
    telling.forgets.store(true, Ordering::SeqCst);
    let ran = telling.world.run(vec![telling.world.one("a/received", steps)]).await;
    assert!(
        ran.failed()
            .actual
            .starts_with("2 came that `echo` does not keep any more, so nobody can tell; of the last, 1: GET /a"),
        "{:?}",
        ran.failed()
    );
    telling.silent.store(true, Ordering::SeqCst);
    let ran = telling.world.run(vec![telling.world.one("a/received", steps)]).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "nobody can tell what the backend received");
    assert_eq!(
        failure.actual,
        "echo does not: when it was to begin, `GET /received` had 404: "
    );
    let steps = "  - {kill: echo}\n  - received: {echo: {count: 0}}\n";
    telling.silent.store(false, Ordering::SeqCst);
    let ran = telling.world.run(vec![telling.world.one("a/received", steps)]).await;
    assert_eq!(ran.failed().actual, "echo does not: its application does not run");
}

#[tokio::test]
async fn a_body_that_is_not_kept_whole_is_told() {
    let Telling { world, .. } = telling().await;
    let steps = "  - {put: /long, direct: echo, body: abc, status: 200, received: {echo: {body: abc}}}\n";
    let ran = world.run(vec![world.one("a/received", steps)]).await;
    assert!(
        ran.failed()
            .actual
            .ends_with("(its body, of 3 bytes, is not kept whole)"),
        "{:?}",
        ran.failed()
    );
}

#[tokio::test]
async fn something_may_have_to_hold_several_times_in_a_row() {
    let Telling { world, .. } = telling().await;
    let good = "  - {get: /x, direct: echo, within: 20s, in-a-row: 50, status: 200, received: {echo: {count: 1}}}\n";
    let ran = world.run(vec![world.one("a/row", good)]).await;
    assert_eq!(ran.passed().checks, 100, "each of them is judged");
    // Of five requests to this application, one is failed.
    let flaky = "  - {get: /flaky, direct: echo, within: 400ms, in-a-row: 50, status: 200}\n";
    let ran = world.run(vec![world.one("a/row", flaky)]).await;
    let case = ran.only();
    assert_eq!(case.status, Status::Failed);
    let failure = ran.failed();
    let told = format!("{} / {} / {}", failure.message, failure.expected, failure.actual);
    assert!(
        told.contains("50 times in a row") && told.contains("4 at the most") || told.contains("4 times at the most"),
        "{told}"
    );
}
