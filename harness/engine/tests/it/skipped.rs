//! Cases that the backend cannot run: told before anything starts, and never started.

use meshkat_model::results::Status;
use meshkat_runtime::{Capabilities, Capability};

use crate::world::{World, options};

const LOOK: &str = "  - {get: /, direct: echo, status: 200}\n";
const REASON: &str =
    "needs to cut the network between pods (scenarios/a/cut.yaml:5), which this runtime cannot: nobody is root";

fn cut() -> String {
    format!("{LOOK}  - {{network: disconnected, of: echo}}\n")
}

#[tokio::test]
async fn a_case_that_needs_more_than_there_is_ends_before_the_others_begin() {
    let mut world = World::with_echo().await;
    world.capabilities = Capabilities::all().without(Capability::CutNetwork, "nobody is root");
    let cases = vec![
        world.one("a/cut", &cut()),
        world.one("a/look", LOOK),
        world.one("b/cut", &cut()),
    ];
    let ran = world.run(cases).await;
    let told = [
        "run of 3 on 1",
        "a/cut: skipped",
        "b/cut: skipped",
        "a/look: attempt 1",
        "mesh 0 one starts for a/look",
        "mesh 0 ready",
        "a/look: step 1 of 1: get / straight to echo",
        "a/look: passed with 1 checks",
        "a/look: passed",
        "run finished",
    ];
    assert_eq!(ran.told(), told);
    let case = ran.case("a/cut");
    assert_eq!((case.status, case.skipped.as_deref()), (Status::Skipped, Some(REASON)));
    assert_eq!(
        (case.attempts, case.checks, case.requests, case.duration_ms),
        (0, 0, 0, 0)
    );
    assert!(case.steps.is_empty() && case.failure.is_none());
    assert_eq!(case.reproduce, "meshkat run 'a/cut' --seed 7");
    assert_eq!(ran.case("a/look").skipped, None);
    let totals = ran.summary.totals;
    assert_eq!((totals.cases, totals.passed, totals.skipped), (3, 1, 2));
    assert!(!ran.summary.interrupted);
}

#[tokio::test]
async fn where_every_case_is_skipped_nothing_starts_and_nothing_is_tried_again() {
    let mut world = World::new();
    world.capabilities = Capabilities::all().without(Capability::CutNetwork, "nobody is root");
    let cases = vec![world.one("a/cut", &cut()), world.one("b/cut", &cut())];
    let mut options = options();
    (options.retries, options.fail_fast) = (3, true);
    let ran = world.run_with(cases, options).await;
    assert_eq!(
        ran.told(),
        ["run of 2 on 0", "a/cut: skipped", "b/cut: skipped", "run finished"]
    );
    assert_eq!(world.leased_and_released(), (0, 0));
}

#[tokio::test]
async fn a_backend_that_can_runs_the_same_case() {
    let world = World::with_echo().await;
    world.run(vec![world.one("a/cut", &cut())]).await.passed();
}
