//! A project around an Envoy configuration: what `meshkat init` writes, and what it cannot guess.

mod pods;
mod roles;
mod scenarios;
mod starter;
mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Component, Path, PathBuf},
};

use meshkat_envoy::config::Bootstrap;
use meshkat_model::project::Project;

use self::pods::Pods;

pub(crate) use self::starter::STARTER;

/// A file that a configuration names is copied up to this size, in bytes; of a larger one is asked.
pub(crate) const LARGEST: u64 = 32 << 20;

/// The files of a project, and what a person has to say.
pub(crate) struct Draft {
    /// Each file with its content; their folders need not be there.
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    /// Those that are for their owner alone, as what they are copies of.
    pub(crate) private: BTreeSet<PathBuf>,
    /// Files that two things would be written to: nothing is.
    pub(crate) doubles: Vec<PathBuf>,
    /// What was not guessed, in sentences. They stand in the mesh file, too.
    pub(crate) questions: Vec<String>,
}

impl Draft {
    /// A mesh `name` with an Envoy of this configuration at its edge, one of our services for each host that it names, and a scenario for
    /// each route.
    pub(crate) fn of(name: &str, (config, content): (&Bootstrap, Vec<u8>), project: &Project) -> Self {
        let mut draft = Self {
            files: BTreeMap::new(),
            private: BTreeSet::new(),
            doubles: Vec::new(),
            questions: Vec::new(),
        };
        let file = format!("{name}.yaml");
        draft.add(project.configs().join(&file), content);
        draft.copy_named(config, &project.configs());
        let pods = Pods::of(config, name, &mut draft.questions);
        for (file, text) in pods.configs() {
            draft.add(project.configs().join(file), text.into_bytes());
        }
        let told = scenarios::of(name, config, &pods, &mut draft.questions);
        for (file, text) in told {
            draft.add(project.scenarios().join(name).join(file), text.into_bytes());
        }
        let mesh = pods.mesh(&file, &draft.questions);
        draft.add(project.meshes().join(&file), mesh.into_bytes());
        draft
    }

    /// Whether there is something to run.
    pub(crate) fn has_scenarios(&self, project: &Project) -> bool {
        let mut files = self.files.keys();
        files.any(|file| file.starts_with(project.scenarios()) && !file.starts_with(project.meshes()))
    }

    /// A file of the project. Where there is one of this name with another content, that is remembered, and neither is lost in silence.
    fn add(&mut self, file: PathBuf, content: Vec<u8>) {
        match self.files.get(&file) {
            Some(other) if *other != content => self.doubles.push(file),
            _ => drop(self.files.insert(file, content)),
        }
    }

    /// The files that a configuration names and that lie beside it.
    fn copy_named(&mut self, config: &Bootstrap, folder: &Path) {
        let beside = std::path::absolute(config.file()).unwrap_or_default();
        let beside = beside.parent().unwrap_or(Path::new("/"));
        for (named, found) in config.named_files() {
            let Some(found) = found else {
                self.questions.push(format!(
                    "the configuration names the file `{named}`, which is not beside it: put it at {}",
                    place(&named)
                ));
                continue;
            };
            let path = below(beside, &found);
            match (path, meshkat_files::read(&found, LARGEST)) {
                (Some(path), Ok(content)) => {
                    let file = folder.join(path);
                    if fs::metadata(&found).is_ok_and(|known| known.permissions().mode() & 0o077 == 0) {
                        self.private.insert(file.clone());
                    }
                    self.add(file, content);
                }
                _ => self.questions.push(format!(
                    "the configuration names `{named}`: copy it to {}",
                    place(&named)
                )),
            }
        }
    }
}

/// Where a file lies below a folder, whatever links and `..` lead to the folder; none if it lies elsewhere.
fn below(folder: &Path, file: &Path) -> Option<PathBuf> {
    let is_plain = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    let real = |path: &Path| fs::canonicalize(path).ok();
    let as_written = file.strip_prefix(folder).ok().filter(is_plain).map(Path::to_owned);
    as_written.or_else(|| {
        let found = real(file.parent()?)?.join(file.file_name()?);
        found
            .strip_prefix(real(folder)?)
            .ok()
            .filter(is_plain)
            .map(Path::to_owned)
    })
}

/// Where a configuration in `envoy-configs/` looks for a file that it names so.
fn place(named: &str) -> String {
    match Path::new(named).is_absolute() {
        true => "that place, or name it as it lies in envoy-configs/".to_owned(),
        false => format!("envoy-configs/{}", named.trim_start_matches("./")),
    }
}
