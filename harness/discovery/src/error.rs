//! Why the discovery service did not do what it was asked for.

use meshkat_driver::ReadError;
use reqwest::StatusCode;

/// Why the discovery service did not do what it was asked for. Each message tells what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The HTTP library cannot be set up.
    #[error("failed to set up HTTP: {0}")]
    Http(#[source] reqwest::Error),
    /// There is no connection, or no whole answer in time.
    #[error("failed to {asked}: sds cannot be reached ({})", innermost(source))]
    Unreachable {
        /// What it was asked for.
        asked: String,
        /// What the network says.
        source: reqwest::Error,
    },
    /// It does not do it.
    #[error("failed to {asked}: sds answered {status}: {answer}")]
    Refused {
        /// What it was asked for.
        asked: String,
        /// The status of its answer.
        status: StatusCode,
        /// What it says.
        answer: String,
    },
    /// Its answer is more than is read.
    #[error("failed to {asked}: {source}")]
    TooLong {
        /// What it was asked for.
        asked: String,
        /// How much is read.
        source: ReadError,
    },
    /// Its answer is something else.
    #[error("failed to {asked}: sds says something else: {source}")]
    Unreadable {
        /// What it was asked for.
        asked: String,
        /// Where it differs.
        source: serde_json::Error,
    },
}

impl DiscoveryError {
    /// The way out, where one is known.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => Some("sds has to run, and its port to be reached from here"),
            Self::Refused {
                status: StatusCode::UNAUTHORIZED,
                ..
            } => Some("only who has the token of the mesh may change what its discovery service tells"),
            Self::TooLong { .. } | Self::Unreadable { .. } => {
                Some("what listens there is no sds, or one of another version")
            }
            Self::Http(_) | Self::Refused { .. } => None,
        }
    }
}

fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
