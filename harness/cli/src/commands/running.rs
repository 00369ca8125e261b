//! Which of the meshes that run.

use meshkat_runtime::{Printable, run::Ledger};

use crate::exit::Exit;

/// The mesh that was asked for by its id; without one, the only one that runs.
///
/// # Errors
/// There is no such mesh, or several to choose from.
pub(super) fn choose<'a>(runs: &'a [Ledger], asked: Option<&str>) -> Result<&'a Ledger, Exit> {
    let ids = || runs.iter().map(|run| run.id.to_string()).collect::<Vec<_>>().join(", ");
    match (asked, runs) {
        (Some(id), []) => {
            Err(Exit::nothing(format!("no mesh `{}` runs", Printable(id))).help("none does; `meshkat up` starts one"))
        }
        (Some(id), _) => runs.iter().find(|run| run.id == id).ok_or_else(|| {
            Exit::nothing(format!("no mesh `{}` runs", Printable(id))).help(format!("there are: {}", ids()))
        }),
        (None, []) => Err(Exit::nothing("no mesh runs").help("`meshkat up` starts one")),
        (None, [only]) => Ok(only),
        (None, _) => Err(Exit::usage("several meshes run").help(format!("choose one with --mesh: {}", ids()))),
    }
}

/// As [`choose`], to fault it: without an id only among the meshes that `up` started, for those of test runs are somebody's
/// measurement.
///
/// # Errors
/// As [`choose`]; or only test runs have meshes.
pub(super) fn choose_to_fault<'a>(
    runs: &'a [Ledger],
    is_up: impl Fn(&Ledger) -> bool,
    asked: Option<&str>,
) -> Result<&'a Ledger, Exit> {
    if asked.is_some() || runs.is_empty() {
        return choose(runs, asked);
    }
    let mut ups = runs.iter().filter(|run| is_up(run));
    let ids = |runs: &[&Ledger]| runs.iter().map(|run| run.id.to_string()).collect::<Vec<_>>().join(", ");
    match (ups.next(), ups.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => {
            let all: Vec<&Ledger> = runs.iter().collect();
            Err(
                Exit::nothing("no mesh runs that `up` started, and one of a test run is only faulted by its id")
                    .help(format!("to make a case of that run fail: --mesh ID, of {}", ids(&all))),
            )
        }
        (Some(_), Some(_)) => {
            let ups: Vec<&Ledger> = runs.iter().filter(|run| is_up(run)).collect();
            Err(Exit::usage("several meshes run").help(format!("choose one with --mesh: {}", ids(&ups))))
        }
    }
}
