//! Ends before the end: deadlines, `--fail-fast`, and people.

use std::time::Duration;

use meshkat_model::{mesh::Port, results::Status};
use tokio_util::sync::CancellationToken;

use crate::{
    servers::{Asked, application, serve},
    world::{World, options},
};

const HELLO: &str = "  - {get: /, direct: echo, status: 200}\n";
const WRONG: &str = "  - {get: /, direct: echo, status: 404}\n";
const NEVER: &str = "  - {get: /never, direct: echo, status: 200, timeout: 1m}\n";

/// A world whose application never answers `/never`, and cancels `cancel` when it is asked for it.
async fn stuck(cancel: &CancellationToken) -> World {
    let world = World::new();
    let cancel = cancel.clone();
    let answer = move |asked: Asked| {
        let cancel = cancel.clone();
        async move {
            if asked.uri.path() == "/never" {
                cancel.cancel();
                std::future::pending::<()>().await;
            }
            "Hello"
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    world
}

#[tokio::test]
async fn a_case_that_takes_too_long_fails_at_the_step_that_it_was_at() {
    let world = stuck(&CancellationToken::new()).await;
    let text = format!("promise: It answers.\nmesh: one\ndeadline: 300ms\nsteps:\n{HELLO}{NEVER}{HELLO}");
    let ran = world.run(vec![world.case("a/late", &text)]).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "the case took too long");
    assert_eq!(
        (failure.step.as_str(), failure.line),
        ("get /never straight to echo", 6)
    );
    assert_eq!(
        (failure.expected.as_str(), failure.actual.as_str()),
        ("all steps within 300ms", "this step had not ended")
    );
    assert_eq!(ran.only().steps.len(), 2);
}

#[tokio::test]
async fn fail_fast_starts_nothing_after_the_first_failure() {
    let world = World::with_echo().await;
    let killing = |id| world.one(id, "  - {kill: echo}\n  - {get: /, direct: echo, status: 404}\n");
    let mut options = options();
    options.fail_fast = true;
    let cases = vec![
        world.one("a/1", HELLO),
        world.one("a/2", WRONG),
        world.one("a/3", HELLO),
        killing("a/4"),
    ];
    let ran = world.run_with(cases, options).await;
    let ended: Vec<(&str, Status)> = ran.cases().iter().map(|case| (case.id.as_str(), case.status)).collect();
    assert_eq!(ended, [("a/1", Status::Passed), ("a/2", Status::Failed)]);
    assert_eq!(ran.told_of("a/3"), [""; 0], "it was not begun");
    assert!(ran.summary.interrupted);
    assert_eq!(ran.told().last().map(String::as_str), Some("run interrupted"));
    assert_eq!(world.leased_and_released(), (1, 1));
}

#[tokio::test]
async fn fail_fast_waits_for_the_last_attempt() {
    let world = World::with_echo().await;
    let mut options = options();
    (options.fail_fast, options.retries) = (true, 1);
    let ran = world
        .run_with(vec![world.one("a/1", WRONG), world.one("a/2", HELLO)], options)
        .await;
    assert_eq!((ran.only().id.as_str(), ran.only().attempts), ("a/1", 2));
}

#[tokio::test]
async fn a_run_that_is_told_to_end_gives_its_meshes_back_and_tells_only_of_what_had_ended() {
    let cancel = CancellationToken::new();
    let world = stuck(&cancel).await;
    let cases = vec![
        world.one("a/1", HELLO),
        world.one("a/2", NEVER),
        world.one("a/3", HELLO),
    ];
    let ran = world.run_until(cases, options(), cancel).await;
    assert_eq!(ran.passed().id, "a/1");
    assert_eq!(
        ran.told_of("a/2"),
        ["attempt 1", "step 1 of 1: get /never straight to echo"]
    );
    assert_eq!(ran.told_of("a/3"), [""; 0]);
    assert!(ran.summary.interrupted);
    assert_eq!(world.leased_and_released(), (1, 1));
}

#[tokio::test]
async fn meshes_side_by_side_all_end_when_the_run_is_told_to() {
    let cancel = CancellationToken::new();
    let world = stuck(&cancel).await;
    let waits = "  - {kill: echo}\n  - {get: /slow, direct: echo, within: 1m, status: 404}\n";
    let never = format!("  - {{kill: echo}}\n{NEVER}");
    let cases = vec![
        world.one("a/1", waits),
        world.one("a/2", waits),
        world.one("a/3", &never),
        world.one("a/4", waits),
    ];
    let mut options = options();
    options.jobs = meshkat_engine::Jobs::Exactly(3);
    let ran = world.run_until(cases, options, cancel).await;
    assert_eq!(ran.cases().len(), 0);
    assert_eq!(world.leased_and_released(), (3, 3), "the fourth was not started");
}

#[tokio::test]
async fn a_mesh_that_is_coming_up_is_given_back_too() {
    let cancel = CancellationToken::new();
    let world = World::new();
    let asked = cancel.clone();
    let ready = axum::routing::get(move || async move {
        asked.cancel();
        std::future::pending::<()>().await;
    });
    serve(
        world.socket("echo", Port::Application),
        axum::Router::new().route("/readyz", ready),
    )
    .await;
    let ran = world.run_until(vec![world.one("a/1", HELLO)], options(), cancel).await;
    assert_eq!(
        ran.told(),
        [
            "run of 1 on 1",
            "a/1: attempt 1",
            "mesh 0 one starts for a/1",
            "run interrupted"
        ]
    );
    assert_eq!(world.leased_and_released(), (1, 1));
}

#[tokio::test]
async fn a_run_that_is_told_to_end_before_it_began_starts_nothing() {
    let world = World::with_echo().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let ran = world.run_until(vec![world.one("a/1", HELLO)], options(), cancel).await;
    assert_eq!(ran.told(), ["run of 1 on 1", "run interrupted"]);
    assert_eq!(world.leased_and_released(), (0, 0));
}

#[tokio::test]
async fn a_load_of_a_case_that_is_cut_short_ends_with_it() {
    let cancel = CancellationToken::new();
    let world = stuck(&cancel).await;
    let steps = format!(
        "  - {{load: visitors, get: /, direct: echo, rate: 100/s}}\n{NEVER}  - {{expect: visitors, errors: 0}}\n"
    );
    let ran = tokio::time::timeout(
        Duration::from_secs(20),
        world.run_until(vec![world.one("a/1", &steps)], options(), cancel),
    );
    let ran = ran.await.expect("nothing waits for the load");
    assert!(ran.summary.interrupted);
    assert_eq!(world.leased_and_released(), (1, 1));
}
