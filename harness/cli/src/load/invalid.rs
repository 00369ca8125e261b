//! What is wrong with a project, and where it is told.

use meshkat_model::{project::Project, scenario::INVALID_ELSEWHERE, source::Diagnostic};

use super::{project::meshes, scenario::scenario_cases, wanted::Wanted};
use crate::{args::CoverageChoice, envoys::EnvoySelection, exit::Exit};

/// Everything that is wrong with the scenarios, the meshes and the shared values of a project, as far as it can be known without an
/// Envoy.
///
/// # Errors
/// A folder that cannot be read.
pub(crate) fn invalid(project: &Project) -> Result<Vec<Diagnostic>, Exit> {
    let (meshes, mut wrong) = meshes(project)?;
    let (shared, of_axes) = project.read_axes_partly();
    wrong.extend(of_axes);
    let (files, doubles) = project
        .scenario_files_and_doubles()
        .map_err(|error| Exit::usage(format!("failed to read the scenarios: {error}")))?;
    wrong.extend(doubles.into_iter().map(|(_, double)| double));
    let (envoys, choice) = (EnvoySelection::default(), CoverageChoice::pairwise());
    for path in files.values() {
        if let Err(more) = scenario_cases(project, path, &meshes, &shared, &envoys, &Wanted::Any, choice)? {
            wrong.extend(more.into_iter().filter(|wrong| wrong.label != INVALID_ELSEWHERE));
        }
    }
    Ok(wrong)
}
