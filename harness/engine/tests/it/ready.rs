//! When a mesh without a discovery service is ready.

use std::time::Duration;

use meshkat_model::mesh::{Container, Port};
use meshkat_runtime::{Target, scripted::Call};
use tempfile::TempDir;

use crate::{
    ran::Ran,
    servers::{FakeEnvoy, application, serve},
    world::{World, options},
};

/// A world with the mesh `edge`, whose edge has these clusters, and the Envoy of it.
async fn edge(clusters: &str) -> (World, FakeEnvoy, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("edge.yaml");
    std::fs::write(&file, format!("static_resources: {{clusters: [{clusters}]}}\n"))
        .expect("the folder is the test's own");
    let mut world = World::new();
    world.add_mesh("edge", file);
    let envoy = FakeEnvoy::new(&world.registry);
    envoy.counts("listener_manager.workers_started", 1);
    serve(world.socket("ingress", Port::Admin), envoy.admin()).await;
    (world, envoy, folder)
}

async fn with_an_application(world: &World) {
    serve(
        world.socket("echo", Port::Application),
        application(|_| async { "Hello" }),
    )
    .await;
}

async fn run(world: &World, patience: Duration) -> Ran {
    let case = world.case(
        "a/b",
        "promise: It answers.\nmesh: edge\nsteps:\n  - {get: /, direct: echo, status: 200}\n",
    );
    let mut options = options();
    options.ready_within = patience;
    world.run_with(vec![case], options).await
}

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_envoy_that_is_not_live_is_not_ready() {
    let (world, envoy, _folder) = edge("{name: echo}").await;
    with_an_application(&world).await;
    for (state, workers, last) in [
        ("PRE_INITIALIZING", 0, "/ready says PRE_INITIALIZING"),
        ("INITIALIZING", 0, "/ready says INITIALIZING"),
        ("LIVE", 0, "its workers have not started"),
    ] {
        envoy.becomes(state);
        envoy.counts("listener_manager.workers_started", workers);
        let ran = run(&world, SHORT).await;
        let actual = &ran.errored().actual;
        assert!(
            actual.ends_with(&format!("last seen: the Envoy of ingress: {last}")),
            "{actual}"
        );
    }
    envoy.counts("listener_manager.workers_started", 1);
    run(&world, LONG).await.passed();
    assert!(world.changes().is_empty(), "it runs from the start");
}

#[tokio::test]
async fn an_envoy_that_checks_health_starts_when_those_are_ready_that_it_checks() {
    let (world, _envoy, _folder) = edge("{name: echo, health_checks: [{timeout: 1s, interval: 60s}]}").await;
    let ran = run(&world, SHORT).await;
    assert!(
        ran.errored().actual.contains("the application of echo"),
        "{}",
        ran.errored().actual
    );
    assert!(world.changes().is_empty(), "it would find the application ill");
    with_an_application(&world).await;
    run(&world, LONG).await.passed();
    assert_eq!(
        world.changes(),
        [Call::Start(Target::container("ingress", Container::Envoy))]
    );
}
