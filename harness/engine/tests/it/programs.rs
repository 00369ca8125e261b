//! Programs of users' own: when they are ready, and what they are never asked.

use std::time::Duration;

use axum::{Router, routing::get};
use meshkat_model::{
    mesh::{Container, Port},
    program::Readiness,
};
use meshkat_plan::Sharing;

use crate::{
    ran::Ran,
    servers::serve,
    world::{World, options},
};

const LOOK: &str = "promise: It answers.\nmesh: own\nsteps:\n  - {get: /, direct: echo, status: 200}\n";
const HARM: &str = "promise: It is back.\nmesh: own\nsteps:\n  - kill: echo\n  - start: echo\n  - {get: /, direct: echo, status: 200}\n";

/// A world with a program that has nothing of what services have: no `/readyz`, and no `/faults`.
async fn world(ready: Readiness) -> World {
    let mut world = World::new();
    world.add_program("own", ready);
    let router = Router::new()
        .route("/", get(|| async { "Hello" }))
        .route("/up", get(|| async { "yes" }));
    serve(world.socket("echo", Port::Application), router).await;
    world
}

async fn run(world: &World, cases: &[(&str, &str)], patience: Duration) -> Ran {
    let cases = cases.iter().map(|(id, text)| world.case(id, text)).collect();
    let mut options = options();
    options.ready_within = patience;
    world.run_with(cases, options).await
}

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_program_is_ready_by_what_its_mesh_file_says() {
    for ready in [Readiness::Tcp, Readiness::Http("/up".to_owned())] {
        run(&world(ready).await, &[("a/b", LOOK)], LONG).await.passed();
    }
    for (ready, last) in [
        (Readiness::Http("/nowhere".to_owned()), "/nowhere says 404 Not Found"),
        (Readiness::Log("up".to_owned()), "it has not written `up`"),
    ] {
        let ran = run(&world(ready).await, &[("a/b", LOOK)], SHORT).await;
        let actual = &ran.errored().actual;
        let last = format!("last seen: the program `server` of echo: {last}; the end of its log:\n(it wrote nothing)");
        assert!(actual.ends_with(&last), "{actual}");
    }
    let mut nobody = World::new();
    nobody.add_program("own", Readiness::Tcp);
    let ran = run(&nobody, &[("a/b", LOOK)], SHORT).await;
    let actual = &ran.errored().actual;
    assert!(actual.contains("it takes no connection at "), "{actual}");
}

#[tokio::test]
async fn a_mesh_of_it_is_repaired_without_asking_it_for_faults() {
    let mut world = world(Readiness::Tcp).await;
    world.sharing = Sharing::Repairs;
    let ran = run(&world, &[("a/1", HARM), ("a/2", HARM)], LONG).await;
    assert!(
        ran.told().iter().any(|line| line.contains("repaired after")),
        "{:?}",
        ran.told()
    );
    assert_eq!(world.leased_and_released(), (1, 1));
}

#[tokio::test]
async fn a_program_that_ends_before_it_is_ready_is_wrong_by_itself() {
    let mut world = World::new();
    world.add_program("own", Readiness::Tcp);
    world.ends_at_once = Some(("echo", Container::Application, 7));
    let ran = run(&world, &[("a/b", LOOK)], LONG).await;
    let failure = ran.failed();
    assert_eq!(
        (failure.file.as_str(), failure.line, failure.message.as_str()),
        (
            "scenarios/meshes/own.yaml",
            3,
            "a program of your own ended before it was ready"
        )
    );
    assert!(
        failure
            .actual
            .starts_with("the program `server` of echo has exited with code 7 before it was ready"),
        "{}",
        failure.actual
    );
}
