//! A project around an Envoy configuration: what `meshkat init` writes, and what it cannot guess.

mod pods;
mod scenarios;
mod starter;
mod yaml;

use std::{
    collections::BTreeMap,
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
    /// What was not guessed, in sentences. They stand in the mesh file, too.
    pub(crate) questions: Vec<String>,
}

impl Draft {
    /// A mesh `name` with an Envoy of this configuration at its edge, one of our services for each host that it names, and a scenario for
    /// each route.
    pub(crate) fn of(name: &str, (config, content): (&Bootstrap, Vec<u8>), project: &Project) -> Self {
        let mut draft = Self {
            files: BTreeMap::new(),
            questions: Vec::new(),
        };
        let file = format!("{name}.yaml");
        draft.files.insert(project.configs().join(&file), content);
        draft.copy_named(config, &project.configs());
        let pods = Pods::of(config, name, &mut draft.questions);
        for (file, text) in pods.configs() {
            draft.files.insert(project.configs().join(file), text.into_bytes());
        }
        let told = scenarios::of(name, config, &pods, &mut draft.questions);
        for (file, text) in told {
            draft
                .files
                .insert(project.scenarios().join(name).join(file), text.into_bytes());
        }
        let mesh = pods.mesh(&file, &draft.questions);
        draft.files.insert(project.meshes().join(&file), mesh.into_bytes());
        draft
    }

    /// The files that a configuration names and that lie beside it.
    fn copy_named(&mut self, config: &Bootstrap, folder: &Path) {
        let beside = std::path::absolute(config.file()).unwrap_or_default();
        let beside = beside.parent().unwrap_or(Path::new("/"));
        for (named, found) in config.named_files() {
            let Some(found) = found else {
                self.questions.push(format!(
                    "the configuration names the file `{named}`, which is not beside it: put it into envoy-configs/"
                ));
                continue;
            };
            let below = found
                .strip_prefix(beside)
                .ok()
                .filter(|path| path.components().all(|part| matches!(part, Component::Normal(_))));
            match (below, meshkat_files::read(&found, LARGEST)) {
                (Some(path), Ok(content)) => drop(self.files.insert(folder.join(path), content)),
                _ => self
                    .questions
                    .push(format!("the configuration names `{named}`: copy it to envoy-configs/")),
            }
        }
    }
}
