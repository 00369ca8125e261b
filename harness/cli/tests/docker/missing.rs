//! A Docker that is not there, or has nothing left: exit code 3, one message, and its way out.

use std::{fs, os::unix::process::CommandExt as _, process::Command};

use crate::{
    daemon::Daemon,
    lab::{Lab, meshkat},
    yard::{Yard, docker},
};

const RUN: [&str; 3] = ["routing/petshop[petstores=1,pets=1]", "--runtime", "docker"];

#[test]
fn without_docker_there_is_one_message() {
    let lab = Lab::new();
    let nowhere = lab.path("nowhere.sock");
    let host = format!("unix://{}", nowhere.display());
    for args in [
        &["run", RUN[0], RUN[1], RUN[2]][..],
        &["up", "--runtime", "docker"],
        &["list", "--runtime", "docker"],
    ] {
        let mut command = lab.command(args);
        command.env("DOCKER_HOST", &host);
        let told = lab.tell_command(command).exits(3).says(&[
            &format!("Docker is not there: there is no {}", nowhere.display()),
            "sudo systemctl start docker",
        ]);
        assert_eq!(told.err.matches("Docker is not there").count(), 1, "{}", told.err);
    }
    drop(std::os::unix::net::UnixListener::bind(&nowhere).expect("the folder is the test's own"));
    let mut command = lab.command(&["up", "--runtime", "docker"]);
    command.env("DOCKER_HOST", &host);
    lab.tell_command(command)
        .exits(3)
        .says(&["Docker does not run: nobody listens on"]);

    let mut command = lab.command(&["up", "--runtime", "docker"]);
    command.env("DOCKER_HOST", "tcp://10.0.0.1:2375");
    lab.tell_command(command)
        .exits(3)
        .says(&["DOCKER_HOST is tcp://10.0.0.1:2375, which is not a socket of this machine"]);

    // What needs no Docker does not miss it.
    let mut command = lab.command(&["clean"]);
    command.env("DOCKER_HOST", &host);
    lab.tell_command(command).exits(0);
    let mut command = lab.command(&["doctor"]);
    command.env("DOCKER_HOST", &host);
    lab.tell_command(command)
        .exits(0)
        .says(&["note  --runtime docker cannot be used"]);
    let mut command = lab.command(&["doctor", "--runtime", "docker"]);
    command.env("DOCKER_HOST", &host);
    lab.tell_command(command).exits(3).says(&["error Docker does not run"]);
}

#[test]
fn a_docker_that_may_not_be_used_is_told_apart() {
    let Some(yard) = Yard::open() else { return };
    if !rustix::process::geteuid().is_root() {
        drop(std::io::Write::write_all(
            &mut std::io::stderr(),
            b"SKIPPED: only root can become somebody who may not use Docker\n",
        ));
        return;
    }
    // Where whoever it is can read and run it all.
    let folder = tempfile::Builder::new()
        .prefix("meshkat-nobody-")
        .tempdir_in("/tmp")
        .expect("there is a /tmp");
    let copy = |args: &[&str]| {
        let copied = Command::new("cp").args(args).status().expect("cp is there");
        assert!(copied.success());
    };
    let path = |part: &str| folder.path().join(part).display().to_string();
    copy(&["-r", &yard.project().display().to_string(), &path("project")]);
    copy(&[&meshkat().display().to_string(), &path("meshkat")]);
    let envoy = yard.tell(&["envoy", "path"]).exits(0).out;
    copy(&[envoy.trim(), &path("envoy")]);
    let opened = Command::new("chmod")
        .args(["-R", "a+rwX", &path("")])
        .status()
        .expect("chmod is there");
    assert!(opened.success());

    let mut command = Command::new(path("meshkat"));
    command
        .args(["up", "--runtime", "docker", "--envoy", &path("envoy")])
        .current_dir(path("project"))
        .env("MESHKAT_STATE_DIR", path("state"))
        .env("NO_COLOR", "1")
        .uid(65_534)
        .gid(65_534);
    yard.tell_command(command).exits(3).says(&[
        "Docker is there, but you may not use it: /var/run/docker.sock",
        "sudo usermod -aG docker $USER",
    ]);
}

#[test]
fn when_all_addresses_are_taken_there_is_one_message() {
    let Some(yard) = Yard::open() else { return };
    let name = format!("meshkat-test-{}", std::process::id());
    docker(&["network", "create", "--subnet", "10.208.77.0/24", &name]);
    let mut command = yard.command(&["up", "neighbours", "--runtime", "docker"]);
    command.env("MESHKAT_DOCKER_SUBNETS", "10.208.77.0/24");
    let told = yard.tell_command(command);
    docker(&["network", "rm", &name]);
    told.exits(3).says(&[
        "no addresses are free for a network: all 1 of 10.208.77.0/24 are taken",
        "docker network prune",
    ]);
    let mut command = yard.command(&["up", "--runtime", "docker"]);
    command.env("MESHKAT_DOCKER_SUBNETS", "10.0.0.0/30");
    yard.tell_command(command)
        .exits(3)
        .says(&["is no range of IPv4 addresses", "10.213.0.0/16"]);
}

#[test]
fn an_image_that_cannot_be_built_is_told_with_its_reason() {
    for (trouble, help) in [
        (
            "write /var/lib/docker/tmp: no space left on device",
            "docker system prune",
        ),
        ("the Dockerfile is haunted", "docker build -"),
    ] {
        let lab = Lab::new();
        let folder = tempfile::tempdir().expect("a folder");
        let daemon = Daemon::start(folder.path(), trouble);
        let mut command = lab.run_command(&RUN);
        command.env("DOCKER_HOST", daemon.host());
        lab.tell_command(command).exits(3).says(&[
            "the image meshkat/services:",
            &format!("cannot be built: {trouble}"),
            help,
        ]);
        fs::remove_dir_all(lab.state()).expect("it is the test's own");
    }
}
