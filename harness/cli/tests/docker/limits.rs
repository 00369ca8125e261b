//! What a container can take of the machine, and what it is told.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use crate::yard::{Yard, docker};

/// The name of a container of a pod.
fn container(pod: &str, which: &str) -> String {
    let of_pod = format!("label=meshkat.pod={pod}");
    let of_kind = format!("label=meshkat.container={which}");
    let found = docker(&[
        "ps",
        "--filter",
        &of_pod,
        "--filter",
        &of_kind,
        "--format",
        "{{.Names}}",
    ]);
    found
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no {which} of {pod} runs"))
}

/// Runs something in a container.
fn exec(container: &str, command: &[&str]) -> Output {
    let mut exec = Command::new("docker");
    exec.args(["exec", "--interactive", container]).args(command);
    // Open as long as the command runs: children of a shell wait on it.
    exec.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = exec.spawn().expect("docker is there");
    let stdin = child.stdin.take();
    let answer = child.wait_with_output().expect("it ends");
    drop(stdin);
    answer
}

#[test]
fn a_container_that_takes_too_much_ends_alone() {
    let Some(yard) = Yard::open() else { return };
    yard.tell(&["up", "neighbours", "--detach", "--runtime", "docker"])
        .exits(0);
    let application = container("pet-1", "application");
    // An image has no program that takes anything: these need no more than the C library, which is there.
    for name in ["dd", "sh"] {
        let real = fs::canonicalize(format!("/bin/{name}")).expect("it is there");
        docker(&[
            "cp",
            &real.display().to_string(),
            &format!("{application}:/{name}-of-this-test"),
        ]);
    }
    let take = |megabytes: u32| {
        let block = format!("bs={megabytes}M");
        exec(
            &application,
            &["/dd-of-this-test", "if=/dev/zero", "of=/dev/null", &block, "count=1"],
        )
    };
    let little = take(64);
    assert!(little.status.success(), "{}", String::from_utf8_lossy(&little.stderr));
    let much = take(1024);
    assert_eq!(
        much.status.code(),
        Some(137),
        "{}",
        String::from_utf8_lossy(&much.stderr)
    );

    let many = "i=0; exec 3<&0; while [ $i -lt 3000 ]; do (read line <&3) >/dev/null 2>&1 & i=$((i+1)); done";
    let forked = exec(&application, &["/sh-of-this-test", "-c", many]);
    assert!(!forked.status.success());
    assert!(String::from_utf8_lossy(&forked.stderr).contains("fork"), "{forked:?}");
    yard.tell(&["down"]).exits(0);
}

#[test]
fn every_container_has_limits_and_none_a_variable_of_the_runner() {
    let Some(yard) = Yard::open() else { return };
    let secret = "s3cr3t-of-the-runner";
    let mut up = yard.command(&["up", "neighbours", "--detach", "--runtime", "docker"]);
    up.env("GITHUB_TOKEN", secret).env("MY_PASSWORD", secret);
    yard.tell_command(up).exits(0);
    let label = format!("label=meshkat.state-dir={}", yard.state().display());
    let all = docker(&["ps", "--quiet", "--filter", &label]);
    // Three of each pod, two of the edge, two of the discovery service.
    assert_eq!(all.len(), 13);
    for container in &all {
        let format =
            "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}} {{.HostConfig.LogConfig}}";
        let limits = &docker(&["inspect", "--format", format, container])[0];
        let words: Vec<&str> = limits.split(' ').collect();
        let memory: u64 = words[0].parse().expect("a number");
        assert!((64 << 20..=1 << 30).contains(&memory), "{limits}");
        assert_eq!((words[1], words[2]), (words[0], "1024"), "{limits}");
        assert!(
            limits.contains("json-file") && limits.contains("max-size:16777216"),
            "{limits}"
        );
        let whole = docker(&["inspect", container]).join("\n");
        assert!(!whole.contains(secret) && !whole.contains("GITHUB_TOKEN"), "{whole}");
    }
    for image in docker(&["images", "--quiet", "--filter", "label=meshkat.image"]) {
        let history = docker(&["history", "--no-trunc", &image]).join("\n");
        assert!(!history.contains(secret), "{history}");
    }
    yard.tell(&["down"]).exits(0);
}
