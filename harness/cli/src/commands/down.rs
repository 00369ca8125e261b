//! `meshkat down`: ends meshes that `up` started.

use meshkat_runtime::{
    Printable,
    run::{Ledger, default_state_dir, end, live_runs, run_folder},
};

use super::up::MARK;
use crate::{args::DownArgs, backend::runtime_error, exit::Exit, output::say};

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
        end(&run, &folder).await.map_err(|error| runtime_error(&error))?;
        say(&format!("ended {}", run.id));
    }
    Ok(())
}
