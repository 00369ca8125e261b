//! Containers that end by themselves.

use meshkat_model::{
    mesh::{Container, Port},
    results::Status,
};

use crate::{
    servers::{Asked, application, registry, serve},
    world::World,
};

/// A world whose application crashes when it is asked for `/crash`.
async fn fragile() -> World {
    let mut world = World::new();
    world.script = world
        .script
        .clone()
        .log("echo", Container::Application, "thread 'main' panicked: a bug\n");
    let leases = world.leases.clone();
    let answer = move |asked: Asked| {
        let leases = leases.clone();
        async move {
            if asked.uri.path() == "/crash" {
                leases
                    .last()
                    .crash("echo", Container::Application, 101)
                    .expect("there is one");
            }
            "Hello"
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    world
}

const CRASH: &str = "  - {get: /crash, direct: echo, status: 200}\n";
const HELLO: &str = "  - {get: /, direct: echo, status: 200}\n";

#[tokio::test]
async fn a_crash_fails_the_case_whatever_the_answer_was() {
    let world = fragile().await;
    let ran = world.run(vec![world.one("a/crash", CRASH)]).await;
    let failure = ran.failed();
    assert_eq!(failure.message, "a container ended by itself");
    assert_eq!(
        (failure.step.as_str(), failure.line),
        ("get /crash straight to echo", 4)
    );
    assert_eq!(
        failure.actual,
        "the application of echo has exited with code 101; the end of its log:\nthread 'main' panicked: a bug\n"
    );
}

#[tokio::test]
async fn whoever_comes_after_a_crash_has_a_mesh_in_which_everybody_runs() {
    let world = fragile().await;
    let ran = world
        .run(vec![
            world.one("a/1", HELLO),
            world.one("a/2", CRASH),
            world.one("a/3", HELLO),
        ])
        .await;
    let statuses: Vec<Status> = ran.cases().iter().map(|case| case.status).collect();
    assert_eq!(
        statuses,
        [Status::Passed, Status::Failed, Status::Passed],
        "as each has it alone"
    );
    assert_eq!(world.leased_and_released(), (2, 2));
}

#[tokio::test]
async fn what_was_killed_on_purpose_is_no_crash() {
    let world = fragile().await;
    let ran = world
        .run(vec![world.one(
            "a/kill",
            "  - {kill: echo}\n  - {get: /, direct: echo, status: 200}\n",
        )])
        .await;
    ran.passed();
}

#[tokio::test]
async fn an_envoy_that_refuses_its_configuration_is_the_mesh_s_failure_and_not_the_environment_s() {
    let mut world = World::new();
    serve(world.socket("sds", Port::Application), registry(&world.registry)).await;
    world.ends_at_once = Some(("ingress", Container::Envoy, 1));
    let log =
        "[critical][main] error `route: unknown cluster 'pets'` initializing config 'goo.gle/debug \n  /x.json'\n";
    world.script = world.script.clone().log("ingress", Container::Envoy, log);
    let ran = world
        .run(vec![world.shop("a/route", "  - {envoy: ingress, ready: LIVE}\n")])
        .await;
    let failure = ran.failed();
    assert_eq!(failure.message, "an Envoy refuses its configuration");
    assert!(failure.file.ends_with("envoy-configs/ingress.yaml"), "{}", failure.file);
    let actual = format!(
        "the Envoy of ingress refuses its configuration {}: route: unknown cluster 'pets'",
        failure.file
    );
    assert_eq!(failure.actual, actual);
}

#[tokio::test]
async fn an_envoy_that_ends_for_any_other_reason_is_the_environment_s() {
    let mut world = World::new();
    serve(world.socket("sds", Port::Application), registry(&world.registry)).await;
    world.ends_at_once = Some(("ingress", Container::Envoy, 127));
    world.script = world
        .script
        .clone()
        .log("ingress", Container::Envoy, "error while loading shared libraries\n");
    let ran = world
        .run(vec![world.shop("a/route", "  - {envoy: ingress, ready: LIVE}\n")])
        .await;
    let failure = ran.errored();
    assert_eq!(failure.message, "the mesh did not come up");
    let actual =
        "the envoy of ingress has exited with code 127; the end of its log:\nerror while loading shared libraries\n";
    assert_eq!(failure.actual, actual);
}
