//! Meshes for people: up, look, fault, down.

use std::{net::SocketAddr, time::Duration};

use rustix::process::Signal;

use crate::{
    lab::get,
    process::until,
    yard::{Yard, docker},
};

/// Where the edge is reached, as `up` tells it.
pub(crate) fn ingress(out: &str) -> SocketAddr {
    let line = out.lines().find_map(|line| line.strip_prefix("ingress http://"));
    line.and_then(|address| address.parse().ok())
        .unwrap_or_else(|| panic!("no ingress in {out}"))
}

pub(crate) fn status(socket: SocketAddr, path: &str) -> Option<u16> {
    get(socket, path, Duration::from_secs(10)).map(|(status, _)| status)
}

const UP: [&str; 5] = ["up", "neighbours", "--detach", "--runtime", "docker"];

#[test]
fn a_mesh_is_started_looked_at_faulted_and_ended() {
    let Some(yard) = Yard::open() else { return };
    let up = yard.tell(&UP).exits(0).says(&["ready"]);
    let socket = ingress(&up.out);
    assert_eq!(status(socket, "/stores/1"), Some(200));

    let seen = yard.tell(&["status"]).exits(0);
    for part in ["mesh neighbours in Docker, started by up", "petstore-1", "LIVE"] {
        assert!(seen.out.contains(part), "`{part}` is not in\n{}", seen.out);
    }
    assert!(!seen.out.contains("ended"), "{}", seen.out);
    yard.tell(&["sync", "--within", "10"]).exits(0);

    yard.tell(&["fault", "pause", "petstore-1/application"])
        .exits(0)
        .says(&["paused the application of petstore-1"]);
    assert_eq!(get(socket, "/stores", Duration::from_millis(300)), None);
    assert_eq!(docker(&["ps", "--filter", "status=paused", "--quiet"]).len(), 1);
    yard.tell(&["fault", "resume", "petstore-1"])
        .exits(0)
        .says(&["resumed the application of petstore-1"]);
    assert_eq!(status(socket, "/stores"), Some(200));

    yard.tell(&["fault", "kill", "pet-1/envoy"])
        .exits(0)
        .says(&["killed the envoy of pet-1"]);
    until("the petstore cannot reach the pet", || {
        status(socket, "/stores/1") == Some(503)
    });
    yard.tell(&["fault", "kill", "pet-1/envoy"])
        .exits(4)
        .says(&["nothing of `pet-1/envoy` runs"]);
    yard.tell(&["fault", "start", "pet-1/envoy"])
        .exits(0)
        .says(&["started the envoy of pet-1"]);
    until("the petstore reaches the pet again", || {
        status(socket, "/stores/1") == Some(200)
    });
    yard.tell(&["fault", "refusing", "pet-1", "--peer", "petstore"])
        .exits(0)
        .says(&["made the network of pet-1 refusing towards petstore-1"]);
    assert_eq!(status(socket, "/stores/1"), Some(503));
    yard.tell(&["fault", "restored", "pet-1"])
        .exits(0)
        .says(&["made the network of pet-1 restored"]);
    until("they reach one another again", || {
        status(socket, "/stores/1") == Some(200)
    });
    yard.tell(&["fault", "kill", "pet-9"])
        .exits(2)
        .says(&["there is no pod `pet-9`"]);

    yard.tell(&["clean"]).exits(0).says(&["nothing was left behind"]);
    assert_eq!(yard.runs().len(), 1, "a mesh that lives is not cleaned away");
    yard.tell(&["down"]).exits(0).says(&["ended "]);
    assert_eq!(yard.left(), [""; 0]);
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    let Some(yard) = Yard::open() else { return };
    for signal in [Signal::INT, Signal::TERM] {
        let mut up = yard.start(yard.command(&["up", "neighbours", "--runtime", "docker"]), "up");
        up.until_it_says("ready; Ctrl-C ends it");
        up.signal(signal);
        up.end().exits(130);
        assert_eq!(yard.left(), [""; 0]);
        assert_eq!(yard.runs(), [""; 0]);
    }
    // In the middle of a run.
    let select = ["failover/pet-down[how=killed]", "--runtime", "docker"];
    let mut run = yard.start(yard.run_command(&select), "run");
    until("containers run", || run.has_ended() || yard.left().len() > 3);
    run.signal(Signal::INT);
    run.end().exits(130);
    assert_eq!(yard.left(), [""; 0]);
}

#[test]
fn ports_are_published_where_addresses_cannot_be_reached() {
    let Some(yard) = Yard::open() else { return };
    let mut command = yard.command(&UP);
    command.env("MESHKAT_DOCKER_REACH", "published");
    let up = yard.tell_command(command).exits(0).says(&["ready"]);
    let socket = ingress(&up.out);
    assert!(socket.ip().is_loopback(), "{socket}");
    assert_eq!(status(socket, "/stores/1"), Some(200));
    yard.tell(&["status"]).exits(0);
    yard.tell(&["sync", "--within", "10"]).exits(0);
    yard.tell(&["down"]).exits(0);

    let mut command = yard.command(&UP);
    command.env("MESHKAT_DOCKER_REACH", "carrier-pigeon");
    yard.tell_command(command)
        .exits(3)
        .says(&["MESHKAT_DOCKER_REACH is `carrier-pigeon`", "`published`"]);

    let mut command = yard.run_command(&["routing/petshop[petstores=2,pets=3]", "--runtime", "docker"]);
    command.env("MESHKAT_DOCKER_REACH", "published");
    yard.tell_command(command).exits(0);
}

#[test]
fn a_failure_tells_the_line_that_reproduces_it_in_docker() {
    let Some(yard) = Yard::open() else { return };
    yard.remove_scenarios();
    yard.write(
        "scenarios/wrong/first.yaml",
        "promise: Nobody is there.\nmesh: neighbours\nsteps:\n  - get: /stores/1\n    status: 404\n",
    );
    yard.tell_command(yard.run_command(&["--runtime", "docker"]))
        .exits(1)
        .says(&["meshkat run 'wrong/first' --seed 0 --runtime docker"]);
    assert_eq!(yard.results().run.runtime, "docker");
    // What the containers said is in the bundle.
    let bundle = yard.report().join("failures/wrong/first");
    let access = std::fs::read_to_string(bundle.join("petstore-1/access.log")).expect("it is in the bundle");
    assert!(access.contains("/stores/1"), "{access}");
}
