//! A project around an Envoy configuration: what `meshkat init` writes, and what it cannot guess.

mod pods;
mod scenarios;
mod starter;
mod yaml;

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use meshkat_envoy::config::Bootstrap;
use meshkat_model::project::Project;

use self::pods::Pods;

pub(crate) use self::starter::STARTER;

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
    pub(crate) fn of(name: &str, config: &Bootstrap, project: &Project) -> Self {
        let mut draft = Self {
            files: BTreeMap::new(),
            questions: Vec::new(),
        };
        let file = format!("{name}.yaml");
        draft.copy(config, &project.configs(), &file);
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

    /// The configuration as it is, and what it names beside it.
    fn copy(&mut self, config: &Bootstrap, folder: &Path, file: &str) {
        let content = fs::read(config.file()).unwrap_or_else(|_| STARTER.as_bytes().to_vec());
        self.files.insert(folder.join(file), content);
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
            match (below, fs::read(&found)) {
                (Some(path), Ok(content)) => drop(self.files.insert(folder.join(path), content)),
                _ => self
                    .questions
                    .push(format!("the configuration names `{named}`: copy it to envoy-configs/")),
            }
        }
    }
}
