//! The network between pods: what the backend is asked to do to it, and what a repair waits for.

use std::{sync::atomic::Ordering, time::Duration};

use meshkat_runtime::{NetworkFault, scripted::Call};

use crate::world::World;

fn harm(pod: &str, peers: &[&str], fault: NetworkFault) -> Call {
    Call::HarmNetwork {
        pod: pod.to_owned(),
        peers: peers.iter().map(|peer| (*peer).to_owned()).collect(),
        fault,
    }
}

fn heal(pod: &str) -> Call {
    Call::HealNetwork(pod.to_owned())
}

#[tokio::test]
async fn names_stand_for_all_their_pods_and_no_peers_are_everybody() {
    let (world, _) = World::with_shop().await;
    let steps = "
  - {network: black-holed, between: [echo, sds]}
  - {network: refusing, between: [ingress, echo]}
  - {network: slow, of: echo-1, delay: 50ms}
  - {network: lossy, of: [ingress, echo], loss: 20%}
  - {envoy: ingress, ready: LIVE}
";
    world.run(vec![world.shop("a/harm", steps)]).await.passed();
    let slow = NetworkFault::Latency {
        delay: Duration::from_millis(50),
    };
    let lossy = NetworkFault::Loss { share: 0.2 };
    let expected = [
        harm("echo-1", &["sds"], NetworkFault::BlackHole),
        harm("echo-2", &["sds"], NetworkFault::BlackHole),
        harm("ingress", &["echo-1", "echo-2"], NetworkFault::Refuse),
        harm("echo-1", &[], slow),
        harm("ingress", &[], lossy),
        harm("echo-1", &[], lossy),
        harm("echo-2", &[], lossy),
    ];
    assert_eq!(world.changes(), expected);
}

#[tokio::test]
async fn nobody_is_parted_from_itself_nor_from_everybody_by_mistake() {
    let (world, _) = World::with_shop().await;
    let steps = "
  - {network: black-holed, between: [echo, echo-1]}
  - {network: refusing, between: [echo-2, echo]}
  - {envoy: ingress, ready: LIVE}
";
    world.run(vec![world.shop("a/harm", steps)]).await.passed();
    let expected = [
        harm("echo-2", &["echo-1"], NetworkFault::BlackHole),
        harm("echo-2", &["echo-1"], NetworkFault::Refuse),
    ];
    assert_eq!(world.changes(), expected);
}

#[tokio::test]
async fn what_was_harmed_is_healed_and_nothing_else() {
    let (world, _) = World::with_shop().await;
    let steps = "
  - {network: black-holed, between: [ingress, echo]}
  - {network: refusing, between: [echo-1, sds]}
  - {network: disconnected, of: echo-2}
  - {network: restored, of: echo-1}
  - network: restored
  - network: restored
";
    let ran = world
        .run(vec![world.shop(
            "a/heal",
            &format!("{steps}  - {{envoy: ingress, ready: LIVE}}\n"),
        )])
        .await;
    let case = ran.passed();
    let undone = &world.changes()[3..];
    // To be apart from somebody who is off the network needs no healing of its own.
    assert_eq!(undone, [heal("echo-1"), heal("echo-2")]);
    assert_eq!(case.checks, 4, "each repair is one");
}

#[tokio::test]
async fn a_pod_that_has_gone_needs_no_repair_and_one_that_is_not_there_cannot_be_cut() {
    let (world, _) = World::with_shop().await;
    let steps = "
  - {network: slow, of: echo-2, delay: 1ms}
  - {scale: {echo: 1}}
  - {network: restored, within: 5s}
  - {scale: {echo: 0}}
  - {network: black-holed, between: [ingress, echo]}
  - {envoy: ingress, ready: LIVE}
";
    let ran = world.run(vec![world.shop("a/gone", steps)]).await;
    assert_eq!(ran.failed().message, "there is no pod `echo` at this moment");
    assert_eq!(ran.failed().line, 9);
    assert!(!world.changes().contains(&heal("echo-2")));
}

#[tokio::test]
async fn what_the_backend_does_not_do_is_the_environment_s_fault() {
    for (call, steps, line) in [
        (
            harm("echo-1", &[], NetworkFault::Refuse),
            "  - {network: refusing, of: echo-1}\n",
            4,
        ),
        (
            heal("echo-1"),
            "  - {network: refusing, of: echo-1}\n  - network: restored\n",
            5,
        ),
    ] {
        let (world, _) = World::with_shop().await;
        world.script.fail(call, "pet-1 does not answer pings");
        let case = world.shop("a/verb", &format!("{steps}  - {{get: /, error: any}}\n"));
        let ran = world.run(vec![case]).await;
        let failure = ran.errored();
        assert_eq!(
            (failure.message.as_str(), failure.line),
            ("pet-1 does not answer pings", line)
        );
        assert_eq!(world.leased_and_released(), (1, 1));
    }
}

const CUT: &str = "  - {network: black-holed, between: [ingress, sds]}\n";

#[tokio::test]
async fn a_repair_waits_for_every_envoy_to_have_its_endpoints() {
    let (world, envoys) = World::with_shop().await;
    envoys["ingress"].loses("pet");
    let steps = format!("{CUT}  - {{register: {{echo: [echo-1]}}}}\n  - {{network: restored, within: 5s}}\n");
    let case = world.shop("a/heal", &format!("{steps}  - {{envoy: ingress, ready: LIVE}}\n"));
    world.run(vec![case]).await.passed();

    let (world, envoys) = World::with_shop().await;
    let stuck = envoys["ingress"].clone();
    let edge = move |_| {
        stuck.loses("echo");
        async { "" }
    };
    crate::servers::serve(
        world.socket("ingress", meshkat_model::mesh::Port::Inbound),
        crate::servers::application(edge),
    )
    .await;
    let steps = format!("{CUT}  - {{get: /, status: 200}}\n  - {{network: restored, within: 200ms}}\n");
    let ran = world.run(vec![world.shop("a/stuck", &steps)]).await;
    let failure = ran.failed();
    assert_eq!((failure.message.as_str(), failure.line), ("the mesh did not follow", 6));
    assert!(
        failure.actual.contains("ingress has no endpoints in cluster `echo`"),
        "{}",
        failure.actual
    );
}

#[tokio::test]
async fn a_repair_waits_for_every_envoy_to_acknowledge() {
    let (world, _) = World::with_shop().await;
    world.behind.store(true, Ordering::SeqCst);
    let steps = format!("{CUT}  - {{network: restored, within: 200ms}}\n  - {{envoy: ingress, ready: LIVE}}\n");
    let ran = world.run(vec![world.shop("a/behind", &steps)]).await;
    assert!(
        ran.failed().actual.contains("ingress has not acknowledged `echo`"),
        "{}",
        ran.failed().actual
    );
}

#[tokio::test]
async fn who_is_still_cut_off_is_not_waited_for() {
    let restored = "  - {network: restored, of: echo, within: 200ms}\n  - {envoy: ingress, ready: LIVE}\n";
    for (cut, passes) in [
        ("{network: black-holed, between: [ingress, sds]}", true),
        ("{network: disconnected, of: sds}", true),
        ("{network: slow, between: [ingress, sds], delay: 1ms}", false),
        ("{network: refusing, between: [ingress, echo]}", false),
    ] {
        let (world, _) = World::with_shop().await;
        world.behind.store(true, Ordering::SeqCst);
        let ran = world
            .run(vec![world.shop("a/part", &format!("  - {cut}\n{restored}"))])
            .await;
        let status = ran.only().status;
        assert_eq!(
            status == meshkat_model::results::Status::Passed,
            passes,
            "{cut}: {status:?}"
        );
    }
}

#[tokio::test]
async fn without_a_discovery_service_a_repair_waits_for_the_network_alone() {
    let (world, _) = World::with_shop().await;
    world.behind.store(true, Ordering::SeqCst);
    let steps = format!("{CUT}  - {{kill: sds}}\n  - {{network: restored, within: 200ms}}\n");
    let ran = world
        .run(vec![world.shop(
            "a/alone",
            &format!("{steps}  - {{envoy: ingress, ready: LIVE}}\n"),
        )])
        .await;
    ran.passed();
}
