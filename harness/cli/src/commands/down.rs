//! `meshkat down`: ends meshes that `up` started.

use std::time::{Duration, Instant};

use meshkat_runtime::{
    Printable,
    process::default_state_dir,
    run::{Ledger, Proof, Signalled, live_runs, run_folder},
};
use rustix::process::Signal;

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
    if let Some(unknown) = args.ids.iter().find(|id| !ups.iter().any(|run| run.id == id.as_str())) {
        return Err(
            Exit::nothing(format!("no mesh `{}` that `up` started runs", Printable(unknown)))
                .help("`meshkat status` shows what runs"),
        );
    }
    let chosen: Vec<Ledger> = ups
        .into_iter()
        .filter(|run| args.ids.is_empty() || args.ids.iter().any(|id| run.id == id.as_str()))
        .collect();
    if chosen.is_empty() {
        say("no mesh that `up` started runs");
    }
    for run in chosen {
        let folder = run_folder(&state_dir, &run.id);
        match run.owner.signal(Signal::TERM, Proof::Owner(&folder)) {
            Ok(Signalled::Sent | Signalled::Gone) => {}
            Ok(Signalled::NotOurs) => {
                let pid = run.owner.pid;
                return Err(Exit::environment(format!(
                    "{} is left alone: its ledger names process {pid}, but nothing proves that this is its owner",
                    run.id
                ))
                .help(format!("look at {} and at process {pid}", folder.display())));
            }
            Err(error) => return Err(Exit::environment(format!("failed to end {}: {error}", run.id))),
        }
        let deadline = Instant::now() + LIMIT;
        while run.owner.is_alive() || folder.exists() {
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
