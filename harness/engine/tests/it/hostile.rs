//! Loads and answers that are too much: a case ends when its time is over, and says what was too much.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{get, put},
};
use futures::{StreamExt as _, stream};
use meshkat_model::mesh::Port;
use tokio_util::sync::CancellationToken;

use crate::{
    servers::{Asked, application, serve},
    world::{DEADLINE, World, options},
};

/// A world whose application never answers, with how many requests it got.
async fn silent() -> (World, Arc<AtomicUsize>) {
    let world = World::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move |_: Asked| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<&str>()
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    (world, asked)
}

/// So many loads that no answer ends: each request may take an hour.
fn loads(number: usize) -> String {
    let load = |number| format!("  - {{load: load-{number}, get: /, direct: echo, rate: 500/s, timeout: 60m}}\n");
    (1..=number).map(load).collect()
}

/// One `expect` that waits for an answer of each load.
fn expects(number: usize) -> String {
    let expect = |number| format!("  - {{expect: load-{number}, for: 100ms, errors: 0}}\n");
    (1..=number).map(expect).collect()
}

#[tokio::test]
async fn a_case_ends_at_its_deadline_whatever_its_loads_have_open() {
    let (world, asked) = silent().await;
    let text = format!(
        "promise: It answers.\nmesh: one\ndeadline: 600ms\nsteps:\n{}{}",
        loads(5),
        expects(5)
    );
    // The run has an end of its own, far earlier than any of these requests.
    let ran = world.run(vec![world.case("a/late", &text)]).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "the case took too long");
    assert_eq!(
        (failure.step.as_str(), failure.line),
        ("expect of load-1 for 100ms", 10)
    );
    let told = &failure.actual;
    assert!(
        told.starts_with("this step had not ended; of the ") && told.contains(" requests of `load-1` that were due, "),
        "{told}"
    );
    assert!(told.contains(" have no answer yet"), "{told}");
    // Nothing was sent when the case had ended.
    assert!(
        asked.load(Ordering::SeqCst) as u64 <= ran.only().requests,
        "{}",
        ran.only().requests
    );
}

#[tokio::test]
async fn a_case_that_passes_does_not_wait_for_what_its_loads_have_open() {
    let world = World::new();
    let hangs = Arc::new(AtomicBool::new(false));
    let (hung, state) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&hangs));
    let count = Arc::clone(&hung);
    let answer = move |asked: Asked| {
        if asked.uri.path() == "/hang" {
            state.store(true, Ordering::SeqCst);
        }
        let hangs = state.load(Ordering::SeqCst) && asked.uri.path() == "/load";
        let count = Arc::clone(&count);
        async move {
            if hangs {
                count.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            count.load(Ordering::SeqCst).to_string()
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let steps = "
  - {load: visitors, get: /load, direct: echo, rate: 200/s, timeout: 60m}
  - {expect: visitors, for: 100ms, errors: 0}
  - {get: /hang, direct: echo, status: 200}
  - {get: /hung, direct: echo, within: 20s, that: json > 3}
";
    // The run has an end of its own, far earlier than an hour.
    let ran = world.run(vec![world.one("a/open", steps)]).await;
    ran.passed();
    assert!(hung.load(Ordering::SeqCst) > 3);
}

#[tokio::test]
async fn cases_side_by_side_end_at_their_deadlines() {
    let (world, _) = silent().await;
    let text = format!(
        "promise: It answers.\nmesh: one\ndeadline: 600ms\nsteps:\n{}{}  - {{kill: echo}}\n",
        loads(3),
        expects(3)
    );
    let mut options = options();
    options.jobs = meshkat_engine::Jobs::Exactly(3);
    let cases = ["a/1", "a/2", "a/3"].map(|id| world.case(id, &text)).into();
    let ran = world.run_with(cases, options).await;
    for id in ["a/1", "a/2", "a/3"] {
        let failure = ran.case(id).failure.as_ref().expect("it took too long");
        assert_eq!(failure.message, "the case took too long");
    }
    assert_eq!(world.leased_and_released(), (3, 3));
}

/// Counts when it is dropped.
struct Gone(Arc<AtomicUsize>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_run_that_is_told_to_end_gives_up_what_its_loads_have_open() {
    let world = World::new();
    let cancel = CancellationToken::new();
    let (asked, gone, stop) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
        cancel.clone(),
    );
    let (count, left) = (Arc::clone(&asked), Arc::clone(&gone));
    let answer = move |_: Asked| {
        if count.fetch_add(1, Ordering::SeqCst) == 50 {
            stop.cancel();
        }
        let open = Gone(Arc::clone(&left));
        async move {
            std::future::pending::<()>().await;
            drop(open);
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let steps = format!("{}{}", loads(4), expects(4));
    let ran = world.run_until(vec![world.one("a/1", &steps)], options(), cancel).await;
    assert!(ran.summary.interrupted);
    assert_eq!(world.leased_and_released(), (1, 1));
    // Each of these may take an hour, and is given up now.
    let all_gone = async {
        while gone.load(Ordering::SeqCst) < asked.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all_gone)
        .await
        .expect("nothing stays open");
}

/// An answer of a quarter of a gigabyte: far more than is read, and little enough for a test that fails.
fn endless() -> Body {
    let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 0x10000]));
    Body::from_stream(stream::repeat_with(piece).take(4096))
}

#[tokio::test]
async fn an_answer_without_end_fails_the_step_also_where_any_error_is_expected() {
    let world = World::new();
    let answer = |_: Asked| async { axum::response::Response::new(endless()) };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    for expected in ["status: 200", "error: any", "error: reset", "error: timeout"] {
        let step = format!("  - {{get: /, direct: echo, {expected}, timeout: 1m}}\n");
        let ran = world.run(vec![world.one("a/endless", &step)]).await;
        assert_eq!(
            ran.failed().actual,
            "no answer: the answer, a 200, was given up: its body is longer than 4 MiB",
            "{expected}"
        );
    }
}

#[tokio::test]
async fn an_application_whose_refusal_never_ends_is_told_of() {
    let world = World::new();
    let faults = put(|| async { (axum::http::StatusCode::INTERNAL_SERVER_ERROR, endless()) });
    let router = Router::new()
        .route("/readyz", get(|| async { "ready" }))
        .route("/faults", faults);
    serve(world.socket("echo", Port::Application), router).await;
    let steps = "  - {fault: echo, status: 500}\n  - {get: /, direct: echo, status: 500}\n";
    let ran = world.run(vec![world.one("a/faults", steps)]).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "the application of echo does not take the fault");
    assert!(
        failure.actual.contains("its body is longer than 4 MiB"),
        "{}",
        failure.actual
    );
}

#[tokio::test]
async fn many_slow_requests_of_one_step_end_at_the_deadline() {
    let world = World::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let slow = move |_: Asked| {
        count.fetch_add(1, Ordering::SeqCst);
        async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            "Hello"
        }
    };
    serve(world.socket("echo", Port::Application), application(slow)).await;
    let text = "promise: It answers.\nmesh: one\ndeadline: 600ms\nsteps:\n  - {get: /, direct: echo, times: 10000, status: 200}\n";
    let ran = world.run(vec![world.case("a/slow", text)]).await;
    assert_eq!(ran.failed().message, "the case took too long");
    assert!(asked.load(Ordering::SeqCst) < 100);
}

/// The discovery service answers without end where it is asked who its clients are.
#[tokio::test]
async fn a_discovery_service_that_never_ends_is_told_of() {
    let world = World::new();
    let ends = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&ends);
    let discovery = crate::servers::registry(&world.registry)
        .merge(world.faults.routes("sds", "/faults"))
        .merge(world.faults.routes("discovery", "/xds/v3/faults"))
        .route(
            "/xds/v3/clients",
            get(move || {
                asked.store(false, Ordering::SeqCst);
                async { axum::response::Response::new(endless()) }
            }),
        );
    serve(world.socket("sds", Port::Application), discovery).await;
    for pod in ["ingress", "echo-1", "echo-2"] {
        let envoy = crate::servers::FakeEnvoy::new(&world.registry);
        serve(world.socket(pod, Port::Admin), envoy.admin()).await;
        let word = application(move |_| async move { ([("x-served-by", pod)], "Hello") });
        if pod != "ingress" {
            serve(world.socket(pod, Port::Application), word).await;
        }
    }
    let steps =
        "  - {discovery: silent}\n  - {discovery: restored, within: 3s}\n  - {get: /, direct: echo-1, status: 200}\n";
    let ran = world.run(vec![world.shop("a/endless", steps)]).await;
    let failure = ran.failed();
    assert!(!ends.load(Ordering::SeqCst), "it was asked");
    assert!(
        failure
            .actual
            .contains("the answer is longer than 8388608 bytes, of which no more is read"),
        "{}",
        failure.actual
    );
}
