//! A mesh of which the next case needs other numbers of pods.

use std::sync::atomic::Ordering;

use meshkat_model::{
    case::Case,
    mesh::MeshSpec,
    results::{CaseResult, Status},
};
use meshkat_plan::Sharing;
use meshkat_runtime::scripted::Call;

use crate::{
    ran::Ran,
    world::{World, options},
};

async fn shop() -> World {
    let (mut world, _) = World::with_shop().await;
    world.sharing = Sharing::Repairs;
    world
}

/// A case that sees so many echoes in the edge, and then does something.
fn sees(world: &World, id: &str, echoes: usize, then: &str) -> Case {
    let pods: Vec<String> = (1..=echoes).map(|number| format!("echo-{number}")).collect();
    let text = format!(
        "promise: It has its pods.\nmesh: {{use: shop, replicas: {{echo: {echoes}}}}}\nsteps:\n  - {{envoy: ingress, ready: LIVE, \
         endpoints: {{echo: [{}]}}}}\n{then}",
        pods.join(", ")
    );
    world.case(id, &text)
}

fn statuses(ran: &Ran) -> Vec<(String, Status)> {
    ran.cases().iter().map(|case| (case.id.clone(), case.status)).collect()
}

fn repairs(ran: &Ran) -> Vec<String> {
    let told = ran.told().into_iter();
    told.filter(|line| line.contains("repaired after")).collect()
}

/// The numbers of echoes with which meshes were started.
fn started_with(world: &World) -> Vec<usize> {
    let started = world.started.lock().expect("nobody panicked");
    let echoes = |mesh: &MeshSpec| mesh.pods().iter().filter(|(group, _)| group == "echo").count();
    started.iter().map(echoes).collect()
}

#[tokio::test]
async fn each_case_has_the_pods_that_it_asks_for_on_one_mesh() {
    let world = shop().await;
    let kills = "  - {kill: echo-1}\n";
    let ran = world
        .run(vec![
            sees(&world, "a/1", 1, ""),
            sees(&world, "a/3", 3, kills),
            sees(&world, "a/2", 2, ""),
            sees(&world, "a/two", 2, kills),
        ])
        .await;
    let passed = ["a/3", "a/2", "a/two", "a/1"].map(|id| (id.to_owned(), Status::Passed));
    assert_eq!(statuses(&ran), passed, "{:#?}", ran.told());
    assert_eq!(
        repairs(&ran),
        [
            "mesh 0 repaired after a/3, scaled to 2 of echo",
            "mesh 0 repaired after a/two, scaled to 1 of echo"
        ]
    );
    assert_eq!(started_with(&world), [3]);
    assert_eq!(world.leased_and_released(), (1, 1));
    let scaled = world.changes();
    let removed = ["echo-3", "echo-2"].map(|pod| Call::Remove(pod.to_owned()));
    assert!(removed.iter().all(|call| scaled.contains(call)), "{scaled:?}");
}

#[tokio::test]
async fn pods_that_come_are_ready_and_registered() {
    let (mut world, envoys) = World::with_shop().await;
    world.sharing = Sharing::Repairs;
    envoys["ingress"].counts("cluster.echo.upstream_rq_total", 0);
    // The first asks for the past, and so is the first on its mesh.
    let past = "  - {envoy: ingress, stats: {cluster.echo.upstream_rq_total: 0}}\n";
    let ran = world
        .run(vec![sees(&world, "a/1", 1, past), sees(&world, "a/3", 3, "")])
        .await;
    assert!(
        ran.cases().iter().all(|case| case.status == Status::Passed),
        "{:#?}",
        ran.told()
    );
    assert_eq!(repairs(&ran), ["mesh 0 repaired after a/1, scaled to 3 of echo"]);
    assert_eq!(started_with(&world), [1]);
}

#[tokio::test]
async fn where_the_mesh_does_not_follow_the_next_case_has_a_new_one_with_its_own_numbers() {
    let world = shop().await;
    world.script.fail(Call::Remove("echo-3".to_owned()), "no permission");
    let ran = world
        .run(vec![sees(&world, "a/3", 3, ""), sees(&world, "a/2", 2, "")])
        .await;
    assert!(
        ran.cases().iter().all(|case| case.status == Status::Passed),
        "{:#?}",
        ran.told()
    );
    let told = repairs(&ran);
    assert!(
        matches!(&told[..], [only] if only.starts_with("mesh 0 not repaired after a/3, scaled to 2 of echo: ")
            && only.contains("no permission")),
        "{told:?}"
    );
    assert_eq!(started_with(&world), [3, 2]);
    assert_eq!(world.leased_and_released(), (2, 2));
}

#[tokio::test]
async fn what_was_asked_for_is_proven_of_a_mesh_that_was_scaled() {
    let world = shop().await;
    world.behind.store(true, Ordering::SeqCst);
    let mut options = options();
    options.repaired_within = std::time::Duration::from_millis(400);
    let cases = vec![sees(&world, "a/3", 3, ""), sees(&world, "a/2", 2, "")];
    let ran = world.run_with(cases, options).await;
    let told = repairs(&ran);
    assert!(
        matches!(&told[..], [only] if only.contains("the Envoy of ingress has not acknowledged")),
        "{told:?}"
    );
    assert_eq!(started_with(&world), [3, 2]);
}

#[tokio::test]
async fn after_a_failure_and_for_another_attempt_there_is_a_new_mesh_with_the_numbers_of_the_case() {
    let world = shop().await;
    let fails = "  - {envoy: ingress, ready: DRAINING}\n";
    let mut options = options();
    options.retries = 1;
    let cases = vec![
        sees(&world, "a/3", 3, ""),
        sees(&world, "a/2", 2, fails),
        sees(&world, "a/1", 1, ""),
    ];
    let ran = world.run_with(cases, options).await;
    let verdicts = [Status::Passed, Status::Failed, Status::Passed];
    assert_eq!(ran.cases().iter().map(|case| case.status).collect::<Vec<_>>(), verdicts);
    assert_eq!(started_with(&world), [3, 2, 1]);
}

#[tokio::test]
async fn a_failure_tells_that_the_mesh_had_other_numbers_of_pods() {
    let world = shop().await;
    let fails = "  - {envoy: ingress, ready: DRAINING}\n";
    let ran = world
        .run(vec![sees(&world, "a/3", 3, ""), sees(&world, "a/2", 2, fails)])
        .await;
    let failed: CaseResult = ran.case("a/2").clone();
    let hints = failed.failure.expect("it failed").hints;
    let told = "used before, by a/3; it had other numbers of pods before, and was scaled once: ";
    assert!(hints.iter().any(|hint| hint.contains(told)), "{hints:?}");
}
