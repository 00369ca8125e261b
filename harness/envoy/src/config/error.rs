//! What can be wrong with a configuration.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{DocPath, yaml::Fault};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not YAML.
    #[error("failed to parse {}{}: {message}", file.display(), at(*line, *column))]
    NotYaml {
        /// The file.
        file: PathBuf,
        /// The line, from 1, where it is known.
        line: Option<usize>,
        /// The column, from 1, where it is known.
        column: Option<usize>,
        /// What the parser said.
        message: String,
    },
    /// Something is missing in the document, or is other than it has to be.
    #[error("{}: {path}: {message}", file.display())]
    Unexpected {
        /// The file.
        file: PathBuf,
        /// Where in the document.
        path: DocPath,
        /// What is wrong there.
        message: String,
    },
    /// The document holds something that YAML or JSON cannot express.
    #[error("failed to write what was read from {}: {message}", file.display())]
    NotWritable {
        /// The file that it came from.
        file: PathBuf,
        /// What the writer said.
        message: String,
    },
}

impl ConfigError {
    pub(super) fn unexpected(file: &Path, path: &DocPath, message: impl Into<String>) -> Self {
        Self::Unexpected {
            file: file.to_owned(),
            path: path.clone(),
            message: message.into(),
        }
    }

    pub(super) fn not_yaml(file: &Path, fault: Fault) -> Self {
        Self::NotYaml {
            file: file.to_owned(),
            line: Some(fault.line),
            column: Some(fault.column),
            message: fault.message,
        }
    }
}

fn at(line: Option<usize>, column: Option<usize>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        (Some(line), None) => format!(":{line}"),
        _ => String::new(),
    }
}

/// Why Envoy would not start with a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValidateError {
    /// Envoy read it and refused it.
    #[error("Envoy refuses the configuration: {message}")]
    Refused {
        /// What Envoy said, without the noise of its log.
        message: String,
    },
    /// Envoy did not come to an end.
    #[error("Envoy did not come to an end with the configuration within {} s and was killed", limit.as_secs_f64())]
    TooLate {
        /// For how long it was let.
        limit: Duration,
    },
    /// Envoy could not be asked.
    #[error("failed to ask Envoy about the configuration: {0}")]
    CannotAsk(#[from] io::Error),
    /// The configuration could not be written down for Envoy.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl ValidateError {
    /// What a person can do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        // What a sandbox says no to, and what Envoy says when it does.
        const DENIED: [&str; 4] = [
            "Permission denied",
            "Read-only file system",
            "Operation not permitted",
            "does not exist",
        ];
        match self {
            Self::TooLate { .. } => Some(
                "look at the files that it names: a pipe or a device is read for ever; where the machine is slow, give it more \
                 time: --validate-within 60s"
                    .to_owned(),
            ),
            Self::Refused { message } if DENIED.iter().any(|denied| message.contains(denied)) => Some(
                "while it judges, Envoy may write nothing and read only the system's and the project's files, nothing hidden; \
                 let it read more: --readable PATH"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
