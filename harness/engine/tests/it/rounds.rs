//! The same cases in several rounds.

use std::collections::BTreeSet;

use meshkat_model::{
    results::Status,
    round::{Round, Rounds},
};
use meshkat_runtime::{Capabilities, Capability, scripted::Call};

use crate::{
    ran::Ran,
    world::{World, options},
};

const HELLO: &str = "  - {get: /, direct: echo, status: 200}\n";

/// Runs these cases, each with one request, in so many rounds.
async fn run(world: &World, ids: &[&str], of: u32, until_failure: bool) -> Ran {
    let mut options = options();
    options.info.rounds = Some(Rounds { of, until_failure });
    let cases = ids.iter().map(|id| world.one(id, HELLO)).collect();
    world.run_with(cases, options).await
}

/// How each case ended, with the number of its round.
fn ended(ran: &Ran) -> Vec<(&str, u32, Status)> {
    let round = |round: Option<Round>| round.map_or(0, |round| round.number);
    let cases = ran.cases().into_iter();
    cases
        .map(|case| (case.id.as_str(), round(case.round), case.status))
        .collect()
}

#[tokio::test]
async fn each_round_has_every_case_on_meshes_of_its_own() {
    // Of four requests, the last one fails.
    let world = World::bad_when(|number| number % 4 == 3).await;
    let ran = run(&world, &["a/1", "a/2"], 3, false).await;
    assert_eq!(
        ended(&ran),
        [
            ("a/1", 1, Status::Passed),
            ("a/2", 1, Status::Passed),
            ("a/1", 2, Status::Passed),
            ("a/2", 2, Status::Failed),
            ("a/1", 3, Status::Passed),
            ("a/2", 3, Status::Passed),
        ]
    );
    let (lease, release) = (|| Call::Lease("one".to_owned()), || Call::Release);
    assert_eq!(
        world.script.calls(),
        [lease(), release(), lease(), release(), lease(), release()]
    );
    assert_eq!((ran.summary.totals.cases, ran.summary.totals.failed), (6, 1));
    assert!(!ran.summary.interrupted);
    let told = ran.told();
    let starts: BTreeSet<&String> = told
        .iter()
        .filter(|line| line.starts_with("mesh ") && line.contains(" starts "))
        .collect();
    assert_eq!(starts.len(), 3, "each mesh has a number of its own: {starts:?}");
}

#[tokio::test]
async fn until_one_fails_the_round_in_which_it_does_is_the_last_and_comes_to_its_end() {
    let world = World::bad_when(|number| number == 4).await;
    let ran = run(&world, &["a/1", "a/2"], 10, true).await;
    assert_eq!(
        ended(&ran),
        [
            ("a/1", 1, Status::Passed),
            ("a/2", 1, Status::Passed),
            ("a/1", 2, Status::Passed),
            ("a/2", 2, Status::Passed),
            ("a/1", 3, Status::Failed),
            ("a/2", 3, Status::Passed),
        ]
    );
    assert!(!ran.summary.interrupted, "it has done what it was to do");
    assert_eq!(ran.told().last().map(String::as_str), Some("run finished"));
}

#[tokio::test]
async fn what_passes_on_a_retry_ends_no_rounds() {
    let world = World::bad_when(|number| number == 1).await;
    let mut options = options();
    options.info.rounds = Some(Rounds {
        of: 3,
        until_failure: true,
    });
    options.retries = 1;
    let ran = world.run_with(vec![world.one("a/1", HELLO)], options).await;
    let ended: Vec<Status> = ran.cases().iter().map(|case| case.status).collect();
    assert_eq!(ended, [Status::Passed, Status::Flaky, Status::Passed]);
}

#[tokio::test]
async fn what_is_skipped_is_so_once_and_in_no_round() {
    let mut world = World::with_echo().await;
    world.capabilities = Capabilities::all().without(Capability::CutNetwork, "nobody is root");
    let cut = format!("{HELLO}  - {{network: disconnected, of: echo}}\n");
    let mut options = options();
    options.info.rounds = Some(Rounds {
        of: 2,
        until_failure: false,
    });
    let ran = world
        .run_with(vec![world.one("a/cut", &cut), world.one("a/1", HELLO)], options)
        .await;
    assert_eq!(
        ended(&ran),
        [
            ("a/cut", 0, Status::Skipped),
            ("a/1", 1, Status::Passed),
            ("a/1", 2, Status::Passed)
        ]
    );
}
