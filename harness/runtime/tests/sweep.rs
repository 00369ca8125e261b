//! Cleaning up after dead runs, and leaving live ones alone.

mod support;

use std::process::{Child, Command};

use meshkat_model::mesh::Container;
use meshkat_runtime::process::ProcessBackend;
use meshkat_runtime::run::{Ledger, LedgerProcess, ProcessIdentity, RuntimeName, Swept, live_runs, run_folder, sweep};
use meshkat_runtime::{Backend, ContainerState};
use support::{Ground, until};

/// A process that stays until it is killed, whatever becomes of the test.
struct Stray(Child);

impl Stray {
    fn start() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().expect("sleep starts"))
    }

    fn identity(&self) -> ProcessIdentity {
        ProcessIdentity::of(self.0.id()).expect("it runs")
    }
}

impl Drop for Stray {
    fn drop(&mut self) {
        // It may be gone, which was the purpose.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is no more.
fn gone() -> ProcessIdentity {
    let stray = Stray::start();
    let identity = stray.identity();
    drop(stray);
    identity
}

/// The folder of a run whose owner is gone.
fn dead_run(ground: &Ground, id: &str, processes: &[ProcessIdentity]) {
    let folder = run_folder(&ground.state(), id);
    std::fs::create_dir_all(folder.join("logs")).expect("the folder is ours");
    std::fs::write(folder.join("logs/pet.envoy.log"), "…").expect("the folder is ours");
    let listed = |identity: &ProcessIdentity| LedgerProcess {
        pod: "pet".to_owned(),
        container: Container::Envoy,
        identity: identity.clone(),
    };
    let ledger = Ledger {
        runtime: RuntimeName::Process,
        schema: 1,
        id: id.to_owned(),
        mesh: "petshop".to_owned(),
        owner: gone(),
        block: "127.64.0.0/24".to_owned(),
        pods: Vec::new(),
        processes: processes.iter().map(listed).collect(),
    };
    let text = serde_json::to_vec(&ledger).expect("it can be written");
    std::fs::write(folder.join("ledger.json"), text).expect("the folder is ours");
}

fn swept(ground: &Ground, id: &str, killed: &[u32], failure: Option<&str>) -> Swept {
    Swept {
        containers: 0,
        networks: 0,
        id: id.to_owned(),
        folder: run_folder(&ground.state(), id),
        killed: killed.to_vec(),
        failure: failure.map(str::to_owned),
    }
}

#[test]
fn what_a_dead_run_left_is_removed() {
    let ground = Ground::new();
    let (mut left, other) = (Stray::start(), Stray::start());
    // A number that another process has by now.
    let reused = ProcessIdentity {
        started: "1".to_owned(),
        ..other.identity()
    };
    dead_run(&ground, "1-1-0-0", &[left.identity(), gone(), reused]);
    dead_run(&ground, "1-1-0-1", &[]);
    assert_eq!(live_runs(&ground.state()).expect("it is readable"), []);
    assert_eq!(
        sweep(&ground.state(), false).expect("it is readable"),
        [
            swept(&ground, "1-1-0-0", &[left.0.id()], None),
            swept(&ground, "1-1-0-1", &[], None)
        ]
    );
    assert_eq!(ground.runs(), [""; 0]);
    left.0.wait().expect("it was killed");
    assert!(
        other.identity().is_alive(),
        "another process of the same number was killed"
    );
    assert_eq!(sweep(&ground.state(), false).expect("it is readable"), []);
}

#[test]
fn a_failure_does_not_end_the_sweep() {
    let ground = Ground::new();
    dead_run(&ground, "1-1-0-0", &[]);
    let ledger = run_folder(&ground.state(), "1-1-0-0").join("ledger.json");
    std::fs::write(ledger, "{\"schema\": 1").expect("the folder is ours");
    dead_run(&ground, "1-1-0-1", &[]);
    let swept = sweep(&ground.state(), false).expect("it is readable");
    let failure = swept[0].failure.as_deref().expect("the ledger is broken");
    assert!(failure.starts_with("failed to read the ledger: "), "{failure}");
    assert_eq!(swept[1].failure, None);
    assert_eq!(ground.runs(), [""; 0]);
}

#[test]
fn a_state_folder_that_is_not_there_holds_nothing() {
    let ground = Ground::new();
    let missing = ground.path().join("missing");
    assert_eq!(sweep(&missing, false).expect("that is no error"), []);
    assert_eq!(live_runs(&missing).expect("that is no error"), []);
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_live_run_is_left_alone_unless_forced() {
    let ground = Ground::new();
    let backend = ProcessBackend::new(ground.options()).expect("a backend");
    let lease = backend.lease(&ground.mesh()).await.expect("the mesh starts");
    dead_run(&ground, "1-1-0-0", &[]);
    assert_eq!(
        sweep(&ground.state(), false).expect("it is readable"),
        [swept(&ground, "1-1-0-0", &[], None)]
    );
    assert_eq!(ground.runs(), [lease.id()]);
    assert_eq!(live_runs(&ground.state()).expect("it is readable")[0].id, lease.id());
    let alive = |state: &ContainerState| state.is_alive();
    let running = || {
        lease
            .pods()
            .iter()
            .flat_map(|pod| [pod.application.clone(), pod.envoy.clone()])
            .flatten()
            .filter(alive)
            .count()
    };
    assert_eq!(running(), 6);

    // Only this very process is spared.
    let state = ground.state();
    let forced = tokio::task::spawn_blocking(move || sweep(&state, true))
        .await
        .expect("it does not panic");
    let forced = forced.expect("it is readable");
    assert_eq!(
        (forced.len(), forced[0].killed.len(), &forced[0].failure),
        (1, 6, &None)
    );
    assert_eq!(ground.runs(), [""; 0]);
    let mut changes = lease.changes();
    tokio::time::timeout(support::DEADLINE, changes.wait_for(|_| running() == 0))
        .await
        .expect("in time")
        .expect("there");
    lease.release(None).await.expect("what is gone already is no failure");
    until("no folder", || ground.runs().is_empty());
}
