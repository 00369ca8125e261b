//! What this process may have open, and what room there is: measured before anything starts, for half way through both look like
//! faults of the mesh.

use std::path::{Path, PathBuf};

use meshkat_model::limits::grouped;
use meshkat_runtime::run::default_state_dir;
use rustix::{
    fs::statvfs,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use crate::{backend::runtime_error, exit::Exit};

/// A run has a connection for each open request of a load, and some for each pod that it asks.
const FILES: u64 = 1024;
/// Logs, configurations and reports, in bytes.
const ROOM: u64 = 64 << 20;
/// Files that can be made.
const INODES: u64 = 1000;

/// Raises the limit of open files to what the system allows this process: each open request of a load is one, and the usual 1024
/// would be reached before the load's own limit, by whatever opens a file next.
pub(crate) fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the limit of open files stays {:?}: {error}", limit.current);
    }
}

/// Checks that this process may have as many files open as a run needs; tells how many.
///
/// # Errors
/// It may not.
pub(crate) fn check_files() -> Result<String, Exit> {
    match getrlimit(Resource::Nofile).current {
        None => Ok("any number of open files".to_owned()),
        Some(limit) if limit >= FILES => Ok(format!("{} open files", grouped(limit))),
        Some(limit) => Err(Exit::environment(format!(
            "this process may have {} files open, and a run needs {}",
            grouped(limit),
            grouped(FILES)
        ))
        .help("raise the limit of the shell or the service that starts it: ulimit -n 4096")),
    }
}

/// Checks that there is room where running meshes keep their folders, and for temporary files.
///
/// # Errors
/// There is not.
pub(crate) fn check_room() -> Result<String, Exit> {
    let state = default_state_dir().map_err(|error| runtime_error(&error))?;
    let at_state = free(&state, "for the folders of running meshes", "MESHKAT_STATE_DIR")?;
    let at_temporary = check_temporary()?;
    Ok(format!(
        "{} free in {}, {at_temporary} free for temporary files",
        at_state,
        state.display()
    ))
}

/// Checks that there is room for temporary files.
///
/// # Errors
/// There is not.
pub(crate) fn check_temporary() -> Result<String, Exit> {
    free(&std::env::temp_dir(), "for temporary files", "TMPDIR")
}

/// How much is free where a folder is or would be.
fn free(folder: &Path, what_for: &str, variable: &str) -> Result<String, Exit> {
    let there: PathBuf = folder
        .ancestors()
        .find(|path| path.is_dir())
        .unwrap_or(Path::new("/"))
        .to_owned();
    let Ok(of) = statvfs(&there) else {
        // A file system that does not say is no reason not to run.
        return Ok("an unknown amount".to_owned());
    };
    let bytes = of.f_bavail.saturating_mul(of.f_frsize);
    let few_files = of.f_files > 0 && of.f_favail < INODES;
    if bytes >= ROOM && !few_files {
        return Ok(format!("{} MiB", grouped(bytes >> 20)));
    }
    let missing = match bytes < ROOM {
        true => format!("{} MiB are free, and {} MiB are needed", bytes >> 20, ROOM >> 20),
        false => format!(
            "{} more files can be made, and {} are needed",
            of.f_favail,
            grouped(INODES)
        ),
    };
    let told = format!("there is no room in {} {what_for}: {missing}", folder.display());
    Err(Exit::environment(told).help(format!("make room there, or set {variable} to a folder with room")))
}

/// Checks all that a mesh needs of this machine before it starts.
///
/// # Errors
/// What it does not have.
pub(crate) fn check() -> Result<(), Exit> {
    check_files()?;
    check_room().map(drop)
}
