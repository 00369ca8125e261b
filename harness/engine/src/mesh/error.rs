//! Why a mesh is not as it should be, and the way out.

use std::{fmt, net::SocketAddr, path::Path, time::Duration};

use meshkat_discovery::DiscoveryError;
use meshkat_envoy::config::ConfigError;
use meshkat_model::mesh::{Container, Port};
use meshkat_runtime::RuntimeError;

/// The longest configuration in which a place is looked for, in bytes.
const LONGEST_CONFIGURATION: u64 = 4 << 20;

/// Why a mesh is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The environment does not let it run.
    #[error("{0}")]
    Runtime(#[from] RuntimeError),
    /// A configuration cannot be read.
    #[error("{0}")]
    Configuration(#[from] ConfigError),
    /// The HTTP library cannot be set up.
    #[error("failed to set up HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// An application answered something that cannot be read.
    #[error("{url}: {why}")]
    Unreadable {
        /// What was asked.
        url: String,
        /// Why.
        why: String,
    },
    /// An Envoy ended because it does not take its configuration.
    #[error("the Envoy of {pod} refuses its configuration {file}: {message}")]
    Refused {
        /// The pod.
        pod: String,
        /// The configuration's file.
        file: String,
        /// What Envoy says.
        message: String,
        /// The file and the line of what it means, where they are found.
        place: Option<(String, usize)>,
    },
    /// An Envoy looks for its discovery service where it is not.
    #[error("{0}")]
    NoDiscovery(Box<Lost>),
    /// A container ended without having been asked to.
    #[error("the {container} of {pod} {state}; the end of its log:\n{log}")]
    Crashed {
        /// The pod.
        pod: String,
        /// Which of its two.
        container: Container,
        /// How it ended.
        state: String,
        /// The end of what it wrote.
        log: String,
    },
    /// A program of a user's own ended before it was ready.
    #[error("{0}")]
    ProgramEnded(Box<EndedProgram>),
    /// The mesh did not become what was asked for in time.
    #[error("the mesh did not {what} within {limit:?}; last seen: {seen}")]
    NotInTime {
        /// What was waited for.
        what: &'static str,
        /// The limit.
        limit: Duration,
        /// The last look, in words.
        seen: String,
    },
    /// Something that a case did to the mesh cannot be undone.
    #[error("{0}")]
    NotUndone(String),
    /// There is no discovery service that could be asked or told something.
    #[error("this mesh has no discovery service")]
    WithoutDiscovery,
    /// The discovery service does not do what it was asked for.
    #[error("{0}")]
    Discovery(#[from] DiscoveryError),
}

/// An Envoy that looks for its discovery service in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Its pod.
    pub pod: String,
    /// The cluster that it asks.
    pub cluster: String,
    /// The configuration's file.
    pub file: String,
    /// Where it looks.
    pub at: SocketAddr,
    /// What it finds there.
    pub why: String,
    /// Where the discovery service is.
    pub sds: SocketAddr,
}

/// A program of a user's own that ended before it was ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedProgram {
    /// Its pod.
    pub pod: String,
    /// What it is called.
    pub program: String,
    /// The file in which it is named.
    pub file: String,
    /// The line there, from 1.
    pub line: usize,
    /// How it ended.
    pub state: String,
    /// The end of what it wrote.
    pub log: String,
}

impl fmt::Display for EndedProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pod,
            program,
            state,
            log,
            ..
        } = self;
        write!(
            f,
            "the program `{program}` of {pod} {state} before it was ready; the end of its log:\n{log}"
        )
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pod, at, why, sds, .. } = self;
        write!(
            f,
            "the Envoy of {pod} cannot reach sds at {at}: {why}; sds listens at {sds}"
        )
    }
}

impl MeshError {
    /// The way out, where one is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Runtime(error) => error.help(),
            Self::Discovery(error) => error.help().map(str::to_owned),
            Self::NoDiscovery(lost) => Some(format!(
                "give the cluster `{}` in {} the address `sds` and the port {}",
                lost.cluster,
                lost.file,
                Port::Application.number()
            )),
            _ => None,
        }
    }

    /// The line of the file that is wrong, from 1, where it is known.
    pub fn line(&self) -> Option<usize> {
        let lost = match self {
            Self::NoDiscovery(lost) => lost,
            Self::Refused { place, .. } => return place.as_ref().map(|(_, line)| *line),
            Self::ProgramEnded(ended) => return Some(ended.line),
            _ => return None,
        };
        let text = meshkat_files::read_to_string(Path::new(&lost.file), LONGEST_CONFIGURATION).ok()?;
        let port = format!("port_value: {}", lost.at.port());
        let has_port = |line: &str| {
            let rest = line.split_once(&port).map(|(_, rest)| rest);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let mut found = text.lines().zip(1..).filter(|(line, _)| has_port(line));
        match (found.next(), found.next()) {
            (Some((_, number)), None) => Some(number),
            // Of several, another cluster's may be the first.
            _ => None,
        }
    }

    /// Whether somebody was waited for in vain: a busy machine may be why.
    pub fn is_late(&self) -> bool {
        matches!(self, Self::NotInTime { .. } | Self::Discovery(_) | Self::Http(_))
    }

    /// The file and what is wrong with it, in a few words, where the mesh is wrong by its own files, and not the
    /// environment.
    pub fn of_the_mesh(&self) -> Option<(&str, &'static str)> {
        match self {
            Self::Refused { file, place, .. } => {
                let file = place.as_ref().map_or(file, |(file, _)| file);
                Some((file, "an Envoy refuses its configuration"))
            }
            Self::ProgramEnded(ended) => Some((&ended.file, "a program of your own ended before it was ready")),
            Self::NoDiscovery(lost) => Some((
                &lost.file,
                "an Envoy looks for its discovery service in the wrong place",
            )),
            _ => None,
        }
    }
}
