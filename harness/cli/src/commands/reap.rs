//! `meshkat reap`: what survives `kill -9` of a run and cleans up after it. Started by every run.

use std::{path::Path, process::ExitCode};

use meshkat_runtime::run::reaper_main;

pub(crate) fn run(prefix: &Path) -> ExitCode {
    match reaper_main(prefix) {
        Ok(swept) if swept.iter().all(|run| run.failure.is_none()) => ExitCode::SUCCESS,
        // Nobody is left to be told; the next run finds what remains.
        Ok(_) | Err(_) => ExitCode::FAILURE,
    }
}
