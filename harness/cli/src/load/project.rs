//! The project, and its meshes.

use std::path::Path;

use meshkat_model::{
    project::{MeshFiles, Project},
    source::Diagnostic,
};

use crate::exit::Exit;

/// The project that the current folder lies in.
///
/// # Errors
/// There is none.
pub(crate) fn project() -> Result<Project, Exit> {
    let here = std::env::current_dir()
        .map_err(|error| Exit::environment(format!("failed to find the current folder: {error}")))?;
    Project::find(&here).ok_or_else(|| {
        Exit::usage(format!("{} is not in a meshkat project", here.display()))
            .help("go to a folder that has `scenarios/` and `envoy-configs/`, or below it")
    })
}

/// Reads the meshes.
///
/// # Errors
/// A file that cannot be read. What is invalid is given beside the meshes that are valid.
pub(crate) fn meshes(project: &Project) -> Result<(MeshFiles, Vec<Diagnostic>), Exit> {
    project
        .read_meshes()
        .map_err(|error| Exit::usage(format!("failed to read the meshes: {error}")))
}

/// A file that cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &std::io::Error) -> Exit {
    let told = Exit::usage(format!("failed to read {}: {error}", path.display()));
    match error.kind() {
        std::io::ErrorKind::InvalidData => told.help("scenario files are UTF-8 text"),
        _ => told,
    }
}
