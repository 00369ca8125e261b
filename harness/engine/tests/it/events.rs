//! What is told of a run, and in what order.

use meshkat_model::{event::Event, results::Status};
use meshkat_runtime::scripted::Call;

use crate::world::{World, options};

#[tokio::test]
async fn a_run_is_told_from_its_start_to_its_end() {
    let world = World::with_echo().await;
    let case = world.one(
        "a/hello",
        "
  - {get: /, direct: echo, status: 200, text: Hello}
  - {kill: echo}
  - {get: /, direct: echo, status: 200}
",
    );
    let ran = world.run(vec![case]).await;
    let told = [
        "run of 1 on 1",
        "a/hello: attempt 1",
        "mesh 0 one starts for a/hello",
        "mesh 0 ready",
        "a/hello: step 1 of 3: get / straight to echo",
        "a/hello: passed with 2 checks",
        "a/hello: step 2 of 3: kill echo",
        "a/hello: passed with 0 checks",
        "a/hello: step 3 of 3: get / straight to echo",
        "a/hello: passed with 1 checks",
        "a/hello: passed",
        "run finished",
    ];
    assert_eq!(ran.told(), told);
    let case = ran.passed();
    assert_eq!((case.attempts, case.checks, case.requests), (1, 3, 2));
    assert_eq!(case.reproduce, "meshkat run 'a/hello' --seed 7");
    let totals = ran.summary.totals;
    assert_eq!(
        (totals.cases, totals.passed, totals.checks, totals.requests),
        (1, 1, 3, 2)
    );
    assert!(!ran.summary.interrupted);
}

#[tokio::test]
async fn the_first_step_that_does_not_hold_is_the_last() {
    let world = World::with_echo().await;
    let case = world.one(
        "a/fails",
        "
  - {get: /, direct: echo, status: 200}
  - get: /
    direct: echo
    text: Hello
    status: 404
  - {get: /, direct: echo, status: 200}
",
    );
    let ran = world.run(vec![case]).await;
    let told = [
        "attempt 1",
        "step 1 of 3: get / straight to echo",
        "passed with 1 checks",
        "step 2 of 3: get / straight to echo",
        "failed with 2 checks",
        "failed",
    ];
    assert_eq!(ran.told_of("a/fails"), told);
    let failure = ran.failed();
    assert_eq!(failure.step, "get / straight to echo");
    assert_eq!((failure.file.as_str(), failure.line), ("scenarios/a/fails.yaml", 9));
    assert_eq!(
        (
            failure.message.as_str(),
            failure.expected.as_str(),
            failure.actual.as_str()
        ),
        ("wrong status", "status 404", "200: Hello")
    );
    assert_eq!(
        world.leased_and_released(),
        (1, 1),
        "a mesh in which a case failed is given back too"
    );
}

#[tokio::test]
async fn a_case_that_checks_nothing_does_not_pass() {
    let world = World::with_echo().await;
    let steps = "  - {pause: echo}\n  - {resume: echo}\n  - {get: /, direct: echo, status: 200}\n";
    let mut case = world.one("a/nothing", steps);
    // A file that expects nothing is refused before it runs; the engine does not rely on it.
    case.steps = case.steps[..2].into();
    let ran = world.run(vec![case]).await;
    let failure = ran.errored();
    assert_eq!(failure.message, "the case checked nothing");
    assert_eq!(
        (failure.expected.as_str(), failure.actual.as_str()),
        ("at least one check", "0 checks")
    );
    assert_eq!((failure.file.as_str(), failure.line), ("scenarios/a/nothing.yaml", 1));
}

#[tokio::test]
async fn a_mesh_that_cannot_be_removed_is_told_of_and_turns_no_verdict() {
    let world = World::with_echo().await;
    world.script.fail(Call::Release, "no permission");
    let case = world.one("a/hello", "  - {get: /, direct: echo, status: 200}\n");
    let ran = world.run(vec![case]).await;
    ran.passed();
    let warnings: Vec<String> = ran
        .told()
        .into_iter()
        .filter(|line| line.starts_with("warning"))
        .collect();
    assert_eq!(
        warnings,
        ["warning: failed to remove mesh scripted-0 (one): no permission"]
    );
}

#[tokio::test]
async fn a_mesh_that_cannot_be_leased_is_no_failed_case() {
    let world = World::with_echo().await;
    world.script.fail(Call::Lease("one".to_owned()), "no memory");
    let hello = "  - {get: /, direct: echo, status: 200}\n";
    let ran = world
        .run(vec![world.one("a/one", hello), world.one("a/two", hello)])
        .await;
    let one = ran.case("a/one");
    assert_eq!(one.status, Status::Errored);
    let failure = one.failure.as_ref().expect("it says why");
    assert_eq!(
        (failure.step.as_str(), failure.message.as_str()),
        ("start the mesh", "the mesh did not come up")
    );
    assert_eq!(failure.actual, "no memory");
    assert_eq!(ran.case("a/two").status, Status::Passed, "a mesh is tried for again");
}

#[tokio::test]
async fn a_mesh_that_does_not_become_ready_says_what_was_seen_last() {
    let (world, envoys) = World::with_shop().await;
    envoys["echo-2"].becomes("PRE_INITIALIZING");
    world.script.fail(Call::Release, "no permission");
    let mut options = options();
    options.ready_within = std::time::Duration::from_millis(300);
    let ran = world
        .run_with(
            vec![world.shop("a/hello", "  - {envoy: ingress, ready: LIVE}\n")],
            options,
        )
        .await;
    let failure = ran.errored();
    assert_eq!(
        failure.expected,
        "every Envoy live, with the endpoints that were asked for"
    );
    assert_eq!(
        failure.actual,
        "the mesh did not become ready within 300ms; last seen: the Envoy of echo-2: /ready says PRE_INITIALIZING"
    );
    let told = ran.told();
    let warning = "warning: failed to remove mesh scripted-0 (shop): no permission";
    assert!(
        told.iter().any(|line| line == warning),
        "trouble with the end does not hide the trouble with the start"
    );
    assert!(!told.iter().any(|line| line == "mesh 0 ready"));
}

#[tokio::test]
async fn the_first_event_has_all_that_will_run() {
    let world = World::with_echo().await;
    let hello = "  - {get: /, direct: echo, status: 200}\n";
    let text = format!("promise: It answers.\nmesh: one\ntags: [quick]\nsteps:\n{hello}");
    let ran = world
        .run(vec![world.case("a/one", &text), world.one("b/two", hello)])
        .await;
    let Some(Event::RunStarted { run, cases, meshes }) = ran.events.first() else {
        panic!("{:?}", ran.told())
    };
    assert_eq!((run.id.as_str(), run.seed, *meshes), ("run-1", 7, 1));
    let planned: Vec<(&str, &str, usize)> = cases
        .iter()
        .map(|case| (case.id.as_str(), case.promise.as_str(), case.tags.len()))
        .collect();
    assert_eq!(planned, [("a/one", "It answers.", 1), ("b/two", "It answers.", 0)]);
}
