//! Loads in the background, and windows of them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::http::StatusCode;
use meshkat_model::mesh::Port;

use crate::{
    servers::{Asked, application, serve},
    world::World,
};

/// A world whose application fails from the moment at which it is asked for `/break` until it is asked for `/mend`.
async fn breakable() -> (World, Arc<AtomicUsize>) {
    let world = World::new();
    let (broken, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let answer = move |asked: Asked| {
        match asked.uri.path() {
            "/break" => broken.store(true, Ordering::SeqCst),
            "/mend" => broken.store(false, Ordering::SeqCst),
            _ => drop(count.fetch_add(1, Ordering::SeqCst)),
        }
        let status = match (asked.uri.path(), broken.load(Ordering::SeqCst)) {
            ("/load", true) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        async move { (status, [("x-served-by", "echo")], "") }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    (world, asked)
}

const LOAD: &str = "  - {load: visitors, get: /load, direct: echo, rate: 200/s}\n";
const BREAK: &str = "  - {get: /break, direct: echo, status: 200}\n";
const MEND: &str = "  - {get: /mend, direct: echo, status: 200}\n";

#[tokio::test]
async fn a_load_without_errors_is_told_so() {
    let (world, asked) = breakable().await;
    let steps = format!(
        "{LOAD}  - {{expect: visitors, for: 300ms, errors: 0, requests: '>= 40', statuses: {{200: 100%}}, served-by: echo, \
         distinct: {{echo: 1}}, p50: < 10s, p95: < 10s, p99: < 10s, max: < 10s, that: \"statuses['200'] == requests\"}}\n"
    );
    let ran = world.run(vec![world.one("a/load", &steps)]).await;
    let case = ran.passed();
    assert_eq!(case.checks, 10);
    assert_eq!(
        case.requests,
        asked.load(Ordering::SeqCst) as u64,
        "every request of a load is counted"
    );
}

#[tokio::test]
async fn errors_in_a_window_are_told_with_what_they_were() {
    let (world, _) = breakable().await;
    let steps = format!("{LOAD}{BREAK}  - expect: visitors\n    for: 200ms\n    errors: 0\n");
    let ran = world.run(vec![world.one("a/load", &steps)]).await;
    let failure = ran.failed();
    assert_eq!(
        (failure.message.as_str(), failure.expected.as_str()),
        ("wrong number of errors under load", "0 errors")
    );
    assert_eq!(
        (failure.step.as_str(), failure.line),
        ("expect of visitors for 200ms", 8)
    );
    assert!(
        failure.actual.contains(" errors; ") && failure.actual.contains(" × 503: ; "),
        "{}",
        failure.actual
    );
}

/// Each expectation of a window that does not hold, alone.
#[tokio::test]
async fn every_expectation_of_a_window_can_fail() {
    let table = [
        ("errors: '> 50%'", "wrong number of errors under load"),
        ("requests: < 2", "wrong number of requests"),
        ("statuses: {503: 1}", "wrong number of answers with a status"),
        ("p50: < 0.0001ms", "wrong latency under load"),
        ("max: '> 1m'", "wrong latency under load"),
        ("that: errors > requests", "the expression is not true"),
    ];
    for (expectation, message) in table {
        let (world, _) = breakable().await;
        let steps = format!("{LOAD}  - {{expect: visitors, for: 100ms, {expectation}}}\n");
        let ran = world.run(vec![world.one("a/load", &steps)]).await;
        assert_eq!(ran.failed().message, message, "{expectation}");
    }
}

#[tokio::test]
async fn a_window_begins_at_the_start_of_the_load_or_where_the_last_ended() {
    let (world, _) = breakable().await;
    let good = "  - {expect: visitors, for: 100ms, errors: 0}\n";
    let bad = format!(
        "{BREAK}  - {{expect: visitors, for: 100ms, errors: '> 0'}}\n{MEND}  - {{expect: visitors, for: 100ms, that: requests > 0}}\n"
    );
    let since =
        "  - {get: /, direct: echo, for: 100ms, status: 200}\n  - {expect: visitors, since: last-expect, errors: 0}\n";
    let steps = format!("{LOAD}{good}{bad}{good}{since}  - {{expect: visitors, errors: '> 0'}}\n");
    world.run(vec![world.one("a/load", &steps)]).await.passed();
}

#[tokio::test]
async fn a_window_may_become_good_in_time() {
    let (world, _) = breakable().await;
    let steps = format!(
        "{BREAK}{LOAD}  - {{expect: visitors, for: 100ms, errors: 100%}}\n{MEND}  - {{expect: visitors, within: 20s, window: 100ms, errors: 0}}\n"
    );
    world.run(vec![world.one("a/load", &steps)]).await.passed();
    let steps = format!("{BREAK}{LOAD}  - {{expect: visitors, within: 300ms, window: 100ms, errors: 0}}\n");
    let ran = world.run(vec![world.one("a/load", &steps)]).await;
    let actual = &ran.failed().actual;
    assert!(
        actual.starts_with("not within 300ms, in ") && actual.contains(" attempts; the last one: in 100ms, "),
        "{actual}"
    );
}

#[tokio::test]
async fn a_load_that_was_stopped_sends_no_more_and_can_still_be_judged() {
    let (world, asked) = breakable().await;
    let steps = format!(
        "{LOAD}  - {{expect: visitors, for: 100ms, errors: 0}}\n  - {{stop-load: visitors}}\n{BREAK}  - {{get: /load, \
         direct: echo, status: 503}}\n  - {{expect: visitors, errors: 0}}\n"
    );
    let ran = world.run(vec![world.one("a/load", &steps)]).await;
    let case = ran.passed();
    // The one to /break is not counted by the application, and is by the case.
    assert_eq!(case.requests, asked.load(Ordering::SeqCst) as u64 + 1);
}

#[tokio::test]
async fn a_window_without_requests_holds_nothing() {
    let (world, _) = breakable().await;
    let steps = "
  - {load: visitors, get: /load, direct: echo, rate: 1/s}
  - {expect: visitors, for: 100ms, errors: 0}
  - {expect: visitors, for: 100ms, errors: 0}
";
    let ran = world.run(vec![world.one("a/load", steps)]).await;
    let failure = ran.failed();
    assert!(failure.actual.starts_with("0 requests, 0 errors"), "{}", failure.actual);
}

#[tokio::test]
async fn a_load_to_nobody_has_only_errors() {
    let world = World::new();
    serve(world.socket("echo", Port::Application), application(|_| async { "" })).await;
    let (shop, _) = World::with_shop().await;
    let steps = "
  - {load: visitors, get: /, rate: 100/s}
  - {expect: visitors, for: 200ms, errors: 100%, that: 'failures.all(text, text == \"the connection was refused\")'}
";
    shop.run(vec![shop.shop("a/load", steps)]).await.passed();
}

#[tokio::test]
async fn who_took_part_is_counted_over_a_window() {
    let (world, _) = World::with_shop().await;
    let steps = "
  - {load: visitors, get: /, direct: echo-1, rate: 100/s}
  - {expect: visitors, for: 100ms, distinct: {echo: 1}}
  - {expect: visitors, for: 100ms, distinct: {echo: 2}}
";
    let ran = world.run(vec![world.shop("a/distinct", steps)]).await;
    let failure = ran.failed();
    assert_eq!(
        (failure.message.as_str(), failure.line),
        ("not as many pods of `echo` served as should", 7)
    );
    assert_eq!(failure.actual, "1: echo-1");
}
