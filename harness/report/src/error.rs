//! What can go wrong with a report.

use std::io;
use std::path::{Path, PathBuf};

/// A report that could not be written or read. It changes no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The report folder cannot be used.
    #[error("failed to prepare the report folder {}: {why}", path.display())]
    Prepare {
        /// What was in the way.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A part of the report folder's path is a link.
    #[error("{} is a link, so that the report would go elsewhere", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// What points to the last run points elsewhere.
    #[error("{} is a link to something else than the folder of a run beside it", path.display())]
    Elsewhere {
        /// The link.
        path: PathBuf,
    },
    /// A file that a report would replace is somebody else's.
    #[error("{} is in the way of the report: no run of meshkat wrote it", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// Another run writes to the report folder.
    #[error("another run writes to the report folder {}", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("failed to write {}: {why}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A file could not be read.
    #[error("failed to read {}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A file is not a `results.json` that this version knows.
    #[error("failed to read {}: it is not a report of meshkat: {why}", path.display())]
    NotAReport {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// There is no log of what happened in a run.
    #[error("{} is not there: of a run without its events nothing can be shown or merged", path.display())]
    NoEvents {
        /// The file.
        path: PathBuf,
    },
    /// A file does not hold the times of earlier runs.
    #[error("failed to read {}: it does not hold the times of earlier runs: {why}", path.display())]
    NotTimes {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// An artifact's path is not a plain path below its case's folder.
    #[error("refused to write the artifact `{path}` of {id}: its path is not a plain one below the case's folder")]
    ArtifactPath {
        /// The case.
        id: String,
        /// The path, as given.
        path: String,
    },
    /// The terminal could not be written to.
    #[error("failed to write to the terminal: {0}")]
    Terminal(io::Error),
    /// A case could not be put as JSON.
    #[error("failed to put {id} as JSON: {why}")]
    Json {
        /// The case.
        id: String,
        /// Why.
        why: serde_json::Error,
    },
    /// The JUnit report could not be put as XML.
    #[error("failed to make junit.xml: {0}")]
    Junit(quick_junit::SerializeError),
    /// A case ended before its run had started.
    #[error("failed to report {id}: the run that it belongs to never started")]
    NotStarted {
        /// The case.
        id: String,
    },
    /// More than one thing went wrong.
    #[error("{}", lines(.0))]
    Several(Vec<ReportError>),
}

impl ReportError {
    /// The way out, where one is known.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Link { .. } => {
                Some("remove the link, or name the folder that is meant, outside of the project, with `--report-dir`")
            }
            Self::Elsewhere { .. } => Some("remove the link; the next run makes it again"),
            Self::NotOurs { .. } => Some("move it away, or choose another folder with `--report-dir`"),
            Self::Busy { .. } => Some("wait for it, or choose another folder with `--report-dir`"),
            Self::NoEvents { .. } => Some(
                "name the folder of a run's report, such as `reports/latest`; what versions without event logs wrote has to be run again",
            ),
            _ => None,
        }
    }

    /// Whether what was named, or what lies in a checkout, is at fault, and not the machine.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Link { .. }
                | Self::Elsewhere { .. }
                | Self::NotOurs { .. }
                | Self::NotAReport { .. }
                | Self::NoEvents { .. }
                | Self::NotTimes { .. }
        )
    }

    /// Nothing, the one error, or all of them as one.
    pub(crate) fn gather(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }

    pub(crate) fn write(path: &Path, why: io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            why,
        }
    }

    pub(crate) fn read(path: &Path, why: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            why,
        }
    }
}

fn lines(errors: &[ReportError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
