//! `meshkat down`: ends meshes that `up` started.

use std::time::{Duration, Instant};

use meshkat_runtime::{
    process::default_state_dir,
    run::{Ledger, live_runs, run_folder},
};
use rustix::process::{Pid, Signal, kill_process};

use super::up::MARK;
use crate::{args::DownArgs, backend::runtime_error, exit::Exit, output::say};

/// How long a mesh may take to end.
const LIMIT: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(10);

pub(crate) async fn run(args: &DownArgs) -> Result<(), Exit> {
    let state_dir = default_state_dir().map_err(|error| runtime_error(&error))?;
    let runs = live_runs(&state_dir).map_err(|error| runtime_error(&error))?;
    let ups: Vec<Ledger> = runs
        .into_iter()
        .filter(|run| run_folder(&state_dir, &run.id).join(MARK).exists())
        .collect();
    if let Some(unknown) = args.ids.iter().find(|id| !ups.iter().any(|run| run.id == **id)) {
        return Err(Exit::nothing(format!("no mesh `{unknown}` that `up` started runs"))
            .help("`meshkat status` shows what runs"));
    }
    let chosen: Vec<Ledger> = ups
        .into_iter()
        .filter(|run| args.ids.is_empty() || args.ids.contains(&run.id))
        .collect();
    if chosen.is_empty() {
        say("no mesh that `up` started runs");
    }
    for run in chosen {
        let pid = i32::try_from(run.owner.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| run.owner.is_alive()) {
            kill_process(pid, Signal::TERM)
                .map_err(|error| Exit::environment(format!("failed to end {}: {error}", run.id)))?;
        }
        let deadline = Instant::now() + LIMIT;
        while run.owner.is_alive() || run_folder(&state_dir, &run.id).exists() {
            if Instant::now() > deadline {
                return Err(Exit::environment(format!("{} did not end within {LIMIT:?}", run.id))
                    .help("`meshkat clean --force` ends it"));
            }
            tokio::time::sleep(LOOK).await;
        }
        say(&format!("ended {}", run.id));
    }
    Ok(())
}
