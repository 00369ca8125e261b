//! Programs of users' own, as applications of pods.

use std::path::PathBuf;

use serde::Serialize;

/// The one of [`VARIABLES`] that is given only where the mesh has certificates made.
pub const CERTIFICATES: &str = "MESHKAT_CERTIFICATES";

/// The variables that a program is given, each with what it is. In `command` and `env` they can be written as `${NAME}`.
pub const VARIABLES: [(&str, &str); 8] = [
    ("MESHKAT_ADDRESS", "the address at which it listens"),
    ("MESHKAT_PORT", "the first of its `ports`"),
    (
        "MESHKAT_EGRESS",
        "the URL of its Envoy's outbound listener, by which it reaches others",
    ),
    ("MESHKAT_POD", "its pod's name"),
    ("MESHKAT_GROUP", "its group's name"),
    ("MESHKAT_PODS", "a file of all pods, by their groups, as JSON"),
    ("MESHKAT_FILES", "the folder of its `files`"),
    (
        CERTIFICATES,
        "the folder of the certificates that were made for the run",
    ),
];

/// The application of a pod that is a program of a user's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Program {
    /// Where it is written, as `scenarios/meshes/own.yaml:4`.
    pub place: String,
    /// The program and its arguments; empty where there is an image alone.
    pub command: Vec<String>,
    /// The image that containers run.
    pub image: Option<String>,
    /// Variables and their values, in the order of the file.
    pub env: Vec<(String, String)>,
    /// The files and folders that go with it.
    pub files: Vec<ProgramFile>,
    /// Where it listens, over TCP: at least one.
    pub ports: Vec<u16>,
    /// How it is known to be ready.
    pub ready: Readiness,
    /// Whether Envoys ask it for their configuration.
    pub is_control_plane: bool,
}

/// A file or folder that goes with a program.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ProgramFile {
    /// What the program calls it, from the folder in which it is started.
    pub name: String,
    /// Where it is now.
    pub path: PathBuf,
}

/// How a program is known to be ready.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// It takes connections at the first of its ports.
    Tcp,
    /// It answers a GET of this path there, over HTTP/1.1, with a status of success.
    Http(String),
    /// It has written this text since it was started.
    Log(String),
}

impl Program {
    /// Where it is reached: the first of its ports.
    pub fn port(&self) -> u16 {
        self.ports.first().copied().unwrap_or_default()
    }

    /// What it is called: its program, or its image where it has none.
    pub fn name(&self) -> &str {
        let program = self.command.first().or(self.image.as_ref());
        program.map_or("", String::as_str)
    }
}

/// A text with the values of variables in the place of `${NAME}`. What is no name of theirs stays as it is.
pub fn filled(text: &str, variables: &[(String, String)]) -> String {
    variables.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${{{name}}}"), value)
    })
}

/// The names in `${NAME}` of a text, each with where it begins, in bytes; one that is not closed goes to the end.
pub fn references(text: &str) -> Vec<(usize, &str)> {
    let starts = text.match_indices("${").map(|(at, _)| at + 2);
    starts
        .map(|at| {
            let rest = &text[at..];
            (at, rest.split('}').next().unwrap_or(rest))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_by_their_names() {
        let variables = [("MESHKAT_PORT".to_owned(), "8080".to_owned())];
        assert_eq!(
            filled("--at=${MESHKAT_PORT}:${MESHKAT_PORT}", &variables),
            "--at=8080:8080"
        );
        assert_eq!(filled("$MESHKAT_PORT ${OTHER}", &variables), "$MESHKAT_PORT ${OTHER}");
        assert_eq!(references("a${b}c${d"), [(3, "b"), (8, "d")]);
    }
}
