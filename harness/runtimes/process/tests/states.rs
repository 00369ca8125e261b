//! What can be done to a mesh of processes, and the states that follow.

mod support;

use std::time::Duration;

use meshkat_model::mesh::Container;
use meshkat_runtime::run::{LedgerPod, live_runs, run_folder};
use meshkat_runtime::{ContainerState, Pod, RuntimeError, Target};
use meshkat_runtime_process::ProcessOptions;
use support::{
    APPLICATION, Ground, application, is_alive, is_running, lease, lease_with, pod, process_of, until_log, until_so,
    until_state,
};

#[tokio::test]
async fn states_follow_what_is_done() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    let target = Target::container("pet-1", APPLICATION);
    let envoy = pod(&lease, "pet-1").envoy;
    let running = application(&lease, "pet-1");
    let ContainerState::Running { instance } = &running else {
        panic!("it runs")
    };
    let pid = process_of(&running).expect("it is a process");
    let paused = ContainerState::Paused {
        instance: instance.clone(),
        from_outside: false,
    };

    lease.start(&target).await.expect("it runs already");
    assert_eq!(application(&lease, "pet-1"), running);
    lease.pause(&target).await.expect("it can be paused");
    assert_eq!(application(&lease, "pet-1"), paused);
    lease.pause(&target).await.expect("again is harmless");
    let error = lease.start(&target).await.expect_err("it is paused");
    assert_eq!(error.to_string(), "cannot start the application of pet-1: it is paused");
    lease.resume(&target).await.expect("it can go on");
    assert_eq!(application(&lease, "pet-1"), running);
    lease.resume(&target).await.expect("again is harmless");

    lease.kill(&target).await.expect("it can be killed");
    let killed = ContainerState::Exited {
        code: None,
        signal: Some(9),
        expected: true,
    };
    assert_eq!(application(&lease, "pet-1"), killed);
    assert!(!is_alive(pid));
    lease.kill(&target).await.expect("again is harmless");
    lease.stop(&target).await.expect("again is harmless");
    assert_eq!(application(&lease, "pet-1"), killed);
    let error = lease.pause(&target).await.expect_err("it does not run");
    assert_eq!(
        error.to_string(),
        "cannot pause the application of pet-1: it was ended by signal 9"
    );
    lease.resume(&target).await.expect_err("it does not run");

    lease.start(&target).await.expect("it can start again");
    let next = application(&lease, "pet-1");
    assert!(is_running(&next));
    assert_ne!(next, running, "it has another life");
    lease.stop(&target).await.expect("it can be stopped");
    assert_eq!(
        application(&lease, "pet-1"),
        ContainerState::Exited {
            code: None,
            signal: Some(15),
            expected: true
        }
    );
    assert_eq!(pod(&lease, "pet-1").envoy, envoy, "the Envoy was touched");

    // The whole pod: what runs of it.
    lease.pause(&Target::pod("pet-1")).await.expect("its Envoy runs");
    assert!(matches!(
        pod(&lease, "pet-1").envoy,
        Some(ContainerState::Paused { .. })
    ));
    lease
        .kill(&Target::pod("pet-1"))
        .await
        .expect("it can be killed while it is paused");
    assert!(matches!(
        pod(&lease, "pet-1").envoy,
        Some(ContainerState::Exited {
            signal: Some(9),
            expected: true,
            ..
        })
    ));
    lease
        .pause(&Target::pod("pet-1"))
        .await
        .expect_err("nothing of it runs");
    lease.start(&Target::pod("pet-1")).await.expect("it can start");
    assert!(is_running(&application(&lease, "pet-1")));
    assert!(pod(&lease, "pet-1").envoy.as_ref().is_some_and(is_running));
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn a_paused_process_does_nothing() {
    let ground = Ground::new();
    let lease = lease(
        &ground,
        &ground.one("#!/bin/sh\nwhile :; do echo .; sleep 0.002; done\n"),
    )
    .await;
    until_log(&lease, "echo", ".").await;
    lease.pause(&Target::pod("echo")).await.expect("it runs");
    let length = async || {
        lease
            .log("echo", APPLICATION, 1_000_000)
            .await
            .expect("it is readable")
            .len()
    };
    let before = length().await;
    // Long enough for dozens of lines.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(length().await, before);
    lease.resume(&Target::pod("echo")).await.expect("it is paused");
    until_so("it goes on", async || length().await > before).await;
    // At whatever moment of its life.
    for _ in 0..50 {
        lease.pause(&Target::pod("echo")).await.expect("it runs");
        lease.resume(&Target::pod("echo")).await.expect("it is paused");
    }
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn stopping_waits_for_what_the_process_still_does() {
    let ground = Ground::new();
    let polite = "#!/bin/sh\ntrap 'sleep 0.2; echo bye; exit 0' TERM\necho ready\nwhile :; do sleep 0.01; done\n";
    let lease = lease(&ground, &ground.one(polite)).await;
    until_log(&lease, "echo", "ready").await;
    // A frozen one too is let go on, and told.
    lease.pause(&Target::pod("echo")).await.expect("it runs");
    lease.stop(&Target::pod("echo")).await.expect("it can be stopped");
    assert_eq!(
        application(&lease, "echo"),
        ContainerState::Exited {
            code: Some(0),
            signal: None,
            expected: true
        }
    );
    assert!(
        lease
            .log("echo", APPLICATION, 100)
            .await
            .expect("it is readable")
            .ends_with("bye\n")
    );
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn who_does_not_stop_in_time_is_killed() {
    let ground = Ground::new();
    let deaf = "#!/bin/sh\ntrap '' TERM\necho ready\nwhile :; do sleep 0.01; done\n";
    let options = ProcessOptions {
        grace: Duration::from_millis(100),
        ..ground.options()
    };
    let lease = lease_with(options, &ground.one(deaf)).await.expect("the mesh starts");
    until_log(&lease, "echo", "ready").await;
    lease.stop(&Target::pod("echo")).await.expect("it can be stopped");
    assert_eq!(
        application(&lease, "echo"),
        ContainerState::Exited {
            code: None,
            signal: Some(9),
            expected: true
        }
    );
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn an_exit_by_itself_is_seen() {
    let ground = Ground::new();
    let signal = ground.path().join("go");
    let script = format!(
        "#!/bin/sh\necho up\nuntil [ -e {} ]; do sleep 0.01; done\nexit 3\n",
        signal.display()
    );
    let lease = lease(&ground, &ground.one(&script)).await;
    let before = *lease.changes().borrow();
    std::fs::write(&signal, "").expect("the folder is ours");
    let state = until_state(&lease, "echo", |state| !state.is_alive()).await;
    assert_eq!(
        state,
        ContainerState::Exited {
            code: Some(3),
            signal: None,
            expected: false
        }
    );
    assert!(state.is_crashed());
    assert!(*lease.changes().borrow() > before);
    lease.start(&Target::pod("echo")).await.expect("it can start again");
    until_state(&lease, "echo", |state| state.is_crashed()).await;
    assert_eq!(
        lease.log("echo", APPLICATION, 100).await.expect("it is readable"),
        "up\nup\n",
        "the log is continued"
    );
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn pods_come_and_go() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    let third = lease.add("pet").await.expect("there is room");
    assert_eq!(third.name, "pet-3");
    assert!(third.application.as_ref().is_some_and(is_running) && third.envoy.as_ref().is_some_and(is_running));
    let gone = pod(&lease, "pet-1");
    lease.remove("pet-1").await.expect("it is there");
    assert!(!is_alive(
        gone.application.as_ref().and_then(process_of).expect("it ran")
    ));
    assert!(!is_alive(gone.envoy.as_ref().and_then(process_of).expect("it ran")));
    assert!(
        !run_folder(&ground.state(), &support::id(lease.id()))
            .join("envoy/pet-1.json")
            .exists()
    );

    let again = lease.add("pet").await.expect("there is room");
    assert_eq!(again.name, "pet-1", "the lowest free number");
    assert_ne!(
        again.address, gone.address,
        "who calls the old pod must not reach the new one"
    );
    assert_eq!(lease.add("ingress").await.expect("there is room").name, "ingress-2");
    assert_eq!(lease.add("echo").await.expect("there is room").name, "echo-2");
    let names: Vec<_> = lease.pods().into_iter().map(|pod| pod.name).collect();
    assert_eq!(
        names,
        [
            "ingress",
            "ingress-2",
            "pet-1",
            "pet-2",
            "pet-3",
            "sds",
            "echo",
            "echo-2"
        ]
    );

    let listed: Vec<_> = live_runs(&ground.state()).expect("it is readable").remove(0).pods;
    let as_listed = |pod: Pod| LedgerPod {
        containers: Container::BOTH
            .into_iter()
            .filter(|container| pod.container(*container).is_some())
            .collect(),
        name: pod.name,
        group: pod.group,
        address: pod.address,
        published: Default::default(),
        ports: pod.ports,
    };
    assert_eq!(listed, lease.pods().into_iter().map(as_listed).collect::<Vec<_>>());

    assert!(matches!(
        lease.remove("pet-9").await,
        Err(RuntimeError::UnknownPod { .. })
    ));
    assert!(matches!(lease.add("dog").await, Err(RuntimeError::UnknownGroup { .. })));
    let (one, two) = tokio::join!(lease.remove("pet-3"), lease.remove("pet-3"));
    assert!(one.is_ok() != two.is_ok(), "exactly one removes it: {one:?} {two:?}");
    let (one, two) = tokio::join!(lease.add("pet"), lease.add("pet"));
    let added = [one.expect("there is room").name, two.expect("there is room").name];
    assert_eq!(added, ["pet-3", "pet-4"]);
    lease.release(None).await.expect("it ends");
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    let error = lease.kill(&Target::pod("dog")).await.expect_err("there is no dog");
    assert_eq!(error.to_string(), "the mesh has no pod `dog`");
    let error = lease
        .kill(&Target::container("sds", Container::Envoy))
        .await
        .expect_err("it has none");
    assert_eq!(error.to_string(), "there is no envoy of sds");
    assert_eq!(lease.log("echo", APPLICATION, 100).await.expect("it never ran"), "");
    lease.log("ingress", APPLICATION, 100).await.expect_err("it has none");
    lease.release(None).await.expect("it ends");
}
