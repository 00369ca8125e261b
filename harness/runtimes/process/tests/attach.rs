//! A lease on a mesh that another process holds. Here both are one process; nothing of the one is known to the other but what is on
//! disk and what the kernel says.

mod support;

use std::fs;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use meshkat_runtime::environment::RUN;
use meshkat_runtime::run::{Ledger, LedgerProcess, ProcessIdentity, live_runs, run_folder};
use meshkat_runtime::{Backend, ContainerState, Lease, NetworkFault, RuntimeError, Target};
use meshkat_runtime_process::ProcessBackend;
use rustix::process::{Pid, Signal, kill_process};
use support::{
    APPLICATION, Ground, application, id, is_alive, is_running, lease, process_of, until, until_so, until_state,
};

fn ledger(ground: &Ground) -> Ledger {
    live_runs(&ground.state()).expect("it is readable").remove(0)
}

async fn attach(ground: &Ground, ledger: &Ledger) -> Result<Arc<dyn Lease>, RuntimeError> {
    let backend = ProcessBackend::new(ground.options()).expect("a backend");
    backend.attach(ledger).await
}

#[tokio::test]
async fn what_a_guest_does_is_done() {
    let ground = Ground::new();
    let holder = lease(&ground, &ground.mesh()).await;
    let guest = attach(&ground, &ledger(&ground)).await.expect("it is proven");
    assert_eq!(guest.id(), holder.id());
    assert_eq!(guest.pods(), holder.pods());
    assert_eq!(guest.authorization(), holder.authorization());
    let log = async || guest.log("pet-1", APPLICATION, 1000).await.expect("it is readable");
    until_so("a log", async || log().await.contains("--instance pet-1")).await;

    let target = Target::container("pet-1", APPLICATION);
    guest.pause(&target).await.expect("it runs");
    assert!(is_running(&application(&holder, "pet-1")), "nobody has told the holder");
    holder.look_again().await;
    assert_eq!(application(&holder, "pet-1").to_string(), "paused from outside");
    let again = attach(&ground, &ledger(&ground)).await.expect("it is proven");
    assert!(matches!(application(&again, "pet-1"), ContainerState::Paused { .. }));
    again.resume(&target).await.expect("it is paused");
    holder.look_again().await;
    assert_eq!(application(&again, "pet-1"), application(&holder, "pet-1"));

    let pid = process_of(&application(&holder, "pet-1")).expect("it is a process");
    again.kill(&target).await.expect("it runs");
    assert!(!is_alive(pid));
    let seen = until_state(&holder, "pet-1", |state| !state.is_alive()).await;
    assert!(seen.is_crashed(), "nobody has told the holder: {seen}");

    again.stop(&Target::pod("pet-2")).await.expect("it runs");
    assert!(!application(&again, "pet-2").is_alive());
    let last = attach(&ground, &ledger(&ground)).await.expect("it is proven");
    assert_eq!(application(&last, "pet-2").to_string(), "exited");
    assert_eq!(application(&last, "echo"), ContainerState::NotStarted);

    // Only the holder can start anything: it is asked to.
    last.start(&target).await.expect("the holder starts it");
    assert!(is_running(&application(&holder, "pet-1")));
    let error = last.start(&Target::pod("dog")).await.expect_err("there is no dog");
    assert!(matches!(error, RuntimeError::UnknownPod { .. }), "{error}");
    holder.pause(&Target::pod("sds")).await.expect("it runs");
    let error = last.start(&Target::pod("sds")).await.expect_err("it is paused");
    assert_eq!(error.to_string(), "cannot start the application of sds: it is paused");

    drop((guest, again, last));
    assert!(
        is_running(&application(&holder, "pet-1")),
        "a guest that goes takes nothing along"
    );
    holder.release(None).await.expect("it ends");
    assert_eq!(ground.runs(), [""; 0]);
}

#[tokio::test]
async fn what_has_ended_unseen_is_started_all_the_same() {
    let ground = Ground::new();
    let holder = lease(&ground, &ground.mesh()).await;
    let target = Target::container("pet-1", APPLICATION);
    let before = process_of(&application(&holder, "pet-1")).expect("it is a process");
    let pid = i32::try_from(before).ok().and_then(Pid::from_raw).expect("a number");
    kill_process(pid, Signal::KILL).expect("it runs");
    // Blocks the only thread: the holder cannot have seen the end that all others have.
    until("the end", || !is_alive(before));
    assert!(is_running(&application(&holder, "pet-1")));
    holder.start(&target).await.expect("it starts");
    let after = process_of(&application(&holder, "pet-1")).expect("it runs");
    assert!(after != before && is_alive(after));
    holder.start(&target).await.expect("it runs");
    assert_eq!(process_of(&application(&holder, "pet-1")), Some(after));
    holder.release(None).await.expect("it ends");
}

#[tokio::test]
async fn a_holder_is_asked_whoever_else_keeps_silent() {
    let ground = Ground::new();
    let holder = lease(&ground, &ground.mesh()).await;
    let control = run_folder(&ground.state(), &id(holder.id())).join("control");
    let silent = UnixStream::connect(&control).expect("the holder listens");
    let guest = attach(&ground, &ledger(&ground)).await.expect("it is proven");
    guest.start(&Target::pod("echo")).await.expect("the holder starts it");
    assert!(is_running(&application(&holder, "echo")));
    drop(silent);

    fs::remove_file(&control).expect("it is the test's own");
    let error = guest.start(&Target::pod("echo")).await.expect_err("nobody listens");
    let pid = std::process::id();
    let told = format!("only process {pid}, which holds the mesh, can start a container, and it cannot be asked to: ");
    assert!(error.to_string().starts_with(&told), "{error}");
    assert!(error.help().is_some_and(|help| help.contains("`meshkat status`")));
    holder.release(None).await.expect("it ends");
}

#[tokio::test]
async fn who_cannot_be_asked_for_the_length_of_its_name_has_a_way_out() {
    let ground = Ground::new();
    let mut options = ground.options();
    options.state_dir = ground.path().join("long".repeat(30));
    let backend = ProcessBackend::new(options.clone()).expect("a backend");
    let holder = backend.lease(&ground.mesh()).await.expect("it starts");
    let run = live_runs(&options.state_dir).expect("it is readable").remove(0);
    let guest = backend.attach(&run).await.expect("it is proven");
    let error = guest.start(&Target::pod("echo")).await.expect_err("nobody listens");
    assert!(matches!(error, RuntimeError::NotHeld { .. }), "{error}");
    assert!(
        error.help().is_some_and(|help| help.contains("MESHKAT_STATE_DIR")),
        "{error}"
    );
    holder.release(None).await.expect("it ends");
}

#[tokio::test]
async fn with_a_script_goes_what_it_has_started() {
    const STARTS: &str = "#!/bin/sh\nsleep 1000 &\necho \"child $!.\"\nwait\nwait\n";
    let ground = Ground::new();
    let holder = lease(&ground, &ground.one(STARTS)).await;
    let target = Target::container("echo", APPLICATION);
    let mut children = Vec::new();
    for by_guest in [true, false] {
        let child = async || {
            let log = holder.log("echo", APPLICATION, 1000).await.expect("it is readable");
            let last = log
                .lines()
                .last()?
                .strip_prefix("child ")?
                .strip_suffix('.')?
                .parse()
                .ok()?;
            (!children.contains(&last)).then_some(last)
        };
        until_so("a child", async || child().await.is_some()).await;
        let child: u32 = child().await.expect("it was told");
        let leader = process_of(&application(&holder, "echo")).expect("it runs");
        if by_guest {
            let guest = attach(&ground, &ledger(&ground)).await.expect("it is proven");
            guest.kill(&target).await.expect("it runs");
        } else {
            // The script alone.
            let leader = i32::try_from(leader).ok().and_then(Pid::from_raw).expect("a number");
            kill_process(leader, Signal::KILL).expect("it runs");
            until_state(&holder, "echo", |state| !state.is_alive()).await;
        }
        until("the end of both", || !is_alive(leader) && !is_alive(child));
        children.push(child);
        holder.start(&target).await.expect("it starts");
    }
    holder.release(None).await.expect("it ends");
}

#[tokio::test]
async fn who_is_in_the_mesh_is_the_holders_alone() {
    let ground = Ground::new();
    let holder = lease(&ground, &ground.mesh()).await;
    let guest = attach(&ground, &ledger(&ground)).await.expect("it is proven");
    let refused = [
        guest.add("pet").await.map(drop),
        guest.remove("pet-1").await,
        guest.name("pet", &[]).await,
    ];
    for error in refused {
        assert!(matches!(error, Err(RuntimeError::NotHeld { .. })), "{error:?}");
    }
    let cut = guest.harm_network("pet-1", &[], NetworkFault::BlackHole).await;
    assert!(matches!(cut, Err(RuntimeError::Unsupported { .. })), "{cut:?}");
    assert_eq!(holder.pods().len(), 5);
    holder.release(None).await.expect("it ends");
}

#[tokio::test]
async fn a_ledger_that_names_somebody_elses_process_is_not_believed() {
    let ground = Ground::new();
    let holder = lease(&ground, &ground.mesh()).await;
    let mut stranger = std::process::Command::new("sleep");
    stranger.arg("1000").env_remove(RUN);
    let mut stranger = stranger.spawn().expect("sleep starts");
    let mut forged = ledger(&ground);
    let identity = ProcessIdentity::of(stranger.id()).expect("it runs");
    let is_of_sds = |process: &&mut LedgerProcess| process.pod == "sds";
    let of_sds = forged.processes.iter_mut().find(is_of_sds).expect("it is listed");
    of_sds.identity = identity.clone();
    let error = attach(&ground, &forged).await.err().expect("it is not the mesh's");
    assert_eq!(
        error.to_string(),
        format!(
            "the application of sds is left alone: the ledger names process {}, but nothing proves that the mesh started it",
            identity.pid
        )
    );
    assert_eq!(error.help(), Some(format!("look at process {}", identity.pid)));
    assert!(identity.is_alive());

    // Nor is one that comes into the place of the mesh's own, after it was looked at.
    let guest = attach(&ground, &ledger(&ground)).await.expect("it is proven");
    holder.kill(&Target::pod("sds")).await.expect("it runs");
    guest.kill(&Target::pod("sds")).await.expect("again is harmless");
    assert!(identity.is_alive());
    stranger.kill().expect("it is the test's own");
    stranger.wait().expect("it was killed");
    holder.release(None).await.expect("it ends");
}
