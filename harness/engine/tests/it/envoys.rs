//! Asking Envoys.

use std::sync::Arc;

use meshkat_model::mesh::Port;

use crate::{
    servers::{application, registry, serve},
    world::World,
};

#[tokio::test]
async fn what_an_envoy_says_is_held_against_what_is_expected() {
    let (world, envoys) = World::with_shop().await;
    envoys["ingress"].counts("cluster.echo.membership_total", 2);
    let steps = "
  - envoy: ingress
    ready: LIVE
    endpoints: {echo: [echo-1, echo-2], pet: []}
    stats: {cluster.echo.membership_total: 2, cluster.echo.upstream_rq_5xx: 0}
    that: stats['cluster.echo.membership_total'] == 2.0 && endpoints.echo.size() == 2
  - {envoy: ingress, endpoints: {echo: [echo]}}
  - {envoy: ingress, endpoints: {echo: 2}}
  - {envoy: [ingress, echo], ready: LIVE}
";
    let ran = world.run(vec![world.shop("a/envoy", steps)]).await;
    assert_eq!(ran.passed().checks, 6 + 1 + 1 + 3, "a group is all of its pods");
}

/// Each expectation that does not hold, alone, with what is told of it.
#[tokio::test]
async fn every_expectation_of_an_envoy_can_fail_and_says_how() {
    let table = [
        (
            "ready: DRAINING",
            "the Envoy of ingress is not in the state that it should be in",
            "DRAINING",
            "LIVE",
        ),
        (
            "endpoints: {echo: [echo-1]}",
            "the Envoy of ingress has other endpoints in cluster `echo`",
            "echo-1",
            "echo-1, echo-2",
        ),
        (
            "endpoints: {echo: 3}",
            "the Envoy of ingress has other endpoints in cluster `echo`",
            "3 endpoints",
            "echo-1, echo-2",
        ),
        (
            "endpoints: {dog: 0}",
            "the Envoy of ingress has other endpoints in cluster `dog`",
            "0 endpoints",
            "no cluster `dog`; there are: petstore, pet, echo",
        ),
        (
            "stats: {cluster.echo.membership_total: '>= 3'}",
            "`cluster.echo.membership_total` of the Envoy of ingress is not what it should be",
            ">= 3",
            "2",
        ),
        (
            "stats: {cluster.echo.upstream_rq_5xx: 1}",
            "`cluster.echo.upstream_rq_5xx` of the Envoy of ingress is not what it should be",
            "1",
            "0 (Envoy has not made `cluster.echo.upstream_rq_5xx` yet)",
        ),
    ];
    for (expectation, message, expected, actual) in table {
        let (world, envoys) = World::with_shop().await;
        envoys["ingress"].counts("cluster.echo.membership_total", 2);
        let ran = world
            .run(vec![
                world.shop("a/envoy", &format!("  - {{envoy: ingress, {expectation}}}\n")),
            ])
            .await;
        let failure = ran.failed();
        let told = (
            failure.message.as_str(),
            failure.expected.as_str(),
            failure.actual.as_str(),
            failure.line,
        );
        assert_eq!(told, (message, expected, actual, 4), "{expectation}");
    }
}

#[tokio::test]
async fn counters_are_compared_with_what_was_kept() {
    let (world, envoys) = World::with_shop().await;
    let ingress = envoys["ingress"].clone();
    ingress.counts("cluster.echo.upstream_rq_total", 40);
    // Each request to the edge is one more.
    let count = Arc::new(std::sync::atomic::AtomicU64::new(40));
    let edge = move |_| {
        let now = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        ingress.counts("cluster.echo.upstream_rq_total", now);
        async { "" }
    };
    serve(world.socket("ingress", Port::Inbound), application(edge)).await;
    let steps = |difference| {
        format!(
            "  - {{envoy: ingress, keep: before}}\n  - {{get: /, times: 3, status: 200}}\n  - {{envoy: ingress, since: before, \
             stats: {{cluster.echo.upstream_rq_total: {difference}}}}}\n"
        )
    };
    world.run(vec![world.shop("a/since", &steps(3))]).await.passed();
    let ran = world.run(vec![world.shop("a/since", &steps(4))]).await;
    assert_eq!(ran.failed().actual, "3 (from 43 to 46)");
}

#[tokio::test]
async fn an_envoy_may_become_what_it_should_be() {
    let (world, envoys) = World::with_shop().await;
    let drains = envoys["ingress"].clone();
    serve(
        world.socket("ingress", Port::Inbound),
        application(move |_| {
            drains.becomes("DRAINING");
            async { "" }
        }),
    )
    .await;
    let steps = "
  - {load: visitors, get: /, rate: 5/s}
  - {envoy: ingress, within: 20s, ready: DRAINING}
  - {expect: visitors, errors: 0}
";
    world.run(vec![world.shop("a/within", steps)]).await.passed();
    envoys["ingress"].becomes("LIVE");
    let ran = world
        .run(vec![world.shop(
            "a/within",
            "  - {envoy: ingress, within: 100ms, ready: DRAINING}\n",
        )])
        .await;
    let actual = &ran.failed().actual;
    assert!(
        actual.starts_with("not within 100ms, in ") && actual.ends_with(" attempts; the last one: LIVE"),
        "{actual}"
    );
}

#[tokio::test]
async fn an_envoy_may_have_to_stay_what_it_is() {
    let (world, envoys) = World::with_shop().await;
    let ran = world
        .run(vec![
            world.shop("a/for", "  - {envoy: ingress, for: 100ms, ready: LIVE}\n"),
        ])
        .await;
    assert!(ran.passed().checks > 1);
    let drains = envoys["ingress"].clone();
    let edge = move |_| {
        drains.becomes("DRAINING");
        async { "" }
    };
    serve(world.socket("ingress", Port::Inbound), application(edge)).await;
    // The load drains the Envoy while the step looks.
    let steps = "
  - {load: visitors, get: /, rate: 5/s}
  - {envoy: ingress, for: 1m, ready: LIVE}
  - {expect: visitors, errors: 0}
";
    let ran = world.run(vec![world.shop("a/for", steps)]).await;
    let actual = &ran.failed().actual;
    assert!(
        actual.starts_with("after ") && actual.ends_with(" of 60s: DRAINING"),
        "{actual}"
    );
}

#[tokio::test]
async fn an_envoy_that_cannot_be_reached_is_seen_as_such() {
    let world = World::new();
    serve(world.socket("sds", Port::Application), registry(&world.registry)).await;
    // Nothing of these pods runs before the case starts it, so that nobody waits for them.
    let text = "promise: It is away.\nmesh: {use: shop, replicas: {echo: 0}, not-started: [ingress]}\nsteps:\n";
    let ran = world
        .run(vec![world.case(
            "a/away",
            &format!("{text}  - {{envoy: ingress, ready: unreachable}}\n"),
        )])
        .await;
    ran.passed();
    let stats = "  - {envoy: ingress, stats: {cluster.echo.membership_total: 0}}\n";
    let ran = world.run(vec![world.case("a/away", &format!("{text}{stats}"))]).await;
    assert_eq!(
        ran.failed().actual,
        "its admin interface cannot be reached",
        "what nobody says is not 0"
    );
}

#[tokio::test]
async fn an_admin_interface_is_asked_and_told() {
    let (world, _) = World::with_shop().await;
    let steps = "
  - {admin: [ingress, echo], path: /ready, text: \"LIVE\\n\"}
  - {admin: ingress, method: POST, path: '/healthcheck/fail?now'}
  - {admin: ingress, path: /ready, within: 20s, status: 503, contains: DRAINING, keep: after}
  - {admin: ingress, path: /ready, for: 50ms, status: 503}
  - {check: after.status == 503}
";
    let ran = world.run(vec![world.shop("a/admin", steps)]).await;
    assert!(ran.passed().checks > 3 * 2 + 1 + 2 + 1, "{}", ran.passed().checks);
    let told = [
        (
            "path: /ready, contains: LIVE",
            "wrong status (the Envoy of ingress)",
            "status 200",
        ),
        (
            "method: POST, path: /ready",
            "wrong status (the Envoy of ingress)",
            "status 200",
        ),
        (
            "path: /ready, status: 503, text: x",
            "wrong body (the Envoy of ingress)",
            "x",
        ),
        (
            "path: /server_info, json: {version: real}",
            "the JSON body lacks a part (the Envoy of ingress)",
            "{\"version\":\"real\"}",
        ),
    ];
    let fail = "  - {admin: ingress, method: POST, path: '/healthcheck/fail?now'}\n";
    for (step, message, expected) in told {
        let (world, _) = World::with_shop().await;
        let look = "  - {envoy: echo, ready: LIVE}\n";
        let ran = world
            .run(vec![world.shop(
                "a/admin",
                &format!("{fail}{look}  - {{admin: ingress, {step}}}\n"),
            )])
            .await;
        let failure = ran.failed();
        let first = failure.message.split("(1) ").last().unwrap_or_default();
        assert!(first.starts_with(message), "{step}: {}", failure.message);
        assert!(failure.expected.contains(expected), "{step}: {}", failure.expected);
        assert_eq!(failure.line, 6, "{step}");
    }
}
