//! What can be wrong with a configuration.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::DocPath;

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

    pub(super) fn not_yaml(file: &Path, error: &serde_yaml::Error) -> Self {
        let place = error.location();
        let whole = error.to_string();
        // The place is told apart from the message.
        let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
        Self::NotYaml {
            file: file.to_owned(),
            line: place.as_ref().map(serde_yaml::Location::line),
            column: place.as_ref().map(serde_yaml::Location::column),
            message,
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
    /// Envoy could not be asked.
    #[error("failed to ask Envoy about the configuration: {0}")]
    CannotAsk(#[from] io::Error),
    /// The configuration could not be written down for Envoy.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
