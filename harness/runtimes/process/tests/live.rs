//! What runs keep while they live, and that a sweep leaves it alone.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use meshkat_runtime::ContainerState;
use meshkat_runtime::run::{live_runs, run_folder, sweep};
use support::{DEADLINE, Ground, id, lease, until};

#[tokio::test]
async fn a_live_run_is_left_alone_unless_forced() {
    let ground = Ground::new();
    let lease = lease(&ground, &ground.mesh()).await;
    let dead = id("1-1-0-0");
    fs::create_dir(run_folder(&ground.state(), &dead)).expect("the folder is ours");
    let state = ground.state();
    let sweep_all = async |force| {
        let state = state.clone();
        let swept = tokio::task::spawn_blocking(move || sweep(&state, force, &[])).await;
        swept.expect("it does not panic").expect("it is readable")
    };
    let swept = sweep_all(false).await;
    assert_eq!((swept.len(), &swept[0].id, &swept[0].failure), (1, &dead, &None));
    assert_eq!(ground.runs(), [lease.id()]);
    assert_eq!(
        live_runs(&ground.state()).expect("it is readable")[0].id.as_str(),
        lease.id()
    );
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
    let forced = sweep_all(true).await;
    assert_eq!(
        (forced.len(), forced[0].killed.len(), &forced[0].failure),
        (1, 6, &None)
    );
    assert_eq!(ground.runs(), [""; 0]);
    let mut changes = lease.changes();
    tokio::time::timeout(DEADLINE, changes.wait_for(|_| running() == 0))
        .await
        .expect("in time")
        .expect("there");
    lease.release(None).await.expect("what is gone already is no failure");
    until("no folder", || ground.runs().is_empty());
}

#[tokio::test]
async fn nobody_else_can_look_into_what_runs_keep() {
    let ground = Ground::new();
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o7777;
    fs::set_permissions(ground.state(), PermissionsExt::from_mode(0o755)).expect("it is ours");
    let lease = lease(&ground, &ground.mesh()).await;
    let mut folders = vec![ground.state()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).expect("it is ours").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                // The programs of these tests keep no files of their own.
                assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display());
            }
        }
    }
    // The two locks, the ledger, the token, the socket, three configurations, and six logs.
    assert_eq!(files, 14);
    lease.release(None).await.expect("it ends");
}
