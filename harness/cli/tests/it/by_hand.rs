//! Meshes for people: up, look, fault, down.

use std::{net::SocketAddr, time::Duration};

use rustix::process::Signal;

use crate::{
    lab::{Lab, get},
    permit::Permit,
    process::until,
};

/// A mesh of two pods, which is up in no time.
const TINY: &str = "about: The edge alone.\npods:\n  sds: {service: sds}\n  ingress: {envoy: ingress.yaml}\n";

/// Where the edge is reached, as `up` tells it.
fn ingress(out: &str) -> SocketAddr {
    let line = out.lines().find_map(|line| line.strip_prefix("ingress http://"));
    line.and_then(|address| address.parse().ok())
        .unwrap_or_else(|| panic!("no ingress in {out}"))
}

fn status(socket: SocketAddr, path: &str) -> Option<u16> {
    get(socket, path, Duration::from_secs(10)).map(|(status, _)| status)
}

#[test]
fn a_mesh_is_started_looked_at_faulted_and_ended() {
    let lab = Lab::new();
    let _permit = Permit::one();
    lab.tell(&["status"])
        .exits(0)
        .says(&["no mesh runs; `meshkat up` starts one"]);
    lab.tell(&["fault", "kill", "pet-1", "--mesh", "1-1-0-0"])
        .exits(4)
        .says(&["no mesh `1-1-0-0` runs", "none does; `meshkat up` starts one"]);
    let up = lab.tell(&["up", "neighbours", "--detach"]).exits(0).says(&["ready"]);
    let socket = ingress(&up.out);
    assert_eq!(status(socket, "/stores/1"), Some(200));

    let seen = lab.tell(&["status"]).exits(0);
    for part in [
        "mesh neighbours, started by up",
        "petstore-1",
        "LIVE",
        "addresses 127.",
        "/logs; of each the last 16 MiB",
    ] {
        assert!(seen.out.contains(part), "`{part}` is not in\n{}", seen.out);
    }
    assert!(!seen.out.contains("ended"), "{}", seen.out);

    // Frozen, it keeps the connection and says nothing: Envoy gives up after the 5 s of its route.
    lab.tell(&["fault", "pause", "petstore-1/application"])
        .exits(0)
        .says(&["paused the application of petstore-1"]);
    lab.tell(&["fault", "pause", "petstore-1/application"]).exits(4).says(&[
        "nothing of `petstore-1/application` runs: the application is paused already",
        "`fault resume petstore-1/application` undoes it",
    ]);
    let seen = lab.tell(&["status"]).exits(0);
    assert!(seen.out.contains("paused"), "{}", seen.out);
    assert_eq!(get(socket, "/stores", Duration::from_millis(300)), None);
    lab.tell(&["fault", "resume", "petstore-1"])
        .exits(0)
        .says(&["resumed the application of petstore-1"]);
    assert_eq!(status(socket, "/stores"), Some(200));

    lab.tell(&["fault", "kill", "pet-1/envoy"])
        .exits(0)
        .says(&["killed the envoy of pet-1"]);
    until("the petstore cannot reach the pet", || {
        status(socket, "/stores/1") == Some(503)
    });
    let seen = lab.tell(&["status"]).exits(0);
    assert!(
        seen.out
            .lines()
            .any(|line| line.contains("pet-1") && line.contains("ended")),
        "{}",
        seen.out
    );
    lab.tell(&["fault", "kill", "pet-1/envoy"]).exits(4).says(&[
        "nothing of `pet-1/envoy` runs: the envoy has exited already",
        "`fault start pet-1/envoy` undoes it",
    ]);
    lab.tell(&["fault", "start", "pet-1/envoy"])
        .exits(0)
        .says(&["started the envoy of pet-1"]);
    until("the petstore reaches the pet again", || {
        status(socket, "/stores/1") == Some(200)
    });
    lab.tell(&["fault", "start", "pet-1"])
        .exits(4)
        .says(&["nothing of `pet-1` has ended"]);
    lab.tell(&["fault", "resume", "pet-1"])
        .exits(4)
        .says(&["nothing of `pet-1` is paused: the application runs already, the envoy runs already"]);
    lab.tell(&["fault", "kill", "ingress/application"])
        .exits(2)
        .says(&["`ingress` has no application", "it has `ingress/envoy`"]);
    lab.tell(&["fault", "stop", "pet-1/application"])
        .exits(0)
        .says(&["stopped the application of pet-1"]);
    lab.tell(&["fault", "black-holed", "pet-1", "--peer", "petstore"])
        .exits(3)
        .says(&["this runtime cannot cut the network between pods: its pods share"]);
    lab.tell(&["fault", "restored", "pet-1"])
        .exits(3)
        .says(&["this runtime cannot cut the network between pods: its pods share"]);
    for itself in ["pet-1", "pet"] {
        lab.tell(&["fault", "black-holed", "pet-1", "--peer", itself])
            .exits(2)
            .says(&["`pet-1` has no network to itself"]);
    }
    lab.tell(&["fault", "slow", "pet-1"]).exits(2).says(&["needs --delay"]);
    lab.tell(&["fault", "kill", "pet-1", "--loss", "20%"])
        .exits(2)
        .says(&["`--loss` means nothing to `fault kill`"]);
    lab.tell(&["fault", "kill", "pet-9"])
        .exits(2)
        .says(&["there is no pod `pet-9`", "did you mean `pet-1`"]);
    lab.tell(&["fault", "pause", "pet"])
        .exits(2)
        .says(&["`pet` is a group of pods", "fault pause pet-1"]);
    lab.tell(&["fault", "kill", "pet-1/sidecar"])
        .exits(2)
        .says(&["no container `sidecar`", "POD/envoy"]);

    lab.tell(&["clean"]).exits(0).says(&["nothing was left behind"]);
    assert_eq!(lab.runs().len(), 1, "a mesh that lives is not cleaned away");
    lab.tell(&["down"]).exits(0).says(&["ended "]);
    lab.nothing_is_left();
    lab.tell(&["down"]).exits(0).says(&["no mesh that `up` started runs"]);
    lab.tell(&["status"]).exits(0).says(&["no mesh runs"]);
    assert_eq!(status(socket, "/stores/1"), None);
}

#[test]
fn a_mesh_in_the_foreground_ends_with_ctrl_c() {
    let lab = Lab::new();
    lab.write("scenarios/meshes/tiny.yaml", TINY);
    let _permit = Permit::one();
    for signal in [Signal::INT, Signal::TERM] {
        let mut up = lab.start(lab.command(&["up", "tiny"]), "up");
        up.until_it_says("ready; Ctrl-C ends it");
        up.signal(signal);
        let told = up.end().exits(130);
        assert_eq!(get(ingress(&told.out), "/", Duration::from_secs(1)), None);
        lab.nothing_is_left();
    }
}

#[test]
fn a_container_that_ends_by_itself_is_told_of() {
    let lab = Lab::new();
    lab.write("scenarios/meshes/tiny.yaml", TINY);
    let _permit = Permit::one();
    let mut up = lab.start(lab.command(&["up", "tiny"]), "up");
    up.until_it_says("ready; Ctrl-C ends it");
    lab.tell(&["fault", "kill", "sds"]).exits(0);
    up.until_it_says("the application of sds ended by signal 9");
    up.signal(Signal::INT);
    up.end().exits(130);
}

#[test]
fn several_meshes_are_told_apart_by_their_names() {
    let lab = Lab::new();
    lab.write("scenarios/meshes/tiny.yaml", TINY);
    let _permit = Permit::two();
    let first = ingress(&lab.tell(&["up", "tiny", "--detach"]).exits(0).out);
    let second = ingress(&lab.tell(&["up", "tiny", "--detach"]).exits(0).out);
    assert_ne!(first.ip(), second.ip());
    let runs = lab.runs();
    let [one, two] = &runs[..] else {
        panic!("there are two: {runs:?}")
    };
    lab.tell(&["fault", "pause", "sds"])
        .exits(2)
        .says(&["several meshes run", "--mesh", one, two]);
    lab.tell(&["fault", "pause", "sds", "--mesh", one])
        .exits(0)
        .says(&["paused the application of sds"]);
    lab.tell(&["fault", "pause", "sds", "--mesh", "17"])
        .exits(4)
        .says(&["no mesh `17` runs", one]);
    lab.tell(&["sync"]).exits(2).says(&["several meshes run", one, two]);
    lab.tell(&["sync", "--mesh", two, "--within", "30"])
        .exits(0)
        .says(&["all 1 in sync"]);
    lab.tell(&["down", one]).exits(0).says(&[&format!("ended {one}")]);
    assert_eq!(lab.runs(), [two.as_str()]);
    lab.tell(&["clean", "--force"])
        .exits(0)
        .says(&[&format!("removed {two}")]);
    lab.nothing_is_left();
}

#[test]
fn a_test_run_is_not_for_down_to_end() {
    let lab = Lab::new();
    let _permit = Permit::one();
    let run = lab.start(lab.run_command(&["failover/pet-down[how=killed]"]), "run");
    until("a mesh runs", || {
        lab.tell(&["status"]).exits(0).out.contains("started by a test run")
    });
    lab.tell(&["down"]).exits(0).says(&["no mesh that `up` started runs"]);
    assert_eq!(lab.runs().len(), 1);
    // Nor for a slip of the hand.
    let one = lab.runs().remove(0);
    lab.tell(&["fault", "kill", "sds"])
        .exits(4)
        .says(&["only faulted by its id", "--mesh ID", &one]);
    run.signal(Signal::INT);
    run.end().exits(130);
}

#[test]
fn who_asks_for_a_url_gets_one_when_the_mesh_is_ready_and_nothing_else() {
    let lab = Lab::new();
    lab.write("scenarios/meshes/tiny.yaml", TINY);
    let _permit = Permit::one();
    let url = lab.tell(&["up", "tiny", "--detach", "--format", "url"]).exits(0).out;
    let address = url.strip_prefix("http://").and_then(|url| url.strip_suffix('\n'));
    let socket: SocketAddr = address.and_then(|address| address.parse().ok()).expect("one URL");
    assert!(get(socket, "/", Duration::from_secs(10)).is_some());
    lab.tell(&["down"]).exits(0);
    let json = lab.tell(&["up", "tiny", "--detach", "--format", "json"]).exits(0).out;
    let told: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(
        (&told["mesh"], &told["id"]),
        (&"tiny".into(), &lab.runs()[0].as_str().into())
    );
    assert_eq!(told["entrances"][0]["pod"], "ingress");
    let pods = told["pods"].as_array().expect("there are pods");
    assert_eq!(pods.len(), 2);
    let sds = pods.iter().find(|pod| pod["name"] == "sds").expect("it is there");
    assert!(sds["inbound"].is_null() && sds["application"].is_string(), "{sds}");
    lab.tell(&["down"]).exits(0);
}

#[test]
fn a_failure_tells_that_somebody_else_has_changed_the_mesh() {
    let lab = Lab::new();
    lab.remove_scenarios();
    // It waits for what never comes, so that there is time for a slip of the hand. What its first step ends tells that the mesh is
    // ready: what changes before is told of the mesh that never came up.
    lab.write(
        "scenarios/mine/waits.yaml",
        "promise: It waits.\nmesh: neighbours\nsteps:\n  - kill: echo-1/application\n  - {get: /stores/77, status: 200, within: 30s}\n",
    );
    let _permit = Permit::one();
    let run = lab.start(lab.run_command(&["mine/waits", "--culprit-within", "0"]), "run");
    until("its steps run", || lab.tell(&["status"]).exits(0).out.contains("ended"));
    let one = lab.runs().remove(0);
    lab.tell(&["fault", "kill", "pet-1/envoy", "--mesh", &one]).exits(0);
    lab.tell(&["fault", "kill", "petstore-1", "--mesh", &one]).exits(0);
    run.end().exits(1);
    let failure = lab.failure("mine/waits");
    let first = failure.hints.first().map(String::as_str).unwrap_or_default();
    assert!(
        first.starts_with(
            "somebody else has changed this mesh from outside: `meshkat fault` killed the envoy of pet-1 at "
        ),
        "{:?}",
        failure.hints
    );
    assert!(first.contains("killed the application of petstore-1"), "{first}");
}
