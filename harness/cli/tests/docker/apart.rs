//! Two runs at the same time, and a container of somebody else's.

use std::net::IpAddr;

use testcontainers::{GenericImage, ImageExt, core::WaitFor, runners::AsyncRunner};

use crate::{
    by_hand::{ingress, status},
    yard::{Yard, docker},
};

#[test]
fn two_meshes_side_by_side_do_not_meet() {
    let Some(yard) = Yard::open() else { return };
    let up = ["up", "neighbours", "--detach", "--runtime", "docker"];
    let first = ingress(&yard.tell(&up).exits(0).out);
    let second = ingress(&yard.tell(&up).exits(0).out);
    assert_ne!(first, second);
    assert_eq!(
        (status(first, "/stores/1"), status(second, "/stores/1")),
        (Some(200), Some(200))
    );

    // Who has another state folder ends neither, though Docker has one list of containers.
    let mut elsewhere = yard.command(&["clean", "--force"]);
    elsewhere.env("MESHKAT_STATE_DIR", yard.path("elsewhere"));
    yard.tell_command(elsewhere).exits(0).says(&["the run lives"]);
    assert_eq!(status(first, "/stores/1"), Some(200));

    // From a pod of the one, a pod of the other is not there; its own are.
    let sandboxes = docker(&[
        "ps",
        "--filter",
        "label=meshkat.pod=ingress",
        "--filter",
        "label=meshkat.container=sandbox",
        "--format",
        "{{.Names}}",
    ]);
    let probe = |from: &str, to: IpAddr| {
        let target = format!("{to}:10000");
        let args = [
            "exec",
            from,
            "/usr/local/bin/meshkat-pod",
            "net",
            "probe",
            &target,
            "--within-ms",
            "1000",
        ];
        std::process::Command::new("docker")
            .args(args)
            .output()
            .expect("docker is there")
            .status
            .success()
    };
    let reached: Vec<bool> = sandboxes
        .iter()
        .flat_map(|from| [probe(from, first.ip()), probe(from, second.ip())])
        .collect();
    assert_eq!(
        reached.iter().filter(|reached| **reached).count(),
        2,
        "{reached:?}: each reaches itself alone"
    );

    // The end of one is no matter of the other.
    let run = &yard.runs()[0];
    yard.tell(&["down", run]).exits(0);
    let answers = [first, second].map(|socket| status(socket, "/stores/1"));
    assert_eq!(
        answers.iter().filter(|status| **status == Some(200)).count(),
        1,
        "{answers:?}"
    );
    yard.tell(&["down"]).exits(0);
}

#[tokio::test]
async fn a_container_of_somebody_else_is_left_alone() {
    let Some(yard) = Yard::open() else { return };
    // One that looks alike: the same image, started by other means.
    yard.tell(&["up", "neighbours", "--detach", "--runtime", "docker"])
        .exits(0);
    let image = docker(&[
        "images",
        "--filter",
        "label=meshkat.image=services",
        "--format",
        "{{.Repository}} {{.Tag}}",
    ]);
    let (name, tag) = image[0].split_once(' ').expect("two words");
    let foreign = GenericImage::new(name, tag)
        .with_entrypoint("/usr/local/bin/echo")
        .with_wait_for(WaitFor::message_on_either_std("listening"))
        .with_label("somebody", "else")
        .start()
        .await
        .expect("it starts");
    yard.tell(&["clean", "--force"]).exits(0).says(&["removed ", "network"]);
    yard.docker_is_empty();
    assert!(foreign.is_running().await.expect("it is there"));
    yard.tell(&["clean", "--images"]).exits(0);
    assert!(foreign.is_running().await.expect("it is there"));
    foreign.rm().await.expect("it is ours");
}
