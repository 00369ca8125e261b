//! Loads in the background, and windows of them.

use std::sync::{
    Arc, Mutex,
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

#[tokio::test]
async fn a_load_sends_any_request_and_several_paths_in_turn() {
    let world = World::new();
    let kept: Arc<Mutex<Vec<String>>> = Arc::default();
    let all = Arc::clone(&kept);
    let answer = move |asked: Asked| {
        let user = asked
            .headers
            .get("x-user")
            .map(|user| user.to_str().expect("it is text").to_owned());
        let told = format!("{} {} {} {user:?}", asked.method, asked.uri, asked.body);
        all.lock().expect("nobody panicked").push(told);
        async { "" }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let steps = "
  - {load: writers, post: [/a, /b?x=1, /c], direct: echo, headers: {x-user: bob}, body: {n: 1}, rate: 200/s}
  - {expect: writers, for: 100ms, errors: 0}
  - stop-load: writers
  - {expect: writers, errors: 0, requests: '>= 20'}
";
    world.run(vec![world.one("a/load", steps)]).await.passed();
    let kept = kept.lock().expect("nobody panicked");
    let of = |path: &str| {
        let line = format!("POST {path} {{\"n\":1}} Some(\"bob\")");
        kept.iter().filter(|told| **told == line).count()
    };
    let counts = ["/a", "/b?x=1", "/c"].map(of);
    assert_eq!(counts.iter().sum::<usize>(), kept.len(), "{kept:?}");
    assert!(counts.iter().all(|count| counts[0] - count <= 1), "{counts:?}");
}

#[tokio::test]
async fn clients_send_one_request_after_the_other() {
    let world = World::new();
    let open = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, high) = (Arc::clone(&open), Arc::clone(&most));
    let answer = move |_: Asked| {
        let (now, high) = (Arc::clone(&now), Arc::clone(&high));
        async move {
            high.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            ([("x-served-by", "echo")], "")
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let steps = "
  - {load: visitors, get: /, direct: echo, clients: 3}
  - {expect: visitors, for: 300ms, errors: 0, requests: '<= 93', served-by: echo, that: requests > 3}
  - {expect: visitors, within: 10s, window: 100ms, errors: 0}
  - stop-load: visitors
  - {expect: visitors, errors: 0}
";
    let ran = world.run(vec![world.one("a/clients", steps)]).await;
    let case = ran.passed();
    assert_eq!(most.load(Ordering::SeqCst), 3);
    let load = &case.loads[0];
    assert_eq!((load.name.as_str(), load.errors), ("visitors", 0));
    // What a client had begun when the load was stopped is told over time alone.
    let told: u64 = load.spans.iter().map(|span| span.requests).sum();
    assert!((load.requests..=load.requests + 3).contains(&told), "{load:?}");
}

#[tokio::test]
async fn rates_rise_and_fall() {
    let (world, _) = breakable().await;
    let steps = "
  - {load: visitors, get: /load, direct: echo, rate: [{rate: 20/s, for: 500ms}, {from: 20/s, to: 400/s, over: 500ms}, {rate: 10/s, for: 5s}]}
  - {expect: visitors, for: 500ms, requests: '<= 12'}
  - {expect: visitors, for: 500ms, requests: '> 90'}
  - {expect: visitors, for: 500ms, requests: '<= 10'}
  - {expect: visitors, errors: 0}
";
    world.run(vec![world.one("a/ramp", steps)]).await.passed();
}

/// What is asked for while it is broken fails, and what is asked for before and after does not.
#[tokio::test]
async fn the_time_from_the_first_error_to_the_last_is_judged() {
    let (world, _) = breakable().await;
    let broken = format!(
        "{LOAD}  - {{expect: visitors, for: 200ms, errors: 0, error-window: < 1ms}}\n{BREAK}  - {{expect: visitors, for: 300ms, errors: '> 0'}}\n{MEND}  - {{expect: visitors, for: 200ms, that: requests > 0}}\n"
    );
    let good = format!("{broken}  - {{expect: visitors, error-window: '> 250ms', that: error_window_ms < 10000.0}}\n");
    world.run(vec![world.one("a/window", &good)]).await.passed();
    let bad = format!("{broken}  - {{expect: visitors, error-window: < 250ms}}\n");
    let ran = world.run(vec![world.one("a/window", &bad)]).await;
    let failure = ran.failed();
    assert_eq!(
        failure.message,
        "requests failed for longer, or less long, than they should"
    );
    assert!(
        failure.actual.starts_with("error-window ") && failure.actual.contains(" of the load; "),
        "{}",
        failure.actual
    );
    let load = &ran.only().loads[0];
    assert!(load.error_window_ms.is_some_and(|window| window > 250.0), "{load:?}");
    let failed: u64 = load.spans.iter().filter_map(|span| span.errors.get("503")).sum();
    assert_eq!(failed, load.errors, "by kind over time");
}

#[tokio::test]
async fn the_longest_time_without_an_answer_is_judged() {
    let world = World::new();
    let hangs = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&hangs);
    let answer = move |asked: Asked| {
        match asked.uri.path() {
            "/hang" => held.store(true, Ordering::SeqCst),
            "/go" => held.store(false, Ordering::SeqCst),
            _ => {}
        }
        let held = Arc::clone(&held);
        async move {
            while asked.uri.path() == "/load" && held.load(Ordering::SeqCst) {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            ""
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let hang = "  - {get: /hang, direct: echo, status: 200}\n  - {get: /x, direct: echo, for: 400ms, status: 200}\n  - {get: /go, direct: echo, status: 200}\n";
    let steps = |gap: &str| {
        format!(
            "{LOAD}  - {{expect: visitors, for: 200ms, gap: < 10s}}\n{hang}  - {{expect: visitors, for: 100ms, errors: 0}}\n  - {{expect: visitors, errors: 0, gap: '{gap}'}}\n"
        )
    };
    let ran = world.run(vec![world.one("a/gap", &steps("> 200ms"))]).await;
    assert!(ran.passed().loads[0].gap_ms > 350.0);
    let ran = world.run(vec![world.one("a/gap", &steps("< 200ms"))]).await;
    let case = ran.only();
    match &case.failure {
        Some(failure) => {
            assert_eq!(
                failure.message,
                "no answer came for longer, or less long, than should be"
            );
            assert!(failure.actual.starts_with("gap "), "{}", failure.actual);
        }
        // On a machine that stood still for as long nobody knows.
        None => assert!(!case.voids.is_empty(), "{case:?}"),
    }
}

#[tokio::test]
async fn a_search_finds_the_highest_rate_that_holds() {
    // More than so many requests in a tenth of a second are too many.
    let world = World::new();
    let window = Arc::new(Mutex::new((std::time::Instant::now(), 0_u32)));
    let answer = move |_: Asked| {
        let is_too_much = {
            let mut window = window.lock().expect("nobody panicked");
            if window.0.elapsed().as_millis() >= 100 {
                *window = (std::time::Instant::now(), 0);
            }
            window.1 += 1;
            window.1 > 40
        };
        async move {
            match is_too_much {
                true => StatusCode::TOO_MANY_REQUESTS,
                false => StatusCode::OK,
            }
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let steps = |at_least: &str| {
        format!(
            "  - capacity: answers\n    get: /\n    direct: echo\n    between: [50/s, 2000/s]\n    each: 400ms\n    within: 20s\n    errors: < 10%\n    at-least: {at_least}\n"
        )
    };
    let ran = world.run(vec![world.one("a/capacity", &steps("200/s"))]).await;
    let load = &ran.passed().loads[0];
    let capacity = load.capacity.as_ref().expect("it was searched for");
    assert!((200.0..600.0).contains(&capacity.rate), "{capacity:?}");
    assert_eq!(capacity.ended, "the rates above and below are close");
    assert!(
        capacity.trials.len() >= 4 && capacity.trials[0].held && capacity.trials[0].requests >= 20,
        "{capacity:?}"
    );
    let ran = world.run(vec![world.one("a/capacity", &steps("1500/s"))]).await;
    let failure = ran.failed();
    let told = (failure.message.as_str(), failure.expected.as_str(), failure.line);
    assert_eq!(
        told,
        ("the highest rate at which all held is too low", "at least 1500/s", 11)
    );
    assert!(
        failure
            .actual
            .contains("wrong number of errors under load: expected < 10% errors"),
        "{}",
        failure.actual
    );
}
