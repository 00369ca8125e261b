//! Steps that change the mesh: what the backend and the discovery service are asked to do, and what is told when they do
//! not.

use std::sync::{Arc, Mutex};

use axum::{Router, http::StatusCode, routing::get};
use meshkat_model::mesh::{Container, Port};
use meshkat_runtime::{Target, scripted::Call};

use crate::{
    servers::{Asked, application, serve},
    world::{Registry, World},
};

fn pod(name: &str) -> Target {
    Target::pod(name)
}

#[tokio::test]
async fn each_verb_does_its_own_to_what_its_name_stands_for() {
    let (world, _) = World::with_shop().await;
    let steps = "
  - {pause: echo-1}
  - {resume: echo-1}
  - {kill: [echo-1/envoy, echo-2/application]}
  - {start: [echo-1/envoy, echo-2/application]}
  - {stop: echo}
  - {start: echo}
  - {envoy: ingress, ready: LIVE}
";
    world.run(vec![world.shop("a/verbs", steps)]).await.passed();
    let (envoy, application) = (
        Target::container("echo-1", Container::Envoy),
        Target::container("echo-2", Container::Application),
    );
    let expected = [
        Call::Pause(pod("echo-1")),
        Call::Resume(pod("echo-1")),
        Call::Kill(envoy.clone()),
        Call::Kill(application.clone()),
        Call::Start(envoy),
        Call::Start(application),
        Call::Stop(pod("echo-1")),
        Call::Stop(pod("echo-2")),
        Call::Start(pod("echo-1")),
        Call::Start(pod("echo-2")),
    ];
    assert_eq!(world.changes(), expected);
}

#[tokio::test]
async fn what_the_backend_cannot_do_is_the_environment_s_fault() {
    for (verb, call) in [
        ("stop", Call::Stop(pod("echo-1"))),
        ("kill", Call::Kill(pod("echo-1"))),
        ("pause", Call::Pause(pod("echo-1"))),
        ("resume", Call::Resume(pod("echo-1"))),
        ("start", Call::Start(pod("echo-1"))),
    ] {
        let (world, _) = World::with_shop().await;
        world.script.fail(call, "no permission");
        let ran = world
            .run(vec![world.shop(
                "a/verb",
                &format!("  - {{{verb}: echo-1}}\n  - {{get: /, error: any}}\n"),
            )])
            .await;
        let failure = ran.errored();
        assert_eq!((failure.message.as_str(), failure.line), ("no permission", 4), "{verb}");
        assert_eq!(failure.step, format!("{verb} echo-1"));
        assert_eq!(world.leased_and_released(), (1, 1));
    }
}

#[tokio::test]
async fn pods_that_come_are_registered_once_they_are_ready() {
    // How many hosts there were when the new pod was first asked whether it is ready.
    let early: Arc<Mutex<Option<usize>>> = Arc::default();
    let noting = |registry: &Registry| {
        let (registry, early) = (Arc::clone(registry), Arc::clone(&early));
        let ready = async move || {
            let hosts = registry.lock().expect("nobody panicked")["echo"].len();
            early.lock().expect("nobody panicked").get_or_insert(hosts);
            "ready"
        };
        Router::new().route("/readyz", get(ready))
    };
    let (world, _) = World::with_shop_in_which("echo-3", noting).await;
    let steps = "  - {scale: {echo: 3}}\n  - {envoy: ingress, endpoints: {echo: 3}}\n";
    world.run(vec![world.shop("a/up", steps)]).await.passed();
    assert_eq!(world.changes(), [Call::Add("echo".to_owned())]);
    assert_eq!(*early.lock().expect("nobody panicked"), Some(2));
    assert_eq!(world.registry.lock().expect("nobody panicked")["echo"].len(), 3);
}

#[tokio::test]
async fn pods_that_go_are_stopped_once_no_envoy_has_them_the_latest_first() {
    let (world, _) = World::with_shop().await;
    let steps = "  - {scale: {echo: 0}}\n  - {envoy: ingress, endpoints: {echo: []}}\n";
    world.run(vec![world.shop("a/down", steps)]).await.passed();
    assert_eq!(
        world.changes(),
        [Call::Remove("echo-1".to_owned()), Call::Remove("echo-2".to_owned())]
    );
    assert_eq!(
        world.registry.lock().expect("nobody panicked")["echo"].len(),
        0,
        "an empty list, not no entry"
    );
    let (world, _) = World::with_shop().await;
    world
        .run(vec![world.shop(
            "a/same",
            "  - {scale: {echo: 2}}\n  - {envoy: ingress, endpoints: {echo: 2}}\n",
        )])
        .await
        .passed();
    assert_eq!(world.changes(), []);
}

#[tokio::test]
async fn an_envoy_that_does_not_follow_is_told_of_and_no_pod_is_stopped() {
    let (world, envoys) = World::with_shop().await;
    let stuck = envoys["ingress"].clone();
    let edge = move |_| {
        stuck.loses("echo");
        async { "" }
    };
    serve(world.socket("ingress", Port::Inbound), application(edge)).await;
    let steps = "  - {get: /, status: 200}\n  - {scale: {echo: 1}, within: 200ms}\n";
    let ran = world.run(vec![world.shop("a/stuck", steps)]).await;
    let failure = ran.failed();
    assert_eq!((failure.message.as_str(), failure.line), ("the mesh did not follow", 5));
    assert_eq!(failure.expected, "1 pods of `echo`, known to every Envoy");
    assert_eq!(
        failure.actual,
        "the mesh did not get the endpoints that were asked for within 200ms; last seen: the Envoy of ingress has no endpoints \
         in cluster `echo`, and should have echo-1"
    );
    assert_eq!(world.changes(), [], "who may still be asked is not stopped");
}

#[tokio::test]
async fn services_are_registered_and_every_envoy_follows() {
    let (world, _) = World::with_shop().await;
    let steps = "
  - {register: {echo: [echo-2]}}
  - {envoy: ingress, endpoints: {echo: [echo-2]}}
  - {register: {echo: []}}
  - {envoy: ingress, endpoints: {echo: []}}
  - {register: {echo: [echo]}, unawaited: true}
  - {envoy: ingress, within: 10s, endpoints: {echo: [echo-1, echo-2]}}
  - {unregister: echo}
";
    world.run(vec![world.shop("a/registry", steps)]).await.passed();
    let services: Vec<String> = world
        .registry
        .lock()
        .expect("nobody panicked")
        .keys()
        .cloned()
        .collect();
    assert_eq!(
        services,
        ["pet", "petstore"],
        "what the edge asks for besides, which nobody is"
    );
}

#[tokio::test]
async fn a_registry_that_refuses_is_told_of() {
    let (world, _) = World::with_shop().await;
    let ran = world
        .run(vec![world.shop(
            "a/registry",
            "  - {unregister: echo}\n  - {unregister: echo}\n  - {get: /, error: any}\n",
        )])
        .await;
    let failure = ran.failed();
    assert_eq!(failure.line, 5);
    assert_eq!(failure.expected, "the registry forgets `echo`");
    assert_eq!(
        failure.actual,
        "failed to DELETE `echo` in the registry: sds answered 404 Not Found: "
    );
}

#[tokio::test]
async fn a_discovery_service_may_come_later_and_is_then_told_all() {
    let (world, _) = World::with_shop().await;
    let text = "promise: It waits.\nmesh: {use: shop, not-started: [sds]}\nsteps:\n";
    let steps = "
  - {envoy: ingress, endpoints: {echo: []}}
  - {start: sds}
  - {envoy: ingress, endpoints: {echo: [echo]}}
";
    world
        .run(vec![world.case("a/later", &format!("{text}{steps}"))])
        .await
        .passed();
    assert_eq!(world.changes(), [Call::Start(pod("sds"))]);
    assert_eq!(world.registry.lock().expect("nobody panicked")["echo"].len(), 2);
}

#[tokio::test]
async fn a_discovery_service_may_come_back_with_nothing() {
    let (world, _) = World::with_shop().await;
    let steps = "
  - {kill: sds}
  - {start: sds, empty: true}
  - {envoy: ingress, ready: LIVE}
";
    world.run(vec![world.shop("a/empty", steps)]).await.passed();
    assert_eq!(
        world.changes(),
        [
            Call::Kill(pod("sds")),
            Call::Forget("sds".to_owned()),
            Call::Start(pod("sds"))
        ]
    );
}

/// A world whose application keeps the faults that it is given, or refuses them.
async fn faulty(status: StatusCode) -> (World, Arc<Mutex<Vec<String>>>) {
    let world = World::new();
    let kept: Arc<Mutex<Vec<String>>> = Arc::default();
    let all = Arc::clone(&kept);
    let answer = move |asked: Asked| {
        let line = format!("{} {} {}", asked.method, asked.uri, asked.body);
        all.lock().expect("nobody panicked").push(line);
        async move { status }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    (world, kept)
}

#[tokio::test]
async fn an_application_is_told_to_fail_and_to_stop_failing() {
    let (world, kept) = faulty(StatusCode::NO_CONTENT).await;
    let steps = "
  - {fault: echo, status: 503, probability: 0.5, paths: [/a, /b]}
  - {fault: echo, delay: 250ms}
  - {fault: echo, abort: true}
  - {heal: echo}
  - {get: /, direct: echo, status: 204}
";
    world.run(vec![world.one("a/fault", steps)]).await.passed();
    let expected = [
        "PUT /faults {\"status\":503,\"probability\":0.5,\"paths\":[\"/a\",\"/b\"]}",
        "PUT /faults {\"delay_ms\":250}",
        "PUT /faults {\"abort\":true}",
        "DELETE /faults ",
        "GET / ",
    ];
    assert_eq!(*kept.lock().expect("nobody panicked"), expected);
}

#[tokio::test]
async fn who_writes_to_an_application_says_who_it_is_and_nobody_else_is_told() {
    let world = World::new();
    let kept: Arc<Mutex<Vec<String>>> = Arc::default();
    let all = Arc::clone(&kept);
    let answer = move |asked: Asked| {
        let who = asked
            .headers
            .get("authorization")
            .map(|who| who.to_str().unwrap_or_default().to_owned());
        let line = format!("{} {}: {}", asked.method, asked.uri, who.unwrap_or_default());
        all.lock().expect("nobody panicked").push(line);
        async { StatusCode::NO_CONTENT }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    let steps = "
  - {fault: echo, status: 503}
  - {heal: echo}
  - {put: /faults, direct: echo, body: {status: 503}, status: 204}
  - {delete: /xds/v3/clusters/pet?node_cluster=a, direct: echo, status: 204}
  - {put: /faults, direct: echo, headers: {authorization: mine}, body: {status: 503}, status: 204}
  - {get: /faults, direct: echo, status: 204}
  - {put: /faults/more, direct: echo, status: 204}
  - {post: /, direct: echo, status: 204}
";
    world.run(vec![world.one("a/fault", steps)]).await.passed();
    let own = meshkat_runtime::scripted::AUTHORIZATION;
    let expected = [
        format!("PUT /faults: {own}"),
        format!("DELETE /faults: {own}"),
        format!("PUT /faults: {own}"),
        format!("DELETE /xds/v3/clusters/pet?node_cluster=a: {own}"),
        "PUT /faults: mine".to_owned(),
        "GET /faults: ".to_owned(),
        "PUT /faults/more: ".to_owned(),
        "POST /: ".to_owned(),
    ];
    assert_eq!(*kept.lock().expect("nobody panicked"), expected);
}

#[tokio::test]
async fn an_application_that_takes_no_fault_is_told_of() {
    for (step, expected) in [
        ("fault: echo, status: 500", "PUT /faults succeeds"),
        ("heal: echo", "DELETE /faults succeeds"),
    ] {
        let (world, _) = faulty(StatusCode::METHOD_NOT_ALLOWED).await;
        let ran = world
            .run(vec![world.one(
                "a/fault",
                &format!("  - {{{step}}}\n  - {{get: /, direct: echo, status: 405}}\n"),
            )])
            .await;
        let failure = ran.failed();
        assert_eq!(failure.message, "the application of echo does not take the fault");
        assert_eq!(
            (failure.expected.as_str(), failure.actual.as_str(), failure.line),
            (expected, "405: ", 4)
        );
    }
}
