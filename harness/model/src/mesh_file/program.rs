//! Programs of users' own in a mesh file.

use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt as _,
    path::{Component, Path, PathBuf},
};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::ready::ReadyKeys;
use crate::{
    mesh::Port,
    program::{CERTIFICATES, Program, ProgramFile, Readiness, VARIABLES, references},
    scenario::value::OneOrMany,
    source::{Diagnostic, Place, Source},
    suggest::did_you_mean,
    yaml::{At, Kind, Node},
};

/// Below it only root may listen, where the machine does not say otherwise.
const PRIVILEGED: u16 = 1024;

/// A program of one's own as the application: the keys are those of the group.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ProgramKeys {
    /// The program and its arguments. A name alone is looked for on the `PATH`; one with a slash is one of the `files`, or begins at
    /// the root of all folders. `${MESHKAT_PORT}` and the other variables that it is given can be written in it.
    pub command: Option<At<Vec<At<String>>>>,
    /// The image that Docker runs in its place.
    pub image: Option<At<String>>,
    /// Variables that it is given.
    #[serde(default)]
    pub env: IndexMap<At<String>, At<String>>,
    /// Files and folders that go with it, beside the mesh file or from the project's folder. It is started in a folder that has them.
    #[serde(default)]
    pub files: OneOrMany<At<String>>,
    /// Where it listens, over TCP; the first is where it is reached. 8080 by default.
    pub ports: Option<At<OneOrMany<At<u16>>>>,
    /// When it is ready. By default, when it takes connections at the first of its ports.
    pub ready: Option<At<ReadyKeys>>,
    /// Whether Envoys ask it for their configuration. It is started before them.
    pub control_plane: Option<At<bool>>,
}

impl ProgramKeys {
    /// Whether there is one.
    pub(super) fn is_some(&self) -> bool {
        self.command.is_some() || self.image.is_some()
    }

    /// Whether Envoys ask it.
    pub(super) fn is_control_plane(&self) -> bool {
        self.is_some() && self.control_plane.as_ref().is_some_and(|is| is.value)
    }

    /// The program, if there is one; `configs` is the folder of Envoy configurations. What is wrong goes to `wrong`.
    pub(super) fn read(
        &self,
        source: &Source,
        group: &At<String>,
        configs: &Path,
        has_certificates: bool,
        wrong: &mut Vec<Diagnostic>,
    ) -> Option<Program> {
        let mut check = Check {
            source,
            has_certificates,
            wrong,
        };
        if !self.is_some() {
            check.alone(self);
            return None;
        }
        let files = check.files(&self.files, configs);
        let command = check.command(self, &files);
        Some(Program {
            place: format!("{}:{}", source.name(), group.place.line),
            image: self.image.as_ref().map(|image| check.image(image)),
            env: check.env(&self.env),
            ports: check.ports(self),
            ready: check.ready(self.ready.as_ref()),
            is_control_plane: self.is_control_plane(),
            command,
            files,
        })
    }
}

struct Check<'a> {
    source: &'a Source,
    has_certificates: bool,
    wrong: &'a mut Vec<Diagnostic>,
}

impl Check<'_> {
    fn tell(&mut self, place: Place, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.wrong
            .push(Diagnostic::new(self.source, place, message, label).help(help));
    }

    /// What says how a program is, where there is none.
    fn alone(&mut self, keys: &ProgramKeys) {
        let env = keys.env.first().map(|(name, _)| name.place);
        let files = keys.files.first().map(|file| file.place);
        let places = [
            ("env", env),
            ("files", files),
            ("ports", keys.ports.as_ref().map(|ports| ports.place)),
            ("ready", keys.ready.as_ref().map(|ready| ready.place)),
            ("control-plane", keys.control_plane.as_ref().map(|is| is.place)),
        ];
        for (key, place) in places {
            if let Some(place) = place {
                let message = format!("`{key}` is about a program of your own, and this group has none");
                let help = "give it a `command` or an `image`; a service of meshkat has its own";
                self.tell(place, message, "about no program", help);
            }
        }
    }

    fn command(&mut self, keys: &ProgramKeys, files: &[ProgramFile]) -> Vec<String> {
        let Some(command) = &keys.command else {
            return Vec::new();
        };
        match command.first() {
            None => self.tell(
                command.place,
                "a command without a program",
                "an empty list",
                "write the program and its arguments, as `[python3, app.py]`",
            ),
            Some(program) => self.program(program, files),
        }
        command.iter().for_each(|word| self.text(word));
        command.iter().map(|word| word.value.clone()).collect()
    }

    /// What is started, as far as a file can tell.
    fn program(&mut self, program: &At<String>, files: &[ProgramFile]) {
        let path = Path::new(program.as_str());
        if program.trim().is_empty() || program.contains('\0') {
            let help = "write the program and its arguments, as `[python3, app.py]`";
            return self.tell(program.place, "a command without a program", "no name", help);
        }
        if !program.contains('/') && program.contains(' ') {
            let words: Vec<&str> = program.split_whitespace().collect();
            let message = format!("`{}` is several words, and nothing splits them", program.value);
            let help = format!("write each as a word of its own: `[{}]`", words.join(", "));
            return self.tell(program.place, message, "not one program", help);
        }
        if path.is_absolute() || !program.contains('/') {
            return;
        }
        let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        let below = |file: &ProgramFile| Some(file.path.join(plain.strip_prefix(&file.name).ok()?));
        let found = files.iter().find_map(below);
        // Nothing is joined to a file that is the program itself.
        let found = found.map(|path| path.components().collect::<PathBuf>());
        match found.as_deref().map(std::fs::metadata) {
            Some(Ok(metadata)) if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 => {}
            Some(Ok(metadata)) if metadata.is_file() => {
                let message = format!("`{}` cannot be executed", program.value);
                let help = format!("make it executable: chmod +x {}", program.value);
                self.tell(program.place, message, "not executable", help);
            }
            _ => {
                let message = format!("`{}` is none of the `files` of its group", program.value);
                let help = "add it to `files`, after it was built; a program without a slash is looked for on the PATH";
                self.tell(program.place, message, "not there", help);
            }
        }
    }

    /// A word with variables.
    fn text(&mut self, text: &At<String>) {
        if text.contains('\0') {
            let help = "no argument and no variable of a program can have it";
            self.tell(text.place, "a text with the character NUL", "has a NUL", help);
        }
        for (at, name) in references(text) {
            if name == CERTIFICATES && !self.has_certificates {
                let help = "write `certificates: {names: [NAME OF THE SERVER]}` into the mesh file";
                self.tell(
                    text.place,
                    format!("this mesh has no certificates made for `{name}`"),
                    "not given",
                    help,
                );
                continue;
            }
            if VARIABLES.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let place = self.source.inside(text.place, text, at, name.len());
            let message = format!("a program is given no variable `{name}`");
            let help = did_you_mean(name, VARIABLES.iter().map(|(known, _)| *known));
            self.tell(place.unwrap_or(text.place), message, "unknown variable", help);
        }
    }

    fn env(&mut self, env: &IndexMap<At<String>, At<String>>) -> Vec<(String, String)> {
        for (name, value) in env {
            let is_name = !name.starts_with(|c: char| c.is_ascii_digit())
                && !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name {
                let message = format!("`{}` is not the name of a variable", name.value);
                self.tell(name.place, message, "not a name", "letters, digits and underscores");
            } else if name.starts_with("MESHKAT_") {
                let message = format!("`{}` is a variable of meshkat's own", name.value);
                let help = "a program is given these; choose a name that begins with something else";
                self.tell(name.place, message, "given already", help);
            }
            self.text(value);
        }
        let pairs = env.iter();
        pairs
            .map(|(name, value)| (name.value.clone(), value.value.clone()))
            .collect()
    }

    fn files(&mut self, files: &OneOrMany<At<String>>, configs: &Path) -> Vec<ProgramFile> {
        let root = configs.parent().unwrap_or(configs);
        let folders = [root.join("scenarios/meshes"), root.to_owned()];
        let mut found: Vec<ProgramFile> = Vec::new();
        for file in files.iter() {
            let path = Path::new(file.as_str());
            let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
            let is_inside = plain.components().all(|part| matches!(part, Component::Normal(_)));
            let name = plain.to_str().unwrap_or_default().to_owned();
            if !is_inside || name.is_empty() {
                let message = format!("`{}` is not the name of a file of the project", file.value);
                let help = "name a file or folder beside the mesh file or from the project's folder, as `app.py`";
                self.tell(file.place, message, "outside the project", help);
                continue;
            }
            let Some(at) = folders
                .iter()
                .map(|folder| folder.join(&name))
                .find(|path| path.exists())
            else {
                let message = format!("there is no file `{}`", file.value);
                let help = "it is looked for beside the mesh file and in the project's folder";
                self.tell(file.place, message, "no such file", help);
                continue;
            };
            if !meshkat_files::stays_in(root, &at).unwrap_or(false) {
                let message = format!("`{}` leads out of the project", file.value);
                self.tell(
                    file.place,
                    message,
                    "a link to elsewhere",
                    "put what it leads to in its place",
                );
                continue;
            }
            let overlaps = |other: &ProgramFile| {
                Path::new(&name).starts_with(&other.name) || Path::new(&other.name).starts_with(&name)
            };
            if let Some(other) = found.iter().find(|other| overlaps(other)) {
                let message = format!("`{name}` and `{}` have files in common", other.name);
                self.tell(file.place, message, "named twice", "name each once");
                continue;
            }
            found.push(ProgramFile { name, path: at });
        }
        found
    }

    fn ports(&mut self, keys: &ProgramKeys) -> Vec<u16> {
        let usual = vec![Port::Application.number()];
        let Some(ports) = &keys.ports else { return usual };
        if ports.is_empty() {
            let help = "remove `ports`, and it is 8080";
            self.tell(ports.place, "a program that listens nowhere", "an empty list", help);
            return usual;
        }
        let mut seen = BTreeSet::new();
        for port in ports.iter() {
            let envoys = [Port::Inbound, Port::Outbound, Port::Admin].map(Port::number);
            let problem = match port.value {
                0 => Some(("port 0 is none", "choose the number at which it listens")),
                number if number < PRIVILEGED && keys.command.is_some() => {
                    Some(("only root may listen below 1024", "let the program listen above"))
                }
                number if envoys.contains(&number) => Some((
                    "this port is its Envoy's: 10000, 9900 and 8081 are",
                    "let the program listen at another one",
                )),
                number if !seen.insert(number) => Some(("this port is there twice", "name it once")),
                _ => None,
            };
            if let Some((message, help)) = problem {
                self.tell(port.place, message, "not this port", help);
            }
        }
        ports.iter().map(|port| port.value).collect()
    }

    fn ready(&mut self, ready: Option<&At<ReadyKeys>>) -> Readiness {
        let Some(ready) = ready else { return Readiness::Tcp };
        ready.value.read().unwrap_or_else(|[message, label, help]| {
            self.tell(ready.place, message, label, help);
            Readiness::Tcp
        })
    }

    fn image(&mut self, image: &At<String>) -> String {
        let is_name = image.starts_with(|c: char| c.is_ascii_alphanumeric())
            && image.chars().all(|c| c.is_ascii_alphanumeric() || "./:@_-".contains(c));
        if !is_name {
            let message = format!("`{}` is not the name of an image", image.value);
            self.tell(image.place, message, "not an image", "for example `python:3.12-slim`");
        }
        image.value.clone()
    }
}

/// Where in a mesh file the texts are in which a program's variables can be written, by their offsets.
pub(super) fn texts_with_variables(node: &Node) -> BTreeSet<usize> {
    let groups = match node.get("pods").map(|pods| &pods.kind) {
        Some(Kind::Mapping(groups)) => groups.as_slice(),
        _ => &[],
    };
    let mut found = BTreeSet::new();
    let texts = groups
        .iter()
        .flat_map(|(_, group)| ["command", "env"].map(|key| group.get(key)));
    for text in texts.flatten() {
        text.visit(&mut |_, place| {
            found.insert(place.offset);
        });
    }
    found
}
