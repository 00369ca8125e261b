//! Trying again.

use meshkat_model::results::{Failure, Status};
use meshkat_runtime::scripted::Call;

use crate::{
    ran::Ran,
    world::{World, options},
};

const HELLO: &str = "  - {get: /, direct: echo, status: 200}\n";

/// A world whose application answers the first `bad` requests with a 500.
async fn bad_at_first(bad: usize) -> World {
    World::bad_when(move |number| number < bad).await
}

async fn run(world: &World, cases: &[&str], retries: u32) -> Ran {
    let mut options = options();
    options.retries = retries;
    world
        .run_with(cases.iter().map(|id| world.one(id, HELLO)).collect(), options)
        .await
}

fn actual(failures: &[Failure]) -> Vec<&str> {
    failures.iter().map(|failure| failure.actual.as_str()).collect()
}

#[tokio::test]
async fn what_passes_when_it_is_tried_again_is_flaky_and_every_attempt_is_kept() {
    let world = bad_at_first(2).await;
    let ran = run(&world, &["a/1"], 3).await;
    let case = ran.only();
    assert_eq!((case.status, case.attempts), (Status::Flaky, 3));
    assert_eq!(case.failure, None);
    assert_eq!(actual(&case.earlier_failures), ["500: ", "500: "]);
    assert_eq!(
        (
            ran.summary.totals.flaky,
            ran.summary.totals.passed,
            ran.summary.totals.failed
        ),
        (1, 0, 0)
    );
    assert_eq!(case.requests, 1, "of the last attempt");
    let attempts: Vec<String> = ran
        .told_of("a/1")
        .into_iter()
        .filter(|line| line.starts_with("attempt"))
        .collect();
    assert_eq!(attempts, ["attempt 1", "attempt 2", "attempt 3"]);
}

#[tokio::test]
async fn no_attempt_meets_what_the_one_before_it_left_behind() {
    let world = bad_at_first(1).await;
    run(&world, &["a/1"], 1).await;
    let (lease, release) = (|| Call::Lease("one".to_owned()), || Call::Release);
    assert_eq!(world.script.calls(), [lease(), release(), lease(), release()]);
}

#[tokio::test]
async fn what_never_passes_has_failed_with_the_last_failure_and_the_earlier_ones() {
    let world = bad_at_first(100).await;
    let ran = run(&world, &["a/1"], 2).await;
    let case = ran.only();
    assert_eq!(
        (case.status, case.attempts, case.earlier_failures.len()),
        (Status::Failed, 3, 2)
    );
    assert_eq!(
        case.failure.as_ref().map(|failure| failure.actual.as_str()),
        Some("500: ")
    );
}

#[tokio::test]
async fn whoever_shares_the_mesh_of_a_retry_goes_on_with_the_new_one() {
    let world = bad_at_first(1).await;
    let ran = run(&world, &["a/1", "a/2", "a/3"], 1).await;
    let statuses: Vec<Status> = ran.cases().iter().map(|case| case.status).collect();
    assert_eq!(statuses, [Status::Flaky, Status::Passed, Status::Passed]);
    assert_eq!(world.leased_and_released(), (2, 2));
}

#[tokio::test]
async fn a_mesh_that_came_up_only_the_second_time_is_flaky_too() {
    let world = bad_at_first(0).await;
    world.script.fail(Call::Lease("one".to_owned()), "no memory");
    let ran = run(&world, &["a/1"], 1).await;
    let case = ran.only();
    assert_eq!((case.status, case.attempts), (Status::Flaky, 2));
    assert_eq!(actual(&case.earlier_failures), ["no memory"]);
}

#[tokio::test]
async fn without_retries_nothing_is_tried_again() {
    let world = bad_at_first(1).await;
    let ran = run(&world, &["a/1"], 0).await;
    assert_eq!((ran.only().status, ran.only().attempts), (Status::Failed, 1));
}
