//! The cases that words can mean.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

use meshkat_envoy::config::Bootstrap;
use meshkat_model::{
    case::Case,
    limits::{self, grouped},
    project::{MeshFiles, Project},
    scenario::{INVALID_ELSEWHERE, Scenario},
};
use meshkat_plan::Selection;

use super::{
    causes::with_causes,
    project::meshes,
    scenario::{scenario_cases, with_an_envoy},
    wanted::Wanted,
};
use crate::{args::CoverageChoice, aside::Aside, envoys::EnvoySelection, exit::Exit};

/// The cases of a project that words can mean, with the file of each scenario.
pub(crate) struct Loaded {
    pub(crate) cases: Vec<Case>,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) files: BTreeMap<String, PathBuf>,
    /// The meshes, to tell which of them are invalid.
    pub(super) meshes: MeshFiles,
    /// The scenarios that have too many cases, of which a coverage has chosen already.
    pub(super) chosen: HashSet<String>,
}

/// Reads the scenarios that words and tags can mean; all, without any. One that they do mean and that is invalid stops everything,
/// before anything starts: nobody wants half a run. What is wrong with others is a warning. Of the words, the whole ids that name
/// an Envoy are cases, too.
///
/// # Errors
/// Everything that is wrong with what is meant, shown; an Envoy that nobody knows; more cases than a command can look at.
pub(crate) fn cases(
    project: &Project,
    envoys: &EnvoySelection,
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
        match scenario_cases(project, path, &meshes, &shared, envoys, &wanted, choice)? {
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
        if let Some((at, case)) = with_an_envoy(id, &scenarios, &cases, &meshes, envoys)? {
            cases.insert(at, case);
        }
    }
    look_at_envoys(&mut cases);
    aside.tell();
    Ok(Loaded {
        cases,
        scenarios,
        files,
        meshes,
        chosen,
    })
}

/// What an Envoy's configuration says about who may share its mesh.
#[derive(Default)]
struct Says {
    /// What its Envoys remember, in words, if they do.
    alone: Option<String>,
    /// The hosts that it names.
    hosts: Vec<String>,
}

impl Says {
    fn of(file: &Path, overlays: &[PathBuf]) -> Self {
        // One that cannot be read is told elsewhere.
        let Ok(config) = Bootstrap::read_with(file, overlays) else {
            return Self::default();
        };
        let kept: Vec<&str> = config.keeps_state().into_iter().collect();
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        Self {
            alone: (!kept.is_empty()).then(|| format!("an Envoy with {name} keeps {}", kept.join(", "))),
            hosts: config.named_endpoints().into_iter().map(|named| named.host).collect(),
        }
    }
}

/// Sees to it that nobody shares a mesh whose Envoys remember what they have served: a proof that it is as it was would not see
/// that. And that groups keep their number of pods where an Envoy was told whom their names mean.
fn look_at_envoys(cases: &mut [Case]) {
    let mut known: HashMap<(PathBuf, Vec<PathBuf>), Says> = HashMap::new();
    for case in cases {
        let mesh = &mut case.mesh;
        for group in mesh.groups.values() {
            let Some(file) = &group.envoy else { continue };
            let of = (file.clone(), group.overlays.clone());
            let says = known.entry(of).or_insert_with(|| Says::of(file, &group.overlays));
            if mesh.alone.is_none() {
                mesh.alone.clone_from(&says.alone);
            }
            let groups = says.hosts.iter().filter_map(|host| mesh.group_of_host(host));
            let fixed: Vec<String> = groups.map(str::to_owned).collect();
            mesh.fixed.extend(fixed);
        }
    }
}
