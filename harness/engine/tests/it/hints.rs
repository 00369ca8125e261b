//! What is told of a mesh beside the failure of a case.

use meshkat_model::mesh::{Container, Port};

use crate::{
    ran::Ran,
    servers::{FakeEnvoy, application, serve},
    world::World,
};

/// A world whose edge logs and counts something whenever the application is asked; its configuration has no access log.
async fn troubled() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("ingress.yaml");
    std::fs::write(&file, "static_resources: {}\n").expect("the folder is the test's own");
    let earlier = "[2026-11-29 10:14:52.229][7][error][lua] [a.cc:1] script log: earlier\n";
    let mut world = World::new();
    world.add_mesh("edge", file);
    world.script = world.script.clone().log("ingress", Container::Envoy, earlier);
    let envoy = FakeEnvoy::new(&world.registry);
    envoy.counts("listener_manager.workers_started", 1);
    serve(world.socket("ingress", Port::Admin), envoy.admin()).await;
    let script = world.script.clone();
    let answer = move |_| {
        let (script, envoy) = (script.clone(), envoy.clone());
        async move {
            let now = earlier.replace("52.229", "53.000").replace("earlier", "now");
            let _ = script.log("ingress", Container::Envoy, &format!("{earlier}{now}"));
            envoy.counts("listener.127.0.0.1_10443.ssl.connection_error", 2);
            envoy.counts("http.edge.no_route", 3);
            "Hello"
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    (world, folder)
}

fn hints(ran: &Ran, id: &str) -> Vec<String> {
    ran.case(id).failure.clone().expect("it failed").hints
}

/// A mesh on which an invariant broke is given back, and the next case would have another one.
const ALLOWED: &str = "allows: [{invariant: error-log, because: it is what is tried}]";

#[tokio::test]
async fn what_envoys_logged_and_counted_since_the_case_began_is_told() {
    let (world, _folder) = troubled().await;
    let case = |id| {
        let step = "{get: /, direct: echo, status: 404}";
        world.case(
            id,
            &format!("promise: It answers.\nmesh: edge\n{ALLOWED}\nsteps:\n  - {step}\n"),
        )
    };
    let ran = world.run(vec![case("a/1"), case("a/2")]).await;
    assert_eq!(
        hints(&ran, "a/1"),
        [
            "the Envoy of ingress expects TLS at its listener `127.0.0.1_10443`; connections that had none, or broke in its \
             handshake: 2 (listener.127.0.0.1_10443.ssl.connection_error)",
            "the Envoy of ingress has no access log; counted were http.edge.no_route 3",
            "the Envoy of ingress logged: [error][lua] script log: earlier",
            "the Envoy of ingress logged: [error][lua] script log: now",
        ]
    );
    let of_second = hints(&ran, "a/2");
    assert!(
        of_second.iter().all(|hint| !hint.contains("the Envoy of")),
        "all of it was before the case: {of_second:?}"
    );
}
