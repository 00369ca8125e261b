//! What must hold of a mesh after every case, whatever the case promises.

use meshkat_model::{
    case::Case,
    mesh::{Container, Port},
    results::Status,
};
use meshkat_runtime::Usage;

use crate::{
    servers::{Asked, application, serve},
    world::World,
};

const HELLO: &str = "  - {get: /, direct: echo, status: 200}\n";

/// A world whose application does as it is asked: it writes a line, or takes files.
async fn world() -> World {
    let world = World::new();
    let script = world.script.clone();
    let answer = move |asked: Asked| {
        let script = script.clone();
        async move {
            let line = match asked.uri.path() {
                "/error" => "2026-01-01T00:00:00.000000Z ERROR echo: failed",
                "/panic" => "thread 'tokio' panicked at src/answer.rs:1:1:",
                "/leak" => {
                    let usage = Usage { files: 500, memory: 0 };
                    script.uses("echo", Container::Application, usage);
                    return "Hello";
                }
                _ => return "Hello",
            };
            script.writes("echo", Container::Application, line);
            "Hello"
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    world
}

fn asks(path: &str) -> String {
    format!("  - {{get: {path}, direct: echo, status: 200}}\n")
}

#[tokio::test]
async fn a_broken_invariant_fails_a_case_whose_promise_held() {
    let world = world().await;
    let ran = world.run(vec![world.one("a/error", &asks("/error"))]).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "the promise held, but an invariant broke: error-log");
    assert_eq!(
        (failure.step.as_str(), failure.file.as_str(), failure.line),
        ("after the last step", "scenarios/a/error.yaml", 1)
    );
    let line = "the application of echo wrote: 2026-01-01T00:00:00.000000Z ERROR echo: failed";
    assert_eq!(failure.actual, line);
    assert!(
        failure.hints[0].contains("invariant: error-log, because:"),
        "{:?}",
        failure.hints
    );
}

/// A case on the mesh `one` that allows something.
fn allowing(world: &World, id: &str, allows: &str, steps: &str) -> Case {
    let allows = format!("allows: [{{{allows}, because: it is so}}]");
    world.case(
        id,
        &format!("promise: It answers.\nmesh: one\n{allows}\nsteps:\n{steps}"),
    )
}

#[tokio::test]
async fn what_a_case_did_is_not_told_of_the_one_after_it() {
    let world = world().await;
    let cases = vec![
        allowing(&world, "a/1", "invariant: error-log", &asks("/error")),
        world.one("a/2", HELLO),
        world.one("a/3", &asks("/panic")),
    ];
    let ran = world.run(cases).await;
    let statuses: Vec<Status> = ran.cases().iter().map(|case| case.status).collect();
    assert_eq!(statuses, [Status::Passed, Status::Passed, Status::Failed]);
    assert_eq!(world.leased_and_released(), (1, 1), "they share a mesh");
    let failure = ran.case("a/3").failure.as_ref().expect("it failed");
    assert_eq!(failure.message, "the promise held, but an invariant broke: panic");
}

#[tokio::test]
async fn whoever_comes_after_a_broken_invariant_has_another_mesh() {
    let world = world().await;
    let ran = world
        .run(vec![world.one("a/1", &asks("/error")), world.one("a/2", HELLO)])
        .await;
    assert_eq!(ran.case("a/1").status, Status::Failed);
    assert_eq!(world.leased_and_released(), (2, 2));
}

#[tokio::test]
async fn what_is_allowed_with_its_reason_breaks_nothing_and_nothing_else_is() {
    let world = world().await;
    let allowed = [
        "invariant: error-log",
        "invariant: error-log, pod: echo",
        "invariant: error-log, pod: echo, log: 'echo: failed'",
    ];
    for allows in allowed {
        world
            .run(vec![allowing(&world, "a/1", allows, &asks("/error"))])
            .await
            .passed();
    }
    for allows in ["invariant: panic", "invariant: error-log, log: another"] {
        world
            .run(vec![allowing(&world, "a/1", allows, &asks("/error"))])
            .await
            .failed();
    }
}

#[tokio::test]
async fn under_a_promise_that_did_not_hold_what_broke_is_a_hint() {
    let world = world().await;
    let steps = "  - {get: /error, direct: echo, status: 404}\n";
    let ran = world.run(vec![world.one("a/1", steps)]).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "wrong status");
    let hint = "an invariant broke, too (error-log): the application of echo wrote: ";
    assert!(
        failure.hints.iter().any(|told| told.starts_with(hint)),
        "{:?}",
        failure.hints
    );
}

#[tokio::test]
async fn files_that_stay_open_fail_a_case() {
    let world = world().await;
    let ran = world.run(vec![world.one("a/leak", &asks("/leak"))]).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "the promise held, but an invariant broke: growth");
    assert_eq!(
        failure.actual,
        "the application of echo had 0 files open before the case and 500 after it, and 72 more are borne"
    );
}

#[tokio::test]
async fn a_crash_that_is_allowed_is_none() {
    let world = World::new();
    let leases = world.leases.clone();
    let answer = move |asked: Asked| {
        let leases = leases.clone();
        async move {
            if asked.uri.path() == "/crash" {
                let crashed = leases.last().crash("echo", Container::Application, 101);
                crashed.expect("there is one");
            }
            "Hello"
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let allowed = allowing(&world, "a/1", "invariant: crash, pod: echo", &asks("/crash"));
    world.run(vec![allowed]).await.passed();
    world.run(vec![world.one("a/1", &asks("/crash"))]).await.failed();
}

#[tokio::test]
async fn an_update_that_an_envoy_refused_fails_the_case_that_saw_it() {
    let (world, envoys) = World::with_shop().await;
    let look = "  - {envoy: ingress, ready: LIVE}\n";
    envoys["ingress"].counts("cluster.echo.update_rejected", 1);
    let ran = world.run(vec![world.shop("a/1", look)]).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "the promise held, but an invariant broke: nack");
    assert_eq!(
        failure.actual,
        "the envoy of ingress refused an update: cluster.echo.update_rejected was 0 before the case and 1 after it"
    );
    // On purpose.
    world
        .run(vec![world.shop("a/1", &format!("  - discovery: invalid\n{look}"))])
        .await
        .passed();
    let allows = "allows: [{invariant: nack, pod: ingress, because: it is so}]";
    let allowed = world.case(
        "a/1",
        &format!("promise: It looks.\nmesh: shop\n{allows}\nsteps:\n{look}"),
    );
    let ran = world.run(vec![allowed, world.shop("a/2", look)]).await;
    assert_eq!(world.leased_and_released(), (3, 3), "the two share a mesh");
    let statuses: Vec<Status> = ran.cases().iter().map(|case| case.status).collect();
    assert_eq!(
        statuses,
        [Status::Passed, Status::Passed],
        "it has refused nothing since"
    );
}

#[tokio::test]
async fn requests_that_the_edge_counts_and_nobody_sent_fail_a_case() {
    let (world, envoys) = World::with_shop().await;
    serve(
        world.socket("ingress", Port::Inbound),
        application(|_| async { "Hello" }),
    )
    .await;
    let counter = "http.ingress_http.downstream_rq_total";
    let steps = "  - {get: /, times: 3, status: 200}\n";
    for (counted, is_right) in [(3, true), (2, false), (4, false)] {
        envoys["ingress"].counts(counter, counted);
        let ran = world.run(vec![world.shop("a/1", steps)]).await;
        match is_right {
            true => drop(ran.passed()),
            false => {
                let failure = ran.failed();
                assert_eq!(failure.message, "the promise held, but an invariant broke: miscount");
                assert!(
                    failure.actual.contains(&format!("counted {counted} requests")),
                    "{}",
                    failure.actual
                );
            }
        }
    }
}
