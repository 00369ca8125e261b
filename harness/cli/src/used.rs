//! The Envoy configurations that meshes use, checked before anything starts as `lint` checks them without an Envoy.

use std::{collections::BTreeSet, path::Path};

use meshkat_envoy::config::{self, lint};
use meshkat_model::{
    mesh::MeshSpec,
    project::Project,
    source::{Diagnostic, Place, Source},
};

use crate::exit::Exit;

/// Checks each configuration of the meshes once: that it can be read, and that a pod can be made of it. Whether Envoy takes it is
/// known when it starts.
///
/// # Errors
/// Everything that is wrong, shown.
pub(crate) fn check_configs<'a>(project: &Project, meshes: impl Iterator<Item = &'a MeshSpec>) -> Result<(), Exit> {
    let files: BTreeSet<&Path> = meshes
        .flat_map(|mesh| mesh.groups.values())
        .filter_map(|group| group.envoy.as_deref())
        .collect();
    let found = files.into_iter().flat_map(|file| {
        let problems = lint(file, None).into_iter();
        problems.map(move |problem| of_config(project, file, problem))
    });
    let wrong: Vec<Diagnostic> = found.collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Exit::diagnostics(&wrong))
}

/// A problem of an Envoy configuration, shown like all others.
pub(crate) fn of_config(project: &Project, file: &Path, problem: config::Diagnostic) -> Diagnostic {
    let source = project
        .source(file)
        .unwrap_or_else(|_| Source::new(file.display().to_string(), String::new()));
    let place = problem.line.map_or(Place::default(), |line| {
        source.place(line, problem.column.unwrap_or(1), 1)
    });
    Diagnostic {
        source,
        place,
        message: problem.message,
        label: String::new(),
        help: problem.help,
    }
}
