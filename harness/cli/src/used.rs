//! The Envoy configurations that meshes use, checked before anything starts as `lint` checks them without an Envoy.

use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
};

use meshkat_envoy::config::{self, MeshLint, lint};
use meshkat_model::{
    mesh::MeshSpec,
    project::Project,
    source::{Diagnostic, Place, Source},
};

use crate::exit::Exit;

/// Checks each configuration of the meshes once: that it can be read, that a pod can be made of it, and that it fits into its mesh.
/// Whether Envoy takes it is
/// known when it starts.
///
/// # Errors
/// Everything that is wrong, shown.
pub(crate) fn check_configs<'a>(project: &Project, meshes: impl Iterator<Item = &'a MeshSpec>) -> Result<(), Exit> {
    let meshes: Vec<&MeshSpec> = meshes.collect();
    let groups = meshes.iter().flat_map(|mesh| mesh.groups.values());
    let files: BTreeSet<&Path> = groups.filter_map(|group| group.envoy.as_deref()).collect();
    let problems = files.into_iter().flat_map(|file| lint(file, None));
    let mut wrong: Vec<Diagnostic> = problems.map(|problem| of_config(project, problem)).collect();
    wrong.extend(fit(project, meshes.into_iter()));
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Exit::diagnostics(&wrong))
}

/// What of the configurations of meshes, each with its overlays, does not fit into them, each problem once.
pub(crate) fn fit<'a>(project: &Project, meshes: impl Iterator<Item = &'a MeshSpec>) -> Vec<Diagnostic> {
    let (mut lint, mut wrong, mut seen) = (MeshLint::default(), Vec::new(), HashSet::new());
    for mesh in kinds(meshes) {
        let found = lint.check(mesh).into_iter().map(|problem| of_config(project, problem));
        wrong.extend(found.filter(|problem| seen.insert(problem.to_string())));
    }
    wrong
}

/// Of meshes that are alike in all that makes a difference to what fits, the first.
pub(crate) fn kinds<'a>(meshes: impl Iterator<Item = &'a MeshSpec>) -> impl Iterator<Item = &'a MeshSpec> {
    let mut known = HashSet::new();
    meshes.filter(move |mesh| {
        let groups = mesh.groups.iter();
        let groups: Vec<_> = groups
            .map(|(name, group)| (name, &group.application, &group.envoy, &group.overlays, group.replicas))
            .collect();
        known.insert((mesh.name.as_str(), groups))
    })
}

/// A problem of an Envoy configuration, shown like all others; where no place is known, the file is.
pub(crate) fn of_config(project: &Project, problem: config::Diagnostic) -> Diagnostic {
    let source = project
        .source(&problem.file)
        .unwrap_or_else(|_| Source::new(problem.file.display().to_string(), String::new()));
    let (place, message) = match problem.line {
        Some(line) => (source.place(line, problem.column.unwrap_or(1), 1), problem.message),
        None => (Place::default(), format!("{}: {}", source.name(), problem.message)),
    };
    Diagnostic {
        source,
        place,
        message,
        label: String::new(),
        help: problem.help,
    }
}
