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
        (Some(id), _) => runs.iter().find(|run| run.id == id).ok_or_else(|| {
            Exit::nothing(format!("no mesh `{}` runs", Printable(id))).help(format!("there are: {}", ids()))
        }),
        (None, []) => Err(Exit::nothing("no mesh runs").help("`meshkat up` starts one")),
        (None, [only]) => Ok(only),
        (None, _) => Err(Exit::usage("several meshes run").help(format!("choose one with --mesh: {}", ids()))),
    }
}
