//! Why Kubernetes cannot be followed just now.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use kube::core::Status;
use prometheus_client::encoding::EncodeLabelValue;

/// Why Kubernetes cannot be followed just now. It passes, or somebody has to see to it; either way it is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The API server ended the watch, as it does every now and then.
    #[error("the API server closed the watch")]
    Closed,
    /// What was last seen is too old to go on from. Everything has to be listed again.
    #[error("410 Gone: {0}")]
    Gone(String),
    /// The token is wrong or has expired.
    #[error("401 Unauthorized: {0}")]
    Unauthorized(String),
    /// The account may not list and watch EndpointSlices.
    #[error("403 Forbidden: {0}")]
    Forbidden(String),
    /// The API server refused for another reason.
    #[error("the API server answered {0}")]
    Refused(String),
    /// There is no connection.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// The connection is there, and nothing comes.
    #[error("the API server said nothing for {}", humantime::format_duration(*.0))]
    Silent(Duration),
    /// The answer broke off.
    #[error("the answer of the API server broke off: {0}")]
    BrokeOff(String),
    /// The answer is no answer.
    #[error("the API server cannot be understood: {0}")]
    Undecodable(String),
    /// There are no credentials to ask with.
    #[error("{0}")]
    Credentials(String),
}

/// The same without its message, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Kind {
    Closed,
    Gone,
    Unauthorized,
    Forbidden,
    Refused,
    Unreachable,
    Silent,
    BrokeOff,
    Undecodable,
    Credentials,
}

/// A token that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the token at {} cannot be used: {why}", path.display())]
pub(super) struct TokenError {
    pub(super) path: PathBuf,
    pub(super) why: String,
}

impl Trouble {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Closed => Kind::Closed,
            Self::Gone(_) => Kind::Gone,
            Self::Unauthorized(_) => Kind::Unauthorized,
            Self::Forbidden(_) => Kind::Forbidden,
            Self::Refused(_) => Kind::Refused,
            Self::Unreachable(_) => Kind::Unreachable,
            Self::Silent(_) => Kind::Silent,
            Self::BrokeOff(_) => Kind::BrokeOff,
            Self::Undecodable(_) => Kind::Undecodable,
            Self::Credentials(_) => Kind::Credentials,
        }
    }

    /// Whether a watch can go on from where it was. What the API server refused, or what is not understood, begins anew.
    pub(super) fn is_resumed(&self) -> bool {
        matches!(
            self,
            Self::Closed | Self::Unreachable(_) | Self::Silent(_) | Self::BrokeOff(_) | Self::Credentials(_)
        )
    }
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        let message = if status.message.is_empty() {
            status.reason.clone()
        } else {
            shortened(&status.message)
        };
        match (status.code, status.reason.as_str()) {
            (410, _) | (_, "Gone" | "Expired") => Self::Gone(message),
            (401, _) | (_, "Unauthorized") => Self::Unauthorized(message),
            (403, _) | (_, "Forbidden") => Self::Forbidden(message),
            (0, _) => Self::Refused(format!("an error: {message}")),
            (code, _) => Self::Refused(format!("{code}: {message}")),
        }
    }
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        use kube::Error as E;
        match error {
            E::Api(status) => (*status).into(),
            E::Service(error) if error.is::<TokenError>() => Self::Credentials(error.to_string()),
            E::Service(error) => Self::Unreachable(chain(&*error)),
            E::Auth(error) => Self::Credentials(chain(&error)),
            E::HyperError(error) => Self::BrokeOff(chain(&error)),
            E::SerdeError(error) => Self::Undecodable(error.to_string()),
            E::FromUtf8(error) => Self::Undecodable(error.to_string()),
            error => Self::Unreachable(chain(&error)),
        }
    }
}

/// What went wrong, and why, and why that.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        let part = error.to_string();
        // Many repeat their cause.
        if !parts.iter().any(|known| known.contains(&part)) {
            parts.push(part);
        }
        next = error.source();
    }
    parts.join(": ")
}

/// Whatever stands before an API server may answer with a page.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_known_by_its_code_or_its_reason() {
        let status = |code, reason: &str| Trouble::from(Status::failure("why", reason).with_code(code)).to_string();
        assert_eq!(status(410, ""), "410 Gone: why");
        assert_eq!(status(0, "Expired"), "410 Gone: why");
        assert_eq!(status(401, "Unauthorized"), "401 Unauthorized: why");
        assert_eq!(status(403, ""), "403 Forbidden: why");
        assert_eq!(status(500, "InternalError"), "the API server answered 500: why");
    }

    #[test]
    fn a_page_is_one_short_line() {
        assert_eq!(shortened("<html>\n  no\n</html>"), "<html> no </html>");
        assert!(shortened(&"é".repeat(500)).chars().count() < 210);
    }
}
