//! A mesh that a case has changed, and that the next one has, too.

use std::{sync::atomic::Ordering, time::Duration};

use meshkat_model::{
    mesh::Container,
    results::{CaseResult, Status},
};
use meshkat_plan::Sharing;
use meshkat_runtime::{Target, scripted::Call};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    ran::Ran,
    world::{World, options},
};

const LOOKS: &str = "  - {envoy: ingress, ready: LIVE, endpoints: {echo: [echo-1, echo-2]}}\n";

async fn shop() -> (
    World,
    std::collections::BTreeMap<&'static str, crate::servers::FakeEnvoy>,
) {
    let (mut world, envoys) = World::with_shop().await;
    world.sharing = Sharing::Repairs;
    (world, envoys)
}

/// A case that does something and then only looks, and after it two more: another one like it, and one that looks.
async fn run_harmful(world: &World, harm: &str) -> Ran {
    let cases = vec![
        world.shop("a/1", &format!("  - {harm}\n  - {{envoy: ingress, ready: LIVE}}\n")),
        world.shop(
            "a/2",
            &format!("{LOOKS}  - {{register: {{echo: [echo-1]}}}}\n  - {{envoy: ingress, ready: LIVE}}\n"),
        ),
    ];
    let mut options = options();
    options.repaired_within = Duration::from_millis(400);
    world.run_with(cases, options).await
}

fn repairs(ran: &Ran) -> Vec<String> {
    ran.told()
        .into_iter()
        .filter(|line| line.contains("repaired after"))
        .collect()
}

#[tokio::test]
async fn whatever_a_case_did_is_undone_before_the_next_one() {
    for harm in [
        "{kill: echo-1}",
        "{kill: echo-2/envoy}",
        "{stop: echo}",
        "{pause: echo-1}",
        "{pause: echo-1/application}",
        "{fault: echo, status: 500}",
        "{fault: sds, status: 500}",
        "{scale: {echo: 3}}",
        "{scale: {echo: 0}}",
        "{register: {echo: []}}",
        "{unregister: echo}",
        "{discovery: hung}",
        "{discovery: killed}",
        "{discovery: refusing}",
        "{discovery: restored, registry: lost}",
        "{load: all, get: /, direct: echo-1, rate: 100/s}\n  - {expect: all, for: 50ms, errors: 0}",
    ] {
        let (world, _) = shop().await;
        let ran = run_harmful(&world, harm).await;
        let statuses: Vec<Status> = ran.cases().iter().map(|case| case.status).collect();
        assert_eq!(statuses, [Status::Passed; 2], "{harm}: {:#?}", ran.told());
        assert_eq!(repairs(&ran), ["mesh 0 repaired after a/1"], "{harm}");
        assert_eq!(world.leased_and_released(), (1, 1), "{harm}");
        assert_eq!(world.faults.of("echo-1"), None, "{harm}");
        assert_eq!(world.faults.of("discovery"), None, "{harm}");
        // The last case is followed by nobody: what it did is left.
        assert_eq!(
            world.registry.lock().expect("nobody panicked")["echo"].len(),
            1,
            "{harm}"
        );
    }
}

#[tokio::test]
async fn what_was_not_harmed_is_not_touched() {
    let (world, _) = shop().await;
    run_harmful(&world, "{kill: echo-1/application}").await;
    let application = Target::container("echo-1", Container::Application);
    assert_eq!(
        world.changes(),
        [Call::Kill(application.clone()), Call::Start(application)]
    );
}

/// The mesh is not as it was after `a/1`, and that is told; the next case has a new one.
#[track_caller]
fn is_not_repaired(world: &World, ran: &Ran, why: &str) {
    let told = repairs(ran);
    assert!(
        matches!(&told[..], [only] if only.starts_with("mesh 0 not repaired after a/1: ") && only.contains(why)),
        "`{why}` is not in {told:?}"
    );
    assert_eq!(world.leased_and_released(), (2, 2));
    assert_eq!(
        ran.case("a/1").status,
        Status::Passed,
        "a repair in vain is nobody's verdict"
    );
}

#[tokio::test]
async fn an_application_that_goes_on_failing_is_seen() {
    let (world, _) = shop().await;
    world.faults.stay.store(true, Ordering::SeqCst);
    let ran = run_harmful(&world, "{fault: echo-2, status: 500}").await;
    is_not_repaired(&world, &ran, "/faults of echo-2 is {\"status\":500}");
    assert_eq!(world.faults.of("echo-2"), Some(json!({"status": 500})));
}

#[tokio::test]
async fn a_discovery_service_that_goes_on_failing_is_seen() {
    let (world, _) = shop().await;
    world.faults.stay.store(true, Ordering::SeqCst);
    let ran = run_harmful(&world, "{discovery: silent}").await;
    is_not_repaired(&world, &ran, "/xds/v3/faults of sds is {\"hang\":true}");
}

#[tokio::test]
async fn an_envoy_that_remembers_ejections_is_seen() {
    let (world, envoys) = shop().await;
    envoys["ingress"].counts("cluster.echo.outlier_detection.ejections_enforced_total", 2);
    let ran = run_harmful(&world, "{kill: echo-1}").await;
    let why = "the Envoy of ingress remembers 2 ejections (cluster.echo.outlier_detection.ejections_enforced_total)";
    is_not_repaired(&world, &ran, why);
}

#[tokio::test]
async fn requests_that_are_still_in_flight_are_seen() {
    let (world, envoys) = shop().await;
    envoys["echo-1"].counts("cluster.local_service.upstream_rq_pending_active", 1);
    let ran = run_harmful(&world, "{kill: echo-2/application}").await;
    is_not_repaired(
        &world,
        &ran,
        "the Envoy of echo-1 has requests in flight (cluster.local_service.upstream_rq_pending_active)",
    );
}

#[tokio::test]
async fn an_envoy_that_does_not_follow_is_seen() {
    let (world, _) = shop().await;
    world.behind.store(true, Ordering::SeqCst);
    let ran = run_harmful(&world, "{kill: echo-1}").await;
    is_not_repaired(&world, &ran, "the Envoy of ingress has not acknowledged");
}

#[tokio::test]
async fn a_backend_that_cannot_undo_it_is_seen() {
    let (world, _) = shop().await;
    world.script.fail(
        Call::Start(Target::container("echo-1", Container::Application)),
        "no permission",
    );
    let ran = run_harmful(&world, "{kill: echo-1/application}").await;
    is_not_repaired(&world, &ran, "no permission");
}

#[tokio::test]
async fn after_a_case_that_failed_nobody_repairs_anything() {
    let (world, _) = shop().await;
    let cases = vec![
        world.shop("a/1", "  - {kill: echo-1}\n  - {envoy: ingress, ready: DRAINING}\n"),
        world.shop("a/2", LOOKS),
        world.shop("a/3", "  - {kill: echo-1}\n  - {envoy: ingress, ready: LIVE}\n"),
    ];
    let ran = world.run(cases).await;
    let statuses: Vec<(&str, Status)> = ran.cases().iter().map(|case| (case.id.as_str(), case.status)).collect();
    assert_eq!(
        statuses,
        [
            ("a/2", Status::Passed),
            ("a/1", Status::Failed),
            ("a/3", Status::Passed)
        ]
    );
    assert_eq!(repairs(&ran), [""; 0]);
    assert_eq!(world.leased_and_released(), (2, 2));
}

#[tokio::test]
async fn a_failure_tells_that_others_had_harmed_the_mesh_before() {
    let (world, _) = shop().await;
    let wrong = "  - {kill: echo-1}\n  - {envoy: ingress, ready: DRAINING}\n";
    let hints = |case: &CaseResult| case.failure.clone().expect("it failed").hints;
    let told = |hints: &[String]| {
        hints
            .iter()
            .any(|hint| hint.contains("used before, by a/1; it was repaired once"))
    };
    let kills = "  - {kill: echo-1}\n  - {envoy: ingress, ready: LIVE}\n";
    let ran = world
        .run(vec![world.shop("a/1", kills), world.shop("a/2", wrong)])
        .await;
    assert!(told(&hints(ran.case("a/2"))), "{:?}", hints(ran.case("a/2")));
    let ran = world.run(vec![world.shop("a/2", wrong)]).await;
    assert!(!told(&hints(ran.case("a/2"))));
}

#[tokio::test]
async fn a_run_that_is_stopped_amid_a_repair_gives_the_mesh_back() {
    let (world, _) = shop().await;
    world.behind.store(true, Ordering::SeqCst);
    let kills = "  - {kill: echo-1}\n  - {envoy: ingress, ready: LIVE}\n";
    let cancel = CancellationToken::new();
    let run = world.run_until(
        vec![world.shop("a/1", kills), world.shop("a/2", kills)],
        options(),
        cancel.clone(),
    );
    let stop = async {
        // The first case has ended when its container is started again.
        let deadline = tokio::time::Instant::now() + crate::world::DEADLINE;
        while !world.script.calls().iter().any(|call| matches!(call, Call::Start(_))) {
            assert!(tokio::time::Instant::now() < deadline, "nothing is repaired");
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (ran, ()) = futures::future::join(run, stop).await;
    assert!(ran.summary.interrupted);
    assert_eq!(world.leased_and_released(), (1, 1));
    assert_eq!(ran.cases().len(), 1);
}
