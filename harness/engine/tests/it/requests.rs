//! What requests can ask for, and what they say when they do not get it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, http::StatusCode, response::IntoResponse};
use meshkat_model::mesh::Port;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    servers::{Asked, application, serve},
    world::World,
};

/// A world whose application tells what reached it, and keeps it.
async fn telling() -> (World, Arc<Mutex<Vec<Asked>>>) {
    let world = World::new();
    let kept: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let all = Arc::clone(&kept);
    let answer = move |asked: Asked| {
        let mut kept = all.lock().expect("nobody panicked");
        kept.push(asked.clone());
        let number = kept.len();
        async move {
            let by = [("x-served-by", if number.is_multiple_of(2) { "echo-2" } else { "echo" })];
            match asked.uri.path() {
                "/text" => (by, "Hello, World!").into_response(),
                "/missing" => (StatusCode::NOT_FOUND, by, "nothing here").into_response(),
                _ => (
                    by,
                    Json(json!({"method": asked.method.as_str(), "number": number, "list": [1, 2]})),
                )
                    .into_response(),
            }
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    (world, kept)
}

#[tokio::test]
async fn every_method_is_sent_with_its_headers_and_body() {
    let (world, kept) = telling().await;
    let steps = "
  - {get: /g?q=1, direct: echo, host: foo.com, headers: {x-one: '1'}, status: 200, json: {method: GET}}
  - {head: /h, direct: echo, status: 200, text: ''}
  - {post: /p, direct: echo, body: {a: [1]}, json: {method: POST}}
  - {put: /u, direct: echo, body: as it is, json: {method: PUT}}
  - {patch: /a, direct: echo, json: {method: PATCH, list: [1, 2]}}
  - {delete: /d, direct: echo, json: {method: DELETE}, that: 'json.number == 6 && status == 200'}
";
    let ran = world.run(vec![world.one("a/methods", steps)]).await;
    ran.passed();
    let kept = kept.lock().expect("nobody panicked");
    let seen: Vec<String> = kept
        .iter()
        .map(|asked| format!("{} {} {}", asked.method, asked.uri, asked.body))
        .collect();
    assert_eq!(
        seen,
        [
            "GET /g?q=1 ",
            "HEAD /h ",
            "POST /p {\"a\":[1]}",
            "PUT /u as it is",
            "PATCH /a ",
            "DELETE /d "
        ]
    );
    assert_eq!(
        (&kept[0].headers["host"], &kept[0].headers["x-one"]),
        (&"foo.com".parse().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(kept[2].headers["content-type"], "application/json");
}

/// Each expectation that does not hold, alone, with what is told of it.
#[tokio::test]
async fn every_expectation_can_fail_and_says_how() {
    let hello = "/text, direct: echo";
    let table = [
        (
            "status: [404, 500]",
            "wrong status",
            "status 404 or 500",
            "200, served by echo: Hello, World!",
        ),
        (
            "text: Hello",
            "wrong body",
            "Hello",
            "200, served by echo: Hello, World!",
        ),
        (
            "contains: [World, Welt]",
            "the body lacks a part",
            "a body with Welt",
            "200, served by echo: Hello, World!",
        ),
        (
            "json: {a: 1}",
            "the JSON body lacks a part",
            "{\"a\":1}",
            "a body that is not JSON: 200, served by echo: Hello, World!",
        ),
        (
            "response-headers: {x-served-by: pet}",
            "wrong header in the answer",
            "x-served-by: pet",
            "x-served-by: echo",
        ),
        (
            "response-headers: {x-served-by: null}",
            "wrong header in the answer",
            "no header x-served-by",
            "x-served-by: echo",
        ),
        (
            "error: refused",
            "the request did not fail as it should",
            "no answer: refused",
            "200, served by echo: Hello, World!",
        ),
        (
            "that: status == 201",
            "the expression is not true",
            "status == 201",
            "200 == 201 is false; seen: 200, served by echo: Hello, World!",
        ),
    ];
    for (expectation, message, expected, actual) in table {
        let (world, _) = telling().await;
        let ran = world
            .run(vec![
                world.one("a/fails", &format!("  - {{get: {hello}, {expectation}}}\n")),
            ])
            .await;
        let failure = ran.failed();
        let told = (
            failure.message.as_str(),
            failure.expected.as_str(),
            failure.actual.as_str(),
            failure.line,
        );
        assert_eq!(told, (message, expected, actual, 4), "{expectation}");
    }
}

#[tokio::test]
async fn an_expectation_s_own_line_is_told() {
    let (world, _) = telling().await;
    let steps = "  - get: /text\n    direct: echo\n    status: 200\n    contains: Welt\n";
    let ran = world.run(vec![world.one("a/fails", steps)]).await;
    assert_eq!(ran.failed().line, 7);
}

#[tokio::test]
async fn the_same_request_several_times_is_judged_each_time() {
    let (world, kept) = telling().await;
    let ran = world
        .run(vec![
            world.one("a/times", "  - {get: /, direct: echo, times: 6, status: 200}\n"),
        ])
        .await;
    assert_eq!((ran.passed().requests, ran.passed().checks), (6, 6));
    assert_eq!(kept.lock().expect("nobody panicked").len(), 6);
    let ran = world
        .run(vec![world.one(
            "a/times",
            "  - {get: /, direct: echo, times: 6, that: json.number < 10}\n",
        )])
        .await;
    assert!(
        ran.failed().actual.starts_with("request 4 of 6: "),
        "{}",
        ran.failed().actual
    );
    assert_eq!(ran.only().requests, 4, "the first that does not hold is the last");
}

#[tokio::test]
async fn an_expectation_may_become_true() {
    let (world, _) = telling().await;
    let ran = world
        .run(vec![world.one(
            "a/within",
            "  - {get: /, direct: echo, within: 20s, that: json.number == 5}\n",
        )])
        .await;
    assert_eq!(ran.passed().requests, 5);
    let ran = world
        .run(vec![world.one(
            "a/within",
            "  - {get: /missing, direct: echo, within: 100ms, status: 200}\n",
        )])
        .await;
    let actual = &ran.failed().actual;
    assert!(actual.starts_with("not within 100ms, in "), "{actual}");
    assert!(
        actual.ends_with(" attempts; the last one: 404, served by echo: nothing here")
            || actual.ends_with("echo-2: nothing here"),
        "{actual}"
    );
}

#[tokio::test]
async fn an_expectation_may_have_to_stay_true() {
    let (world, _) = telling().await;
    let ran = world
        .run(vec![world.one(
            "a/for",
            "  - {get: /text, direct: echo, for: 100ms, status: 200}\n",
        )])
        .await;
    assert!(ran.passed().requests > 1);
    let (world, _) = telling().await;
    let ran = world
        .run(vec![world.one(
            "a/for",
            "  - {get: /, direct: echo, for: 1m, that: json.number < 4}\n",
        )])
        .await;
    assert!(ran.failed().actual.contains(" of 60s: "), "{}", ran.failed().actual);
    assert_eq!(ran.only().requests, 4);
}

#[tokio::test]
async fn no_answer_can_be_what_is_expected() {
    let world = World::new();
    let silent = |_| async { std::future::pending::<&str>().await };
    serve(world.socket("echo", Port::Application), application(silent)).await;
    let steps = "
  - {get: /, direct: echo, timeout: 100ms, error: timeout}
  - {get: /, direct: echo, timeout: 100ms, error: any}
";
    world.run(vec![world.one("a/silent", steps)]).await.passed();
    let ran = world
        .run(vec![world.one(
            "a/silent",
            "  - {get: /, direct: echo, timeout: 100ms, error: refused}\n",
        )])
        .await;
    let failure = ran.failed();
    assert_eq!(
        (failure.expected.as_str(), failure.actual.as_str()),
        ("no answer: refused", "no answer: nothing within 100ms")
    );
    let ran = world
        .run(vec![world.one(
            "a/silent",
            "  - {get: /, direct: echo, timeout: 100ms, status: 200}\n",
        )])
        .await;
    assert_eq!(ran.failed().actual, "no answer: nothing within 100ms");
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_a_reset() {
    let (shop, _) = World::with_shop().await;
    // Takes every connection, waits for a request, and cuts the connection.
    let cutting = TcpListener::bind(shop.socket("ingress", Port::Inbound))
        .await
        .expect("the address is the test's own");
    tokio::spawn(async move {
        while let Ok((stream, _)) = cutting.accept().await {
            let read = stream.readable().await;
            drop((read, stream));
        }
    });
    let ran =
        shop.run(vec![
            shop.shop("a/cut", "  - {get: /, error: reset}\n  - {get: /, error: refused}\n"),
        ])
        .await;
    let failure = ran.failed();
    assert_eq!(
        (failure.line, failure.message.as_str()),
        (5, "the request did not fail as it should")
    );
    assert!(
        failure.actual.starts_with("no answer: the connection broke: "),
        "{}",
        failure.actual
    );
}

#[tokio::test]
async fn a_request_goes_through_the_ingress_where_nothing_else_is_said() {
    let (world, _) = World::with_shop().await;
    for (pod, port, word) in [
        ("ingress", Port::Inbound, "edge"),
        ("echo-1", Port::Inbound, "in"),
        ("echo-2", Port::Outbound, "out"),
    ] {
        serve(world.socket(pod, port), application(move |_| async move { word })).await;
    }
    let steps = "
  - {get: /, text: edge}
  - {get: /, at: echo, text: in}
  - {get: /, from: echo-2, host: pet, text: out}
  - {get: /, direct: echo-2, text: Hello, served-by: echo}
  - {get: /, direct: echo-2, served-by: echo-2}
  - {get: /, at: echo-2, error: refused}
";
    world.run(vec![world.shop("a/ways", steps)]).await.passed();
    let ran = world
        .run(vec![
            world.shop("a/ways", "  - {get: /, direct: echo-2, served-by: echo-1}\n"),
        ])
        .await;
    assert_eq!(ran.failed().message, "served by somebody else");
}

#[tokio::test]
async fn later_steps_know_what_was_kept() {
    let (world, _) = telling().await;
    let steps = "
  - {get: /, direct: echo, keep: first}
  - {get: /, direct: echo, keep: second, status: 200}
  - check: ['second.json.number == first.json.number + 1', 'pods.echo.application']
  - {get: /, direct: echo, that: json.number > second.json.number}
";
    world.run(vec![world.one("a/kept", steps)]).await.passed();
    let ran = world.run(vec![world.one("a/kept", &steps.replace("+ 1", "+ 2"))]).await;
    let failure = ran.failed();
    assert_eq!(
        (failure.step.as_str(), failure.line),
        (
            "check second.json.number == first.json.number + 2, pods.echo.application",
            7
        )
    );
    assert_eq!(failure.message, "the expression is not true");
}

#[tokio::test]
async fn a_pod_that_was_scaled_away_is_told_of() {
    let (world, _) = World::with_shop().await;
    let ran = world
        .run(vec![world.shop(
            "a/gone",
            "  - {scale: {echo: 1}}\n  - {get: /, direct: echo-2, status: 200}\n",
        )])
        .await;
    let failure = ran.failed();
    assert_eq!(failure.message, "there is no pod `echo-2` at this moment");
    assert_eq!(failure.actual, "there are sds, ingress, echo-1");
}

#[tokio::test]
async fn a_retry_of_the_client_never_hides_a_failure() {
    let world = World::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async { StatusCode::SERVICE_UNAVAILABLE }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let ran = world
        .run(vec![world.one("a/once", "  - {get: /, direct: echo, status: 503}\n")])
        .await;
    ran.passed();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn who_took_part_is_counted_over_all_answers() {
    let (world, _) = World::with_shop().await;
    let asks = "  - {get: /, direct: echo-1, times: 3, distinct: {echo: ";
    world
        .run(vec![world.shop("a/distinct", &format!("{asks}1}}}}\n"))])
        .await
        .passed();
    let ran = world
        .run(vec![world.shop("a/distinct", &format!("{asks}2}}}}\n"))])
        .await;
    let failure = ran.failed();
    assert_eq!(failure.message, "not as many pods of `echo` served as should");
    assert_eq!(
        (failure.expected.as_str(), failure.actual.as_str()),
        ("2 different pods of `echo`", "1: echo-1")
    );
}
