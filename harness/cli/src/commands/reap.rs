//! `meshkat reap`: what survives `kill -9` of a run and cleans up after it. Started by every run.

use std::{io, path::Path, process::ExitCode};

use meshkat_runtime::run::reaper_main;

use crate::{
    backend::SWEEPERS,
    exit::{self, Exit},
};

pub(crate) fn run(prefix: &Path) -> ExitCode {
    match reaper_main(prefix, &SWEEPERS) {
        Ok(swept) if swept.iter().all(|run| run.failure.is_none()) => ExitCode::SUCCESS,
        // Nobody is left to be told; the next run finds what remains.
        Ok(_) => ExitCode::FAILURE,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let help = "`reap` is for meshkat itself; `meshkat clean` removes what ended runs have left";
            exit::code(Err(Exit::usage(error.to_string()).help(help)))
        }
        Err(_) => ExitCode::FAILURE,
    }
}
