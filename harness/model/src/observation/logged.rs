//! Lines of an Envoy's access log.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;

use crate::{expression::Variables, shorten::shorten};

/// Longer lines are not told whole.
const TOLD: usize = 300;

/// The access log of an Envoy since some moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccessLog {
    /// Its lines, in order.
    pub lines: Vec<LogLine>,
    /// What its formats tell of a request, by the names of the fields of a line; none where the Envoy's configuration has no
    /// access log that can be read.
    pub tells: Option<BTreeSet<&'static str>>,
}

/// A line, as far as its format tells something.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LogLine {
    /// The line itself.
    pub text: String,
    /// `%REQ(:METHOD)%`.
    pub method: Option<String>,
    /// `%REQ(:PATH)%`.
    pub path: Option<String>,
    /// `%REQ(:AUTHORITY)%`.
    pub host: Option<String>,
    /// `%RESPONSE_CODE%`.
    pub status: Option<u16>,
    /// `%RESPONSE_FLAGS%`.
    pub flags: Option<String>,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: Option<String>,
    /// `%UPSTREAM_CLUSTER%`.
    pub cluster: Option<String>,
    /// `%UPSTREAM_HOST%`: the name of the pod, or the address if it is no pod's.
    pub upstream: Option<String>,
    /// `%DURATION%`, in milliseconds.
    pub duration_ms: Option<u64>,
}

impl LogLine {
    /// The line, not too long.
    pub(crate) fn told(&self) -> String {
        shorten(self.text.trim(), TOLD)
    }
}

/// What expressions know of lines.
pub(crate) fn variables(lines: &[&LogLine]) -> Variables {
    Variables::from([("lines".to_owned(), json!(lines))])
}

/// The names that expressions about an access log know.
pub const LOGGED_VARIABLES: [&str; 1] = ["lines"];
