//! One scenario and its cases.

use std::path::Path;

use meshkat_model::{
    case::Case,
    project::{MeshFiles, Project},
    scenario::{Scenario, SharedAxes},
    source::Diagnostic,
};
use meshkat_plan::{Expanded, case_of_id, expand_or_choose};

use super::wanted::Wanted;
use crate::{
    args::CoverageChoice,
    envoys::{self, EnvoySelection},
    exit::Exit,
};

/// A scenario and its cases.
pub(crate) type Read = (Scenario, Expanded);

/// Reads one scenario. Where it has too many cases, those that were named are made alone.
///
/// # Errors
/// An Envoy that nobody knows; inside, everything that is wrong with the file.
pub(crate) fn scenario_cases(
    project: &Project,
    path: &Path,
    meshes: &MeshFiles,
    shared: &SharedAxes,
    envoys: &EnvoySelection,
    wanted: &Wanted<'_>,
    choice: CoverageChoice,
) -> Result<Result<Read, Vec<Diagnostic>>, Exit> {
    let read = project.read_or_tell(path).map_err(|wrong| vec![wrong]);
    let read = read.and_then(|source| Scenario::read(project.scenario_id(path), source, shared));
    let scenario = match read {
        Ok(scenario) => scenario,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let unknown = envoys::unknown(&scenario);
    if !unknown.is_empty() {
        return Ok(Err(unknown));
    }
    let scenario = envoys.apply(scenario)?;
    if let Wanted::Ids(ids) = wanted
        && scenario.too_many_cases(scenario.combined()).is_some()
    {
        let cases: Result<Vec<Option<Case>>, _> = ids.iter().map(|id| case_of_id(&scenario, meshes, id)).collect();
        let read = cases.map(|cases| Expanded {
            cases: cases.into_iter().flatten().collect(),
            are_all: false,
        });
        return Ok(read.map(|cases| (scenario, cases)));
    }
    let cases = expand_or_choose(&scenario, meshes, choice.coverage(), choice.seed());
    Ok(cases.map(|cases| (scenario, cases)))
}

/// The case that a whole id means by the Envoy that it names, if no case has that id already; and its place among the cases.
///
/// # Errors
/// There would be such a case, but nobody knows that Envoy.
pub(super) fn with_an_envoy(
    id: &str,
    scenarios: &[Scenario],
    cases: &[Case],
    meshes: &MeshFiles,
    envoys: &EnvoySelection,
) -> Result<Option<(usize, Case)>, Exit> {
    let Some((scenario, envoy)) = envoys::named_by(id).filter(|_| cases.iter().all(|case| case.id != id)) else {
        return Ok(None);
    };
    let Some(scenario) = scenarios.iter().find(|known| known.id == scenario) else {
        return Ok(None);
    };
    // Its file holds with the Envoys that it has; that it does not with this one is no case of it.
    let with = scenario.clone().with_envoys(&[envoy.to_owned()]);
    let Ok(Some(case)) = case_of_id(&with, meshes, id) else {
        return Ok(None);
    };
    envoys.knows(envoy)?;
    let last = cases.iter().rposition(|known| known.scenario == scenario.id);
    Ok(Some((last.map_or(cases.len(), |last| last + 1), case)))
}
