//! From the files of a project to the cases that were asked for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
};

use meshkat_envoy::config::{Bootstrap, Overlay};
use meshkat_model::{
    capability::Capabilities, case::Case, mesh::MeshSpec, project::MeshFiles, project::Project, scenario::Scenario,
    scenario::SharedAxes, source::Diagnostic,
};
use meshkat_plan::{Coverage, Selection, chosen, expand};

use crate::{
    args::{CoverageChoice, Select},
    envoys::{self, Asked},
    exit::Exit,
};

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

/// Every case of a project, with the file of each scenario.
pub(crate) struct Loaded {
    pub(crate) cases: Vec<Case>,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) files: BTreeMap<String, PathBuf>,
}

/// A scenario and its cases.
pub(crate) type Expanded = (Scenario, Vec<Case>);

/// Reads the meshes.
///
/// # Errors
/// A file that cannot be read. What does not hold is given beside the meshes that do.
pub(crate) fn meshes(project: &Project) -> Result<(MeshFiles, Vec<Diagnostic>), Exit> {
    project
        .read_meshes()
        .map_err(|error| Exit::usage(format!("failed to read the meshes: {error}")))
}

/// Reads the values that scenarios share.
///
/// # Errors
/// A file that cannot be read; inside, everything in it that does not hold.
pub(crate) fn axes(project: &Project) -> Result<Result<SharedAxes, Vec<Diagnostic>>, Exit> {
    project
        .read_axes()
        .map_err(|error| Exit::usage(format!("failed to read the shared axes: {error}")))
}

/// Puts every mesh's overlays over its configurations, so that what does not fit is told before anything starts.
///
/// # Errors
/// A change for which there is no place, and an overlay that changes no Envoy of a mesh.
pub(crate) fn check_overlays<'a>(meshes: impl Iterator<Item = &'a MeshSpec>) -> Result<(), Exit> {
    let mut checked: Vec<&MeshSpec> = Vec::new();
    for mesh in meshes {
        let same = |known: &&MeshSpec| {
            let files = |mesh: &MeshSpec| -> Vec<_> {
                let groups = mesh.groups.values();
                groups
                    .map(|group| (group.envoy.clone(), group.overlays.clone()))
                    .collect()
            };
            known.name == mesh.name && files(known) == files(mesh)
        };
        if checked.iter().any(same) {
            continue;
        }
        checked.push(mesh);
        check_overlays_of(mesh)?;
    }
    Ok(())
}

fn check_overlays_of(mesh: &MeshSpec) -> Result<(), Exit> {
    let usage = |error: meshkat_envoy::config::ConfigError| Exit::usage(error.to_string());
    let mut unused: BTreeMap<&Path, bool> = BTreeMap::new();
    for group in mesh.groups.values() {
        let Some(file) = &group.envoy else { continue };
        if group.overlays.is_empty() {
            continue;
        }
        let mut config = Bootstrap::read(file).map_err(usage)?;
        for overlay in &group.overlays {
            let changed = Overlay::read(overlay)
                .and_then(|overlay| overlay.apply(&mut config))
                .map_err(usage)?;
            *unused.entry(overlay).or_insert(true) &= !changed;
        }
    }
    match unused.into_iter().find(|(_, unused)| *unused) {
        None => Ok(()),
        Some((overlay, _)) => Err(Exit::usage(format!(
            "{}: it changes no Envoy of the mesh `{}`",
            overlay.display(),
            mesh.name
        ))
        .help("no configuration of this mesh has what it `needs`; leave it out, or choose another mesh")),
    }
}

/// Reads all scenarios. One that does not hold stops everything, before anything starts: nobody wants half a run. Of `words`,
/// the whole ids that name an Envoy are cases, too.
///
/// # Errors
/// Everything that does not hold, shown; an Envoy that nobody knows.
pub(crate) fn cases(project: &Project, asked: &Asked, words: &[String]) -> Result<Loaded, Exit> {
    let (meshes, mut wrong) = meshes(project)?;
    let files = project
        .scenario_files()
        .map_err(|error| Exit::usage(format!("failed to read the scenarios: {error}")))?;
    let shared = axes(project)?.unwrap_or_else(|more| {
        wrong.extend(more);
        SharedAxes::default()
    });
    let (mut cases, mut scenarios) = (Vec::new(), Vec::new());
    // Scenarios that need a mesh that does not hold would each say so again.
    if wrong.is_empty() {
        for path in files.values() {
            match scenario_cases(project, path, &meshes, &shared, asked)? {
                Ok((scenario, more)) => {
                    cases.extend(more);
                    scenarios.push(scenario);
                }
                Err(more) => wrong.extend(more),
            }
        }
    }
    if wrong.is_empty() {
        for id in words {
            if let Some((at, case)) = with_an_envoy(id, &scenarios, &cases, &meshes, asked)? {
                cases.insert(at, case);
            }
        }
        check_overlays(cases.iter().map(|case| &case.mesh))?;
        Ok(Loaded {
            cases,
            scenarios,
            files,
        })
    } else {
        Err(Exit::diagnostics(&wrong))
    }
}

/// Reads one scenario.
///
/// # Errors
/// A file that cannot be read; inside, everything in it that does not hold.
pub(crate) fn scenario_cases(
    project: &Project,
    path: &Path,
    meshes: &MeshFiles,
    shared: &SharedAxes,
    asked: &Asked,
) -> Result<Result<Expanded, Vec<Diagnostic>>, Exit> {
    let read = project
        .read_scenario(path, shared)
        .map_err(|error| cannot_read(path, &error))?;
    let scenario = match read {
        Ok(scenario) => scenario,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let unknown = envoys::unknown(&scenario);
    if !unknown.is_empty() {
        return Ok(Err(unknown));
    }
    let scenario = asked.apply(scenario)?;
    Ok(expand(&scenario, meshes).map(|cases| (scenario, cases)))
}

/// The case that a whole id means by the Envoy that it names, if no case has that id already; and its place among the cases.
///
/// # Errors
/// There would be such a case, but nobody knows that Envoy.
fn with_an_envoy(
    id: &str,
    scenarios: &[Scenario],
    cases: &[Case],
    meshes: &MeshFiles,
    asked: &Asked,
) -> Result<Option<(usize, Case)>, Exit> {
    let Some((scenario, envoy)) = envoys::named_by(id).filter(|_| cases.iter().all(|case| case.id != id)) else {
        return Ok(None);
    };
    let Some(scenario) = scenarios.iter().find(|known| known.id == scenario) else {
        return Ok(None);
    };
    // Its file holds with the Envoys that it has; that it does not with this one is no case of it.
    let with = expand(&scenario.clone().with_envoys(&[envoy.to_owned()]), meshes).unwrap_or_default();
    let Some(case) = with.into_iter().find(|case| case.id == id) else {
        return Ok(None);
    };
    asked.knows(envoy)?;
    let last = cases.iter().rposition(|known| known.scenario == scenario.id);
    Ok(Some((last.map_or(cases.len(), |last| last + 1), case)))
}

/// A file that cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &std::io::Error) -> Exit {
    Exit::usage(format!("failed to read {}: {error}", path.display())).help("scenario files are UTF-8 text")
}

/// The cases that were asked for: of those that are selected, the ones that the coverage chooses of their scenario for a runtime
/// of these capabilities, and those that are named by their whole id.
///
/// # Errors
/// What does not hold; nothing that was asked for; a word that matches nothing.
pub(crate) fn selected(
    project: &Project,
    asked: &Asked,
    select: &Select,
    choice: CoverageChoice,
    capabilities: &Capabilities,
) -> Result<Vec<Case>, Exit> {
    select_from(cases(project, asked, &select.select)?, select, choice, capabilities)
}

/// The cases that were asked for, among all that there are.
///
/// # Errors
/// As of [`selected`], but for what does not hold.
pub(crate) fn select_from(
    loaded: Loaded,
    select: &Select,
    choice: CoverageChoice,
    capabilities: &Capabilities,
) -> Result<Vec<Case>, Exit> {
    let Loaded {
        cases,
        scenarios,
        files,
    } = loaded;
    let known: Vec<String> = files.keys().cloned().collect();
    let exists = |path: &Path| std::fs::canonicalize(path).ok();
    let selection = Selection::new(&select.select, &select.tag, exists);
    let file = |scenario: &str| files.get(scenario).and_then(|path| std::fs::canonicalize(path).ok());
    let coverage = choice.coverage();
    // A coverage chooses of all cases of a scenario, whichever are selected.
    let all = (coverage != Coverage::Full).then(|| cases.clone());
    let cases = selection.select(cases, file).map_err(|unmatched| {
        let words: Vec<String> = unmatched.into_iter().map(|word| format!("`{}`", word.0)).collect();
        let mut help = format!("`meshkat list` shows the ids; the scenarios are {}", known.join(", "));
        if words.iter().any(|word| word.contains("envoy=")) {
            help.push_str(
                "\na whole id may name any Envoy, and a pattern those that `--envoy`, given several times, has",
            );
        }
        Exit::nothing(format!("no case matches {}", words.join(", "))).help(help)
    })?;
    let any = !cases.is_empty();
    let cases: Vec<Case> = match all {
        None => cases,
        Some(all) => {
            let wanted: BTreeSet<&str> = cases.iter().map(|case| case.scenario.as_str()).collect();
            let scenarios = scenarios
                .iter()
                .filter(|scenario| wanted.contains(scenario.id.as_str()));
            let mut ids = covered(&all, scenarios, coverage, choice.seed(), capabilities)?;
            ids.extend(select.select.iter().cloned());
            cases.into_iter().filter(|case| ids.contains(&case.id)).collect()
        }
    };
    if any && cases.is_empty() {
        let message = format!("none of the selected cases is among those of `--coverage {coverage}`");
        return Err(Exit::nothing(message).help("name the case by its whole id, or say `--coverage full`"));
    }
    if cases.is_empty() {
        return Err(Exit::nothing("nothing was selected").help("`meshkat list` shows what there is"));
    }
    Ok(cases)
}

/// The ids of the cases that a coverage chooses of each scenario, of whose cases `all` has every one.
fn covered<'a>(
    all: &[Case],
    scenarios: impl Iterator<Item = &'a Scenario>,
    coverage: Coverage,
    seed: u64,
    capabilities: &Capabilities,
) -> Result<HashSet<String>, Exit> {
    let of_scenario: HashMap<&str, &[Case]> = all
        .chunk_by(|one, next| one.scenario == next.scenario)
        .filter_map(|cases| Some((cases.first()?.scenario.as_str(), cases)))
        .collect();
    let mut ids = HashSet::new();
    for scenario in scenarios {
        let cases = of_scenario.get(scenario.id.as_str()).copied().unwrap_or_default();
        let chosen = chosen(scenario, cases, coverage, seed, capabilities);
        ids.extend(chosen.map_err(|wrong| Exit::diagnostics(&wrong))?);
    }
    Ok(ids)
}
