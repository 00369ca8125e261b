//! Which of the cases were asked for.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
};

use meshkat_model::{
    capability::Capabilities,
    case::Case,
    limits,
    project::{MeshFiles, Project},
    scenario::{Meshes as _, Scenario},
    source::Diagnostic,
};
use meshkat_plan::{Coverage, Selection, chosen};

use super::{
    cases::{Loaded, cases},
    overlays::{Fits, Together, check_overlays, together},
};
use crate::{
    args::{CoverageChoice, Select},
    envoys::EnvoySelection,
    exit::Exit,
    near::Near,
};

/// The cases that were asked for: of those that are selected, the ones that the coverage chooses of their scenario for a runtime
/// of these capabilities, and those that are named by their whole id.
///
/// # Errors
/// What is invalid; nothing that was asked for; a word that matches nothing.
pub(crate) fn selected(
    project: &Project,
    envoys: &EnvoySelection,
    select: &Select,
    choice: CoverageChoice,
    capabilities: &Capabilities,
) -> Result<Vec<Case>, Exit> {
    let loaded = cases(project, envoys, &select.select, &select.tag, choice)?;
    select_from(loaded, select, choice, capabilities)
}

/// The cases that were asked for, among all that there are.
///
/// # Errors
/// As of [`selected`], but for what is invalid.
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
        meshes,
        chosen,
    } = loaded;
    let known: Vec<String> = files.keys().cloned().collect();
    let exists = |path: &Path| std::fs::canonicalize(path).ok();
    let selection = Selection::new(&select.select, &select.tag, exists);
    let file = |scenario: &str| files.get(scenario).and_then(|path| std::fs::canonicalize(path).ok());
    let coverage = choice.coverage();
    // A coverage chooses of all cases of a scenario, whichever are selected.
    let all = (coverage != Coverage::Full).then(|| cases.clone());
    let nothing = || Exit::nothing("nothing was selected").help("`meshkat list` shows what there is");
    let near = Near::of(&select.select, &cases, files.keys().map(String::as_str));
    let cases = selection.select(cases, file).map_err(|unmatched| {
        // Only what the words can mean was read: whether another scenario has the tag is not known.
        let tags: BTreeSet<String> = select.tag.iter().map(|tag| format!("--tag {tag}")).collect();
        if !select.select.is_empty() && unmatched.iter().all(|word| tags.contains(&word.0)) {
            return nothing();
        }
        let shown = |word: String| meshkat_model::shorten::shorten(&word, 200);
        let words: Vec<String> = unmatched
            .into_iter()
            .map(|word| format!("`{}`", shown(word.0)))
            .collect();
        let mut help = match near.tell() {
            Some(meant) => meant,
            None => format!(
                "`meshkat list` shows the ids; the scenarios are {}",
                limits::listed(&known, 50)
            ),
        };
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
                .filter(|scenario| wanted.contains(scenario.id.as_str()) && !chosen.contains(&scenario.id));
            let mut ids = covered(&all, scenarios, coverage, choice.seed(), capabilities)?;
            let is_chosen = |case: &&Case| chosen.contains(&case.scenario);
            ids.extend(all.iter().filter(is_chosen).map(|case| case.id.clone()));
            ids.extend(select.select.iter().cloned());
            cases.into_iter().filter(|case| ids.contains(&case.id)).collect()
        }
    };
    if any && cases.is_empty() {
        let message = format!("none of the selected cases is among those of `--coverage {coverage}`");
        return Err(Exit::nothing(message).help("name the case by its whole id, or say `--coverage full`"));
    }
    if cases.is_empty() {
        return Err(nothing());
    }
    check_needs(&cases, &meshes)?;
    Ok(cases)
}

/// Checks what cases need: that the files of their meshes are valid, and that the overlays fit.
///
/// # Errors
/// Everything that is wrong with the meshes; the first overlay that does not fit.
fn check_needs(cases: &[Case], meshes: &MeshFiles) -> Result<(), Exit> {
    let names: BTreeSet<&str> = cases.iter().map(|case| case.mesh.name.as_str()).collect();
    let invalid = meshes
        .invalid()
        .iter()
        .filter(|(name, _)| names.contains(name.as_str()));
    let wrong: Vec<Diagnostic> = invalid.flat_map(|(_, wrong)| wrong.iter().cloned()).collect();
    if !wrong.is_empty() {
        return Err(Exit::diagnostics(&wrong));
    }
    check_overlays(cases.iter().map(|case| &case.mesh))
}

impl Loaded {
    /// Checks what a case needs.
    ///
    /// # Errors
    /// Its mesh is invalid, or an overlay does not fit.
    pub(crate) fn check_needs(&self, case: &Case) -> Result<(), Exit> {
        check_needs(std::slice::from_ref(case), &self.meshes)
    }

    /// The cases that could run, whether or not they were asked for.
    pub(crate) fn that_could_run(&self) -> Vec<Case> {
        let mut fits = Fits::default();
        let mut known: HashMap<(&str, BTreeSet<Together<'_>>), bool> = HashMap::new();
        let mut all = Vec::new();
        for case in &self.cases {
            let name = case.mesh.name.as_str();
            let files: BTreeSet<Together<'_>> = case.mesh.groups.values().filter_map(together).collect();
            let could = match known.get(&(name, files.clone())) {
                Some(could) => *could,
                None => {
                    let could = !self.meshes.is_invalid(name) && fits.check(name, files.clone()).is_ok();
                    known.insert((name, files), could);
                    could
                }
            };
            all.extend(could.then(|| case.clone()));
        }
        all
    }
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
