//! `meshkat lint`: scenario, mesh and Envoy files, checked as a run would check them; nothing starts but Envoy's own
//! validation.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use meshkat_envoy::{
    Sandbox,
    binary::Envoy,
    config::{self, Document, MeshLint, Use, Validator, kind_of, lint as lint_config, lint_overlay, lint_resources},
};
use meshkat_model::{
    case::Case,
    mesh::{GroupSpec, MeshSpec},
    mesh_file::read_mesh,
    project::{MeshFiles, Project, yaml_below},
    scenario::{
        INVALID_ELSEWHERE, Meshes as _, SharedAxes,
        race::{Race, Timer},
    },
    source::{Diagnostic, Place, Source},
};

use crate::{
    args::{CoverageChoice, LintArgs},
    envoys::EnvoySelection,
    exit::{Exit, count},
    limits,
    load::{self, Wanted},
    locate,
    output::say,
    used,
};

/// What a file is, by where it lies.
enum Kind {
    Scenario,
    Mesh,
    Axes,
    Config,
    /// xDS resources that a configuration names the file of.
    Resources,
    Overlay,
}

pub(crate) async fn run(args: &LintArgs) -> Result<(), Exit> {
    let project = load::project()?;
    let mut wrong: Vec<Diagnostic> = Vec::new();
    let files = files(&project, &args.paths, &mut wrong)?;
    if files.is_empty() && wrong.is_empty() {
        return Err(Exit::nothing("there is no YAML file to check"));
    }
    let (meshes, mesh_problems) = load::meshes(&project)?;
    let (axes, axes_problems) = project.read_axes_partly();
    let wants_envoy = files
        .iter()
        .any(|file| matches!(kind(&project, file), Kind::Config | Kind::Overlay));
    let mut envoys = Vec::new();
    if wants_envoy {
        limits::check_temporary()?;
        for choice in EnvoySelection::read(&args.envoy)?.each() {
            let envoy = locate::envoy(&choice).await?;
            let judge = judge(&envoy, &project, args);
            envoys.push((envoy, judge));
        }
        if Sandbox::offered() == Sandbox::Nothing {
            say(&format!(
                "warning: Envoy judges configurations {}",
                Sandbox::Nothing.describe()
            ));
        }
    }
    let mut cases = 0;
    let mut fits = MeshLint::default();
    // What may be on purpose.
    let mut unheard: Vec<config::Diagnostic> = Vec::new();
    // What leans on a timer.
    let mut races = Vec::new();
    // An overlay that fits nowhere hides nothing else.
    let mut unfit = None;
    let has_overlays = files.iter().any(|file| matches!(kind(&project, file), Kind::Overlay));
    let in_use = match has_overlays {
        true => overlays_in_use(&project, &meshes, &axes)?,
        false => InUse::default(),
    };
    for file in &files {
        match kind(&project, file) {
            Kind::Mesh => {
                let name = file
                    .file_stem()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default();
                match project.read_or_tell(file) {
                    Ok(source) => match read_mesh(&name, &source, &project.configs()) {
                        Ok(mesh) => {
                            wrong.extend(of_configs(&project, fits.check(&mesh)));
                            unheard.extend(fits.unheard(&mesh));
                        }
                        Err(more) => wrong.extend(more),
                    },
                    Err(unread) => wrong.push(unread),
                }
            }
            Kind::Axes => match project.read_or_tell(file) {
                Ok(source) => wrong.extend(SharedAxes::read(&source).err().unwrap_or_default()),
                Err(unread) => wrong.push(unread),
            },
            Kind::Scenario => match load::scenario_cases(
                &project,
                file,
                &meshes,
                &axes,
                &EnvoySelection::default(),
                &Wanted::Any,
                CoverageChoice::pairwise(),
            )? {
                Ok((_, more)) => {
                    cases += more.cases.len();
                    let is_valid = |mesh: &&MeshSpec| !meshes.is_invalid(&mesh.name);
                    let valid = || more.cases.iter().map(|case| &case.mesh).filter(is_valid);
                    unfit = unfit.or(load::check_overlays(valid()).err());
                    wrong.extend(used::fit(&project, valid()));
                    unheard.extend(used::kinds(valid()).flat_map(|mesh| fits.unheard(mesh)));
                    races.extend(more.cases.iter().flat_map(|case| of_case(case, &mut fits)));
                    // A mesh that is invalid is told, whoever uses it.
                    if !more.cases.iter().all(|case| is_valid(&&case.mesh)) {
                        wrong.extend(mesh_problems.iter().cloned());
                    }
                }
                Err(more) => {
                    let is_own = |told: &Diagnostic| told.label != INVALID_ELSEWHERE;
                    if !more.iter().all(is_own) {
                        wrong.extend(mesh_problems.iter().chain(&axes_problems).cloned());
                    }
                    wrong.extend(more.into_iter().filter(is_own));
                }
            },
            Kind::Overlay => {
                let uses: Vec<Use> = in_use.found.get(file).into_iter().flatten().cloned().collect();
                if uses.is_empty() {
                    let name = shown(&project, file);
                    let why = match in_use.is_whole && mesh_problems.is_empty() && axes_problems.is_empty() {
                        true => "is an overlay that no scenario uses",
                        false => "is an overlay, and what may use it is invalid",
                    };
                    say(&format!("warning: {name} {why}: Envoy is not asked about it"));
                }
                let path = file.clone();
                let found = with_each(&envoys, move |envoy| lint_overlay(&path, &uses, Some(envoy))).await?;
                wrong.extend(of_configs(&project, found));
            }
            Kind::Resources => wrong.extend(of_configs(&project, lint_resources(file))),
            Kind::Config => {
                let is_it = |used: &PathBuf| std::fs::canonicalize(used).is_ok_and(|used| used == *file);
                let mut used = meshes.all().flat_map(|mesh| mesh.groups.values());
                let is_used = used.any(|group| group.envoy.as_ref().is_some_and(is_it));
                // What lies beside a configuration that somebody brought is nobody's mistake.
                if !is_used && !is_named(file, &args.paths) && kind_of(file) == Document::Foreign {
                    let name = shown(&project, file);
                    say(&format!(
                        "warning: {name} is no configuration of an Envoy, and no mesh uses it: it is passed over"
                    ));
                    continue;
                }
                let path = file.clone();
                let found = with_each(&envoys, move |envoy| lint_config(&path, Some(envoy))).await?;
                wrong.extend(of_configs(&project, found));
                // What it lacks in the meshes that have it.
                for mesh in meshes.all().filter(|mesh| !meshes.is_invalid(&mesh.name)) {
                    let has_it = |group: &GroupSpec| group.envoy.as_ref().is_some_and(is_it);
                    wrong.extend(of_configs(&project, fits.check_groups(mesh, has_it)));
                    unheard.extend(fits.unheard(mesh).into_iter().filter(|told| is_it(&told.file)));
                }
            }
        }
    }
    for warning in once_each(of_configs(&project, unheard).into_iter().chain(races).collect()) {
        say(&format!("warning: {warning}"));
    }
    let wrong = once_each(wrong);
    let told = (!wrong.is_empty()).then(|| Exit::diagnostics(&wrong));
    if let Some(exit) = Exit::both(unfit, told) {
        return Err(exit);
    }
    say(&format!(
        "nothing is wrong in {}, with {}",
        count(files.len(), "file"),
        count(cases, "case")
    ));
    Ok(())
}

/// Where a case races with a timer. An Envoy that waits for ever does not.
fn of_case(case: &Case, fits: &mut MeshLint) -> Vec<Diagnostic> {
    let mut races = case.races();
    races.retain(|race| match &race.timer {
        Timer::Passing(pods, _) => !fits.wait_for_ever(&case.mesh, pods),
        Timer::Latency(_) | Timer::Timeout(_) => true,
    });
    let tell = |race: Race| {
        let (message, help) = race.timer.tell();
        Diagnostic::new(&case.source, race.place, message, "races with a timer").help(help)
    };
    races.into_iter().map(tell).collect()
}

/// What is told several times once: of several meshes, or with fewer words.
fn once_each(wrong: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut kept: Vec<Diagnostic> = Vec::new();
    let mut at: HashMap<(String, usize), Vec<usize>> = HashMap::new();
    for problem in wrong {
        let here = at
            .entry((problem.source.name().to_owned(), problem.place.offset))
            .or_default();
        let says = |long: &Diagnostic, short: &Diagnostic| {
            let rest = long.message.strip_prefix(short.message.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
        };
        if here.iter().any(|known| says(&kept[*known], &problem)) {
            continue;
        }
        match here.iter().find(|known| says(&problem, &kept[**known])) {
            Some(shorter) => kept[*shorter] = problem,
            None => {
                here.push(kept.len());
                kept.push(problem);
            }
        }
    }
    kept
}

/// This Envoy as a judge of the project's configurations.
fn judge(envoy: &Envoy, project: &Project, args: &LintArgs) -> Validator {
    let judge = Validator::new(&envoy.path)
        .within(args.validate_within)
        .reads_project(&project.root);
    args.readable.iter().fold(judge, |judge, path| judge.reads(path))
}

fn kind(project: &Project, file: &Path) -> Kind {
    let under = |folder: PathBuf| std::fs::canonicalize(folder).is_ok_and(|folder| file.starts_with(folder));
    let in_folder = |name: &str| file.parent().is_some_and(|parent| parent.ends_with(name));
    if under(project.meshes()) || in_folder("meshes") {
        Kind::Mesh
    } else if in_folder("overlays") {
        Kind::Overlay
    } else if std::fs::canonicalize(project.axes()).is_ok_and(|axes| axes == file) {
        Kind::Axes
    } else if under(project.configs()) || in_folder("envoy-configs") || in_folder("configs") {
        match kind_of(file) {
            Document::Resources => Kind::Resources,
            Document::Configuration | Document::Foreign | Document::Other => Kind::Config,
        }
    } else if under(project.scenarios()) {
        Kind::Scenario
    } else {
        // Elsewhere a file is what stands in it.
        match kind_of(file) {
            Document::Configuration => Kind::Config,
            Document::Resources => Kind::Resources,
            Document::Foreign | Document::Other => Kind::Scenario,
        }
    }
}

/// The files that were asked for, each once, as absolute paths. What is wrong with where they lie is added to `wrong`.
fn files(project: &Project, asked: &[PathBuf], wrong: &mut Vec<Diagnostic>) -> Result<BTreeSet<PathBuf>, Exit> {
    let mut found = BTreeSet::new();
    if asked.is_empty() {
        let read = |error: std::io::Error| Exit::usage(format!("failed to read the project's folders: {error}"));
        let (scenarios, doubles) = project.scenario_files_and_doubles().map_err(read)?;
        found.extend(scenarios.into_values());
        wrong.extend(doubles.into_iter().map(|(_, double)| double));
        found.extend(project.mesh_files().map_err(read)?.into_values());
        found.extend(Some(project.axes()).filter(|axes| axes.is_file()));
        walk(&project.configs(), &mut found)?;
    }
    for path in asked {
        walk(path, &mut found)?;
    }
    let mut real = BTreeSet::new();
    for path in found {
        match project.holds(&path).and_then(|()| std::fs::canonicalize(&path)) {
            Ok(path) => drop(real.insert(path)),
            Err(error) => wrong.push(unreadable(project, &path, &error)),
        }
    }
    Ok(real)
}

/// That a file cannot be read, which keeps nobody from checking the others.
fn unreadable(project: &Project, path: &Path, error: &std::io::Error) -> Diagnostic {
    let source = Source::new(project.shown(path), String::new());
    Diagnostic::new(
        &source,
        Place::default(),
        format!("failed to read {}: {error}", project.shown(path)),
        "",
    )
    .help("mend it, or take it out of the project")
}

/// How scenarios use overlays.
#[derive(Default)]
struct InUse {
    /// With which configurations, and after which others, each is used.
    found: BTreeMap<PathBuf, BTreeSet<Use>>,
    /// All scenarios could be read; of others nothing is known.
    is_whole: bool,
}

fn overlays_in_use(project: &Project, meshes: &MeshFiles, axes: &SharedAxes) -> Result<InUse, Exit> {
    let files = project
        .scenario_files()
        .map_err(|error| Exit::usage(format!("failed to read the scenarios: {error}")))?;
    let mut in_use = InUse {
        is_whole: true,
        ..InUse::default()
    };
    for path in files.values() {
        let (envoys, coverage) = (EnvoySelection::default(), CoverageChoice::pairwise());
        let read = load::scenario_cases(project, path, meshes, axes, &envoys, &Wanted::Any, coverage)?;
        let Ok((_, read)) = read else {
            in_use.is_whole = false;
            continue;
        };
        for group in read.cases.iter().flat_map(|case| case.mesh.groups.values()) {
            let Some(config) = &group.envoy else { continue };
            for (index, overlay) in group.overlays.iter().enumerate() {
                let overlay = std::fs::canonicalize(overlay).unwrap_or_else(|_| overlay.clone());
                in_use.found.entry(overlay).or_default().insert(Use {
                    config: config.clone(),
                    before: group.overlays[..index].to_vec(),
                });
            }
        }
    }
    Ok(in_use)
}

fn walk(path: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), Exit> {
    if path.is_file() {
        found.insert(path.to_owned());
        return Ok(());
    }
    let below = yaml_below(path, |_| false);
    found.extend(below.map_err(|error| load::cannot_read(path, &error).help("give a file or a folder"))?);
    Ok(())
}

/// What is wrong with each Envoy: once where it is the same with all of them, and otherwise with the versions. Versions that
/// refuse the same place say the same, whatever their words are.
async fn with_each(
    envoys: &[(Envoy, Validator)],
    lint: impl Fn(&Validator) -> Vec<config::Diagnostic> + Send + 'static,
) -> Result<Vec<config::Diagnostic>, Exit> {
    let judges: Vec<Validator> = envoys.iter().map(|(_, judge)| judge.clone()).collect();
    let all = tokio::task::spawn_blocking(move || -> Vec<_> { judges.iter().map(lint).collect() }).await;
    let all = all.map_err(|error| Exit::environment(error.to_string()))?;
    let mut found: Vec<(config::Diagnostic, BTreeSet<usize>)> = Vec::new();
    for (index, problems) in all.into_iter().enumerate() {
        for problem in problems {
            let known = found.iter_mut().find(|(known, with)| {
                let other_words = known.is_refusal() && problem.is_refusal() && !with.contains(&index);
                let same_place = known.line.is_some() && known.place() == problem.place();
                *known == problem || (other_words && same_place)
            });
            match known {
                Some((_, with)) => drop(with.insert(index)),
                None => found.push((problem, BTreeSet::from([index]))),
            }
        }
    }
    let tell = |(mut problem, with): (config::Diagnostic, BTreeSet<usize>)| {
        if with.len() < envoys.len() {
            let versions: Vec<String> = with.iter().map(|index| envoys[*index].0.version.to_string()).collect();
            problem.message = format!("{} (only with Envoy {})", problem.message, versions.join(", "));
        }
        problem
    };
    Ok(found.into_iter().map(tell).collect())
}

/// Problems of Envoy configurations, shown like all others.
fn of_configs(project: &Project, problems: Vec<config::Diagnostic>) -> Vec<Diagnostic> {
    problems
        .into_iter()
        .map(|problem| used::of_config(project, problem))
        .collect()
}

/// Whether a file itself is among these paths.
fn is_named(file: &Path, paths: &[PathBuf]) -> bool {
    let mut paths = paths.iter();
    paths.any(|path| std::fs::canonicalize(path).is_ok_and(|path| path == file))
}

/// A file as it is named to a person.
fn shown(project: &Project, file: &Path) -> String {
    let root = std::fs::canonicalize(&project.root).unwrap_or_else(|_| project.root.clone());
    file.strip_prefix(root).unwrap_or(file).display().to_string()
}
