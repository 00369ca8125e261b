//! What failed cases have in common, and what is run to find out.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::http::StatusCode;
use meshkat_engine::RunOptions;
use meshkat_model::{
    case::Case,
    culprit::{Certainty, Culprit, Why, values},
    event::Event,
    mesh::Port,
    results::Status,
    scenario::{Scenario, SharedAxes},
    source::Source,
};
use meshkat_plan::expand;
use tokio_util::sync::CancellationToken;

use crate::{
    ran::Ran,
    servers::{application, serve},
    world::{DEADLINE, World, options},
};

/// Six axes; what is asked for tells the values.
const SIX: &str = "promise: It answers.
mesh: one
axes:
  xds: [rest, grpc, delta]
  lb: [rr, least, ring]
  outage: [killed, hung]
  pets: [1, 3]
  tls: [off, on]
  retry: [none, one]
steps:
  - {get: '/${xds}/${lb}/${outage}/${pets}/${tls}/${retry}', direct: echo, status: 200}
";

fn cases(world: &World, text: &str) -> Vec<Case> {
    let source = Source::new("scenarios/a/six.yaml", text);
    let scenario = Scenario::read("a/six", source, &SharedAxes::default()).expect("it holds");
    expand(&scenario, world).expect("it holds")
}

/// A world whose application answers 500 to paths of which `fails` says so, given how often the path was asked for before.
async fn world(fails: impl Fn(&str, usize) -> bool + Clone + Send + Sync + 'static) -> World {
    let world = World::new();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let answer = move |request: crate::servers::Asked| {
        let path = request.uri.path().to_owned();
        let before = {
            let mut asked = asked.lock().expect("nobody panics with it");
            let before = asked.iter().filter(|known| **known == path).count();
            asked.push(path.clone());
            before
        };
        let status = match fails(&path, before) {
            true => StatusCode::INTERNAL_SERVER_ERROR,
            false => StatusCode::OK,
        };
        async move { status }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    world
}

/// Some cases of many; the others can be tried.
fn some(all: &[Case], ids: &[&str]) -> Vec<Case> {
    let picked = ids.iter().map(|id| {
        let id = format!("a/six[{id}]");
        all.iter()
            .find(|case| case.id == id)
            .unwrap_or_else(|| panic!("{id}"))
            .clone()
    });
    picked.collect()
}

/// Every pair of values is in one of these, or nearly so.
const PAIRS: [&str; 9] = [
    "xds=rest,lb=rr,outage=killed,pets=1,tls=off,retry=none",
    "xds=rest,lb=least,outage=hung,pets=3,tls=on,retry=one",
    "xds=rest,lb=ring,outage=killed,pets=3,tls=off,retry=one",
    "xds=grpc,lb=rr,outage=hung,pets=3,tls=off,retry=none",
    "xds=grpc,lb=least,outage=killed,pets=1,tls=on,retry=one",
    "xds=grpc,lb=ring,outage=hung,pets=1,tls=on,retry=none",
    "xds=delta,lb=rr,outage=killed,pets=1,tls=on,retry=one",
    "xds=delta,lb=least,outage=killed,pets=3,tls=off,retry=none",
    "xds=delta,lb=ring,outage=hung,pets=3,tls=on,retry=one",
];

fn within(time: Duration, all: &[Case]) -> RunOptions {
    let mut options = options();
    options.culprit.within = time;
    options.culprit.cases = all.to_vec();
    options
}

fn culprits(ran: &Ran) -> Vec<&Culprit> {
    let events = ran.events.iter();
    let culprits = events.filter_map(|event| match event {
        Event::Culprit { culprit } => Some(&**culprit),
        _ => None,
    });
    culprits.collect()
}

#[track_caller]
fn culprit(ran: &Ran) -> &Culprit {
    match culprits(ran)[..] {
        [only] => only,
        _ => panic!("there is not one culprit; told was\n{}", ran.told().join("\n")),
    }
}

fn delta_ring(path: &str, _: usize) -> bool {
    path.starts_with("/delta/ring/")
}

#[tokio::test]
async fn two_factors_of_six_are_named_exactly_and_the_smallest_case_is_found() {
    let world = world(delta_ring).await;
    let all = cases(&world, SIX);
    let ran = world.run_with(some(&all, &PAIRS), within(DEADLINE, &all)).await;
    assert_eq!((ran.summary.totals.failed, ran.summary.totals.passed), (1, 8));
    let culprit = culprit(&ran);
    assert_eq!(culprit.certainty, Certainty::Decided, "{culprit:#?}");
    let causes: Vec<String> = culprit.causes.iter().map(|cause| values(&cause.values)).collect();
    assert_eq!(causes, ["xds=delta and lb=ring"]);
    assert!(
        culprit.sentence.contains("have xds=delta and lb=ring; "),
        "{}",
        culprit.sentence
    );
    assert!(
        culprit.sentence.ends_with(" one of the two, and none has both"),
        "{}",
        culprit.sentence
    );
    let smallest = culprit.smallest.as_ref().expect("something fails");
    assert_eq!(
        (smallest.id.as_str(), smallest.proven),
        ("a/six[xds=delta,lb=ring,outage=killed,pets=1,tls=off,retry=none]", true)
    );
    assert!(!culprit.cut_short && culprit.flaky.is_empty());

    // It tells what it ran: first that the failure is one, and each case once.
    assert_eq!(culprit.trials[0].why, Why::Confirm);
    assert_eq!(culprit.trials[0].status, Status::Failed);
    let ids: BTreeSet<&str> = culprit.trials[1..].iter().map(|trial| trial.id.as_str()).collect();
    assert_eq!(ids.len(), culprit.trials.len() - 1);
    let trying = ran.told().iter().filter(|line| line.starts_with("trying ")).count();
    assert_eq!(trying, culprit.trials.len());
    // The cases of the run are those that were asked for, each once.
    assert_eq!(ran.cases().len(), PAIRS.len());
    assert_eq!(ran.summary.totals.cases, 9);
    // Every case that was tried had a mesh of its own, and all were given back.
    let (leased, released) = world.leased_and_released();
    assert_eq!((leased, released), (1 + culprit.trials.len(), leased));
}

#[tokio::test]
async fn what_is_tried_is_the_same_each_time() {
    let mut told = Vec::new();
    for _ in 0..2 {
        let world = world(delta_ring).await;
        let all = cases(&world, SIX);
        let ran = world.run_with(some(&all, &PAIRS), within(DEADLINE, &all)).await;
        let lines = ran.told().into_iter();
        told.push(
            lines
                .filter(|line| line.starts_with("trying ") || line.starts_with("culprit "))
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn without_time_only_what_was_seen_counts() {
    let world = world(delta_ring).await;
    let all = cases(&world, SIX);
    let ran = world.run_with(some(&all, &PAIRS), within(Duration::ZERO, &all)).await;
    let culprit = culprit(&ran);
    assert_eq!(
        (culprit.certainty, culprit.trials.len(), culprit.cut_short),
        (Certainty::Undecided, 0, false)
    );
    assert!(
        culprit.sentence.contains("the evidence does not decide"),
        "{}",
        culprit.sentence
    );
    assert_eq!(world.leased_and_released(), (1, 1));
    let told = ran.told();
    assert!(
        told[told.len() - 2].starts_with("culprit of a/six: the only failure has "),
        "{told:#?}"
    );
}

#[tokio::test]
async fn a_verdict_that_changes_is_flaky_with_both_attempts_and_no_evidence() {
    // The case with hung, 1 fails the first time only; delta with ring always does.
    let world = world(|path, before| delta_ring(path, 0) || (path == "/grpc/ring/hung/1/on/none" && before == 0)).await;
    let all = cases(&world, SIX);
    let mut ids = PAIRS.to_vec();
    ids.push("xds=delta,lb=ring,outage=hung,pets=3,tls=on,retry=none");
    let ran = world.run_with(some(&all, &ids), within(DEADLINE, &all)).await;
    let culprit = culprit(&ran);
    let unsteady = "a/six[xds=grpc,lb=ring,outage=hung,pets=1,tls=on,retry=none]";
    let flaky: Vec<(&str, Vec<Status>)> = culprit
        .flaky
        .iter()
        .map(|case| {
            (
                case.id.as_str(),
                case.attempts.iter().map(|attempt| attempt.status).collect(),
            )
        })
        .collect();
    assert_eq!(flaky, [(unsteady, vec![Status::Failed, Status::Passed])]);
    assert!(
        culprit.flaky[0].attempts[0].failure.is_some(),
        "why it failed the first time is kept"
    );
    let causes: Vec<String> = culprit.causes.iter().map(|cause| values(&cause.values)).collect();
    assert_eq!(causes, ["xds=delta and lb=ring"]);
    // It stays failed, and so does the run.
    assert_eq!(ran.case(unsteady).status, Status::Failed);
    assert_eq!((ran.summary.totals.failed, ran.summary.totals.flaky), (3, 0));
}

#[tokio::test]
async fn failures_that_nobody_sees_again_have_no_culprit() {
    let world = world(|path, before| path.contains("/hung/") && before == 0).await;
    let all = cases(&world, SIX);
    let ran = world.run_with(some(&all, &PAIRS), within(DEADLINE, &all)).await;
    let culprit = culprit(&ran);
    assert_eq!(culprit.certainty, Certainty::Unsteady);
    assert_eq!(
        culprit.sentence,
        "none of the 3 failures that were run again failed again"
    );
    assert_eq!(
        (culprit.flaky.len(), culprit.trials.len(), culprit.causes.len()),
        (3, 3, 0)
    );
    assert_eq!(ran.summary.totals.failed, 4, "they failed all the same");
}

#[tokio::test]
async fn a_failure_that_a_retry_saw_again_is_not_confirmed_once_more() {
    let world = world(delta_ring).await;
    let all = cases(&world, SIX);
    let mut options = within(DEADLINE, &all);
    options.retries = 1;
    let ran = world.run_with(some(&all, &PAIRS), options).await;
    let culprit = culprit(&ran);
    assert!(
        culprit.trials.iter().all(|trial| trial.why != Why::Confirm),
        "{culprit:#?}"
    );
    assert_eq!(culprit.certainty, Certainty::Decided);
}

#[tokio::test]
async fn who_stops_at_the_first_failure_wants_no_more_of_it() {
    let world = world(delta_ring).await;
    let all = cases(&world, SIX);
    let mut options = within(DEADLINE, &all);
    options.fail_fast = true;
    let ran = world.run_with(some(&all, &PAIRS), options).await;
    assert_eq!(culprits(&ran).len(), 0);
}

#[tokio::test]
async fn nothing_is_looked_for_where_nothing_failed_or_nothing_varies() {
    let world = world(|path, _| path == "/bad").await;
    let all = cases(&world, SIX);
    let mut cases = some(&all, &PAIRS);
    cases.push(world.one("a/bad", "  - {get: /bad, direct: echo, status: 200}\n"));
    let ran = world.run_with(cases, within(DEADLINE, &all)).await;
    assert_eq!((culprits(&ran).len(), ran.summary.totals.failed), (0, 1));
}

/// The time ends in the middle of a case that hangs: its mesh is given back, and what was found so far is told.
#[tokio::test]
async fn when_the_time_is_up_the_rest_is_left_and_said_to_be() {
    let world = World::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let answer = move |request: crate::servers::Asked| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let bad = delta_ring(request.uri.path(), 0);
        async move {
            if number > PAIRS.len() {
                std::future::pending::<()>().await;
            }
            if bad {
                StatusCode::INTERNAL_SERVER_ERROR
            } else {
                StatusCode::OK
            }
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let all = cases(&world, SIX);
    let options = within(Duration::from_secs(2), &all);
    let ran = world
        .run_until(some(&all, &PAIRS), options, CancellationToken::new())
        .await;
    let culprit = culprit(&ran);
    assert_eq!((culprit.certainty, culprit.cut_short), (Certainty::Undecided, true));
    assert_eq!(
        culprit.trials.iter().map(|trial| trial.status).collect::<Vec<_>>(),
        [Status::Failed]
    );
    let (leased, released) = world.leased_and_released();
    assert_eq!(leased, released);
    assert!(!ran.summary.interrupted);
}
