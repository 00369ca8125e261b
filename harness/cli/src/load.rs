//! From the files of a project to the cases that were asked for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, hash_map::Entry},
    path::{Path, PathBuf},
};

use meshkat_envoy::config::{Bootstrap, Overlay};
use meshkat_model::{
    capability::Capabilities,
    case::Case,
    limits::{self, grouped},
    mesh::{GroupSpec, MeshSpec},
    project::{MeshFiles, Project},
    scenario::{INVALID_ELSEWHERE, Meshes as _, Scenario, SharedAxes},
    source::Diagnostic,
};
use meshkat_plan::{Coverage, Expanded, Selection, case_of_id, chosen, expand_or_choose};

use crate::{
    args::{CoverageChoice, Select},
    aside::Aside,
    envoys::{self, Asked},
    exit::Exit,
    near::Near,
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

/// The cases of a project that words can mean, with the file of each scenario.
pub(crate) struct Loaded {
    pub(crate) cases: Vec<Case>,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) files: BTreeMap<String, PathBuf>,
    /// The meshes, to tell which of them are invalid.
    meshes: MeshFiles,
    /// The scenarios that have too many cases, of which a coverage has chosen already.
    chosen: HashSet<String>,
}

/// A scenario and its cases.
pub(crate) type Read = (Scenario, Expanded);

/// Reads the meshes.
///
/// # Errors
/// A file that cannot be read. What does not hold is given beside the meshes that do.
pub(crate) fn meshes(project: &Project) -> Result<(MeshFiles, Vec<Diagnostic>), Exit> {
    project
        .read_meshes()
        .map_err(|error| Exit::usage(format!("failed to read the meshes: {error}")))
}

/// Puts every mesh's overlays over its configurations, so that what does not fit is told before anything starts.
///
/// # Errors
/// A change for which there is no place, and an overlay that changes no Envoy of a mesh.
pub(crate) fn check_overlays<'a>(meshes: impl Iterator<Item = &'a MeshSpec>) -> Result<(), Exit> {
    let mut checked = HashSet::new();
    let mut fits = Fits::default();
    for mesh in meshes {
        let files: BTreeSet<Together<'_>> = mesh.groups.values().filter_map(together).collect();
        if checked.insert((mesh.name.as_str(), files.clone())) {
            fits.check(&mesh.name, files)?;
        }
    }
    Ok(())
}

/// A configuration, and what is put over it.
type Together<'a> = (&'a Path, &'a [PathBuf]);

fn together(group: &GroupSpec) -> Option<Together<'_>> {
    let overlays = group.overlays.as_slice();
    (!overlays.is_empty()).then_some((group.envoy.as_deref()?, overlays))
}

/// What of overlays and configurations is known to fit. Each file is read once, and each is put over another once, however many
/// meshes and cases have both.
#[derive(Default)]
struct Fits<'a> {
    configs: HashMap<&'a Path, Bootstrap>,
    overlays: HashMap<&'a Path, Overlay>,
    /// Whether each of the overlays changes the configuration.
    known: HashMap<Together<'a>, Vec<bool>>,
}

impl<'a> Fits<'a> {
    fn check(&mut self, mesh: &str, files: BTreeSet<Together<'a>>) -> Result<(), Exit> {
        let mut unused: BTreeMap<&Path, bool> = BTreeMap::new();
        for of in files {
            if !self.known.contains_key(&of) {
                if self.known.len() >= OVERLAID {
                    return Err(Exit::usage(format!(
                        "there are more than {OVERLAID} combinations of overlays and configurations"
                    ))
                    .help("put fewer overlays on an axis, or name fewer scenarios"));
                }
                let changes = self.changes(of)?;
                self.known.insert(of, changes);
            }
            for (overlay, changes) in of.1.iter().zip(&self.known[&of]) {
                *unused.entry(overlay).or_insert(true) &= !changes;
            }
        }
        match unused.into_iter().find(|(_, unused)| *unused) {
            None => Ok(()),
            Some((overlay, _)) => Err(Exit::usage(format!(
                "{}: it changes no Envoy of the mesh `{mesh}`",
                overlay.display(),
            ))
            .help("no configuration of this mesh has what it `needs`; leave it out, or choose another mesh")),
        }
    }

    fn changes(&mut self, (file, overlays): Together<'a>) -> Result<Vec<bool>, Exit> {
        let usage = |error: meshkat_envoy::config::ConfigError| Exit::usage(error.to_string());
        let mut config = match self.configs.entry(file) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => new.insert(Bootstrap::read(file).map_err(usage)?).clone(),
        };
        let mut changes = Vec::new();
        for path in overlays {
            let overlay = match self.overlays.entry(path) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Overlay::read(path).map_err(usage)?),
            };
            changes.push(overlay.apply(&mut config).map_err(usage)?);
        }
        Ok(changes)
    }
}

/// Reads the scenarios that words and tags can mean; all, without any. One that they do mean and that is invalid stops everything,
/// before anything starts: nobody wants half a run. What is wrong with others is a warning. Of the words, the whole ids that name
/// an Envoy are cases, too.
///
/// # Errors
/// Everything that is wrong with what is meant, shown; an Envoy that nobody knows; more cases than a command can look at.
pub(crate) fn cases(
    project: &Project,
    asked: &Asked,
    words: &[String],
    tags: &[String],
    choice: CoverageChoice,
) -> Result<Loaded, Exit> {
    let (meshes, of_meshes) = meshes(project)?;
    let (files, doubles) = project
        .scenario_files_and_doubles()
        .map_err(|error| Exit::usage(format!("failed to read the scenarios: {error}")))?;
    let (shared, of_axes) = project.read_axes_partly();
    let selection = Selection::new(words, tags, |path| std::fs::canonicalize(path).ok());
    let means = |id: &str, text: &str| {
        let file = files.get(id).and_then(|path| std::fs::canonicalize(path).ok());
        selection.may_mean(id, file.as_deref(), text)
    };
    let (mut wrong, mut aside) = (Vec::new(), Aside::default());
    let (mut cases, mut scenarios, mut chosen) = (Vec::new(), Vec::new(), HashSet::new());
    for (id, path) in &files {
        let wanted = Wanted::new(words, id, path);
        if wanted.is_none() {
            aside.glance(project, path, &meshes, &shared);
            continue;
        }
        match scenario_cases(project, path, &meshes, &shared, asked, &wanted, choice)? {
            Ok((scenario, more)) => {
                if !more.are_all {
                    chosen.insert(scenario.id.clone());
                }
                cases.extend(more.cases);
                scenarios.push(scenario);
            }
            Err(more) => {
                let text = project.read_or_tell(path).unwrap_or_else(|wrong| wrong.source);
                if means(id, text.text()) {
                    wrong.extend(more);
                } else {
                    aside.add(more);
                }
            }
        }
        if cases.len() > limits::CASES_OF_ALL {
            let message = format!("there are more than {} cases", grouped(limits::CASES_OF_ALL as u64));
            return Err(Exit::usage(message).help("name the scenarios or the folder that you want"));
        }
    }
    for (id, double) in doubles {
        match means(&id, "") {
            true => wrong.push(double),
            false => aside.add(vec![double]),
        }
    }
    // Without any word, the meshes and the shared values are meant, too, whoever uses them.
    if words.is_empty() && tags.is_empty() {
        let mut all = of_meshes;
        all.extend(of_axes);
        all.extend(wrong.into_iter().filter(|wrong| wrong.label != INVALID_ELSEWHERE));
        wrong = all;
    } else {
        wrong = with_causes(wrong, &of_meshes, &of_axes, &meshes);
        aside.add(of_meshes);
        aside.add(of_axes);
    }
    if !wrong.is_empty() {
        return Err(Exit::diagnostics(&wrong));
    }
    for id in words {
        if let Some((at, case)) = with_an_envoy(id, &scenarios, &cases, &meshes, asked)? {
            cases.insert(at, case);
        }
    }
    keep_apart(&mut cases);
    aside.tell();
    Ok(Loaded {
        cases,
        scenarios,
        files,
        meshes,
        chosen,
    })
}

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
    let (asked, choice) = (Asked::default(), CoverageChoice::pairwise());
    for path in files.values() {
        if let Err(more) = scenario_cases(project, path, &meshes, &shared, &asked, &Wanted::Any, choice)? {
            wrong.extend(more.into_iter().filter(|wrong| wrong.label != INVALID_ELSEWHERE));
        }
    }
    Ok(wrong)
}

/// What is wrong with scenarios only because another file is invalid is told at that file.
fn with_causes(
    wrong: Vec<Diagnostic>,
    of_meshes: &[Diagnostic],
    of_axes: &[Diagnostic],
    meshes: &MeshFiles,
) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for diagnostic in wrong {
        let says = |part: &str| diagnostic.message.contains(part);
        if diagnostic.label == INVALID_ELSEWHERE {
            let of_mesh = meshes
                .invalid()
                .iter()
                .filter(|(name, _)| says(&format!("mesh `{name}`")));
            let mut causes: Vec<Diagnostic> = of_mesh.flat_map(|(_, wrong)| wrong.iter().cloned()).collect();
            if says("shared values") {
                causes.extend(of_axes.iter().cloned());
            }
            all.extend(
                causes
                    .into_iter()
                    .filter(|cause| !all.contains(cause))
                    .collect::<Vec<_>>(),
            );
            continue;
        }
        // One that may not be used is none that there is.
        if says("there is no overlay") {
            let of_overlays = of_meshes
                .iter()
                .filter(|wrong| wrong.source.name().contains("overlays"));
            all.extend(of_overlays.cloned());
        }
        all.push(diagnostic);
    }
    all
}

/// Sees to it that nobody shares a mesh whose Envoys remember what they have served: a proof that it is as it was would not see
/// that. A configuration that cannot be read is told elsewhere.
fn keep_apart(cases: &mut [Case]) {
    let mut known: HashMap<(PathBuf, Vec<PathBuf>), Option<String>> = HashMap::new();
    for case in cases {
        if case.mesh.alone.is_some() {
            continue;
        }
        for group in case.mesh.groups.values() {
            let Some(file) = &group.envoy else { continue };
            let of = (file.clone(), group.overlays.clone());
            let why = known.entry(of).or_insert_with(|| {
                let kept = Bootstrap::read_with(file, &group.overlays).ok()?.keeps_state();
                let kept: Vec<&str> = kept.into_iter().collect();
                let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
                (!kept.is_empty()).then(|| format!("an Envoy with {name} keeps {}", kept.join(", ")))
            });
            if why.is_some() {
                case.mesh.alone.clone_from(why);
                break;
            }
        }
    }
}

/// How many combinations of a configuration and overlays are looked at: each takes some milliseconds.
const OVERLAID: usize = 500;

/// What of a scenario is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// Nothing.
    Nothing,
    /// These cases, by their whole ids.
    Ids(Vec<&'a str>),
    /// Any of its cases.
    Any,
}

impl<'a> Wanted<'a> {
    /// What words can mean of the scenario of this id, in this file. That a word means more than it does is no harm.
    fn new(words: &'a [String], scenario: &str, file: &Path) -> Self {
        let mut ids = Vec::new();
        for word in words {
            if let Ok(path) = std::fs::canonicalize(word) {
                if std::fs::canonicalize(file).is_ok_and(|file| file.starts_with(path)) {
                    return Self::Any;
                }
                continue;
            }
            let known = word.split(['*', '?', '[']).next().unwrap_or_default();
            let has_pattern = word.contains(['*', '?']);
            // A file's own name may have brackets.
            if word == scenario {
                return Self::Any;
            }
            let is_id = |word: &str| word.strip_prefix(scenario).is_some_and(|rest| rest.starts_with('['));
            if !has_pattern && is_id(word) {
                ids.push(word.as_str());
                continue;
            }
            let known = known.trim_end_matches('/');
            let below = scenario
                .strip_prefix(known)
                .is_some_and(|rest| has_pattern || rest.is_empty() || rest.starts_with('/'));
            if below || has_pattern && known.starts_with(scenario) || is_id(word) {
                return Self::Any;
            }
        }
        match (words.is_empty(), ids.is_empty()) {
            (true, _) => Self::Any,
            (false, true) => Self::Nothing,
            (false, false) => Self::Ids(ids),
        }
    }

    fn is_none(&self) -> bool {
        *self == Self::Nothing
    }
}

/// Reads one scenario. Where it has too many cases, those that were named are made alone.
///
/// # Errors
/// An Envoy that nobody knows; inside, everything that is wrong with the file.
pub(crate) fn scenario_cases(
    project: &Project,
    path: &Path,
    meshes: &MeshFiles,
    shared: &SharedAxes,
    asked: &Asked,
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
    let scenario = asked.apply(scenario)?;
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
    let with = scenario.clone().with_envoys(&[envoy.to_owned()]);
    let Ok(Some(case)) = case_of_id(&with, meshes, id) else {
        return Ok(None);
    };
    asked.knows(envoy)?;
    let last = cases.iter().rposition(|known| known.scenario == scenario.id);
    Ok(Some((last.map_or(cases.len(), |last| last + 1), case)))
}

/// A file that cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &std::io::Error) -> Exit {
    let told = Exit::usage(format!("failed to read {}: {error}", path.display()));
    match error.kind() {
        std::io::ErrorKind::InvalidData => told.help("scenario files are UTF-8 text"),
        _ => told,
    }
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
    let loaded = cases(project, asked, &select.select, &select.tag, choice)?;
    select_from(loaded, select, choice, capabilities)
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
    let near = Near::of(&select.select, &cases);
    let cases = selection.select(cases, file).map_err(|unmatched| {
        // Only what the words can mean was read: whether another scenario has the tag is not known.
        let tags: BTreeSet<String> = select.tag.iter().map(|tag| format!("--tag {tag}")).collect();
        if !select.select.is_empty() && unmatched.iter().all(|word| tags.contains(&word.0)) {
            return nothing();
        }
        let shown = |word: String| meshkat_model::observation::shorten(&word, 200);
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
