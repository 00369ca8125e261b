//! What the failed cases of a scenario have in common, and how that was found out. No part of any verdict.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outcome::{Failure, Status};

/// What is known of why some cases of a scenario fail and others do not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Culprit {
    /// `<folder>/<scenario>`.
    pub scenario: String,
    /// All of it in a sentence without a full stop.
    pub sentence: String,
    /// How far the evidence goes.
    pub certainty: Certainty,
    /// The best explanation: every failure has one of these, and no passing case has any. Empty where there is none.
    pub causes: Vec<Cause>,
    /// Other explanations that name as many values and fit as well, the better supported ones first; ten at the most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Vec<Cause>>,
    /// The failing case that has the fewest values away from the first ones of their axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest: Option<Smallest>,
    /// Cases whose verdict changed when they were run again. They are no evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaky: Vec<Unsteady>,
    /// What was run to find out, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<Trial>,
    /// Whether the time was up before all that could be tried was tried.
    #[serde(default)]
    pub cut_short: bool,
}

/// How far the evidence goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// One explanation fits, each of its values is needed, and everything else varied among the failures.
    Decided,
    /// More than one explanation fits.
    Undecided,
    /// Every case failed: no value tells failures from passes.
    Everywhere,
    /// No small set of values tells failures from passes.
    Unexplained,
    /// No failure could be seen a second time.
    Unsteady,
}

/// Values that fail together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The values, by axis, one to three.
    pub values: IndexMap<String, Value>,
    /// How many failures have all of them.
    pub failures: u64,
    /// How many passing cases have all of them but one.
    pub near_misses: u64,
    /// What every failure with these values has besides, so that it may be a part of the cause.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub perhaps_also: IndexMap<String, Value>,
}

/// The smallest failing case that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smallest {
    /// The case's id.
    pub id: String,
    /// Whether every case of the scenario that is one value nearer to the first values passed.
    pub proven: bool,
}

/// A case whose verdict changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsteady {
    /// The case's id.
    pub id: String,
    /// How each attempt ended, in order.
    pub attempts: Vec<Attempt>,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Passed, failed or errored.
    pub status: Status,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A case that was run to find out, on a mesh of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The case's id.
    pub id: String,
    /// What for.
    pub why: Why,
    /// How it ended.
    pub status: Status,
    /// In milliseconds, the mesh's start included.
    pub duration_ms: u64,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What a case is tried for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Why {
    /// Whether it fails again.
    Confirm,
    /// Whether a value is a part of the cause: the case has the others and not this one.
    Split {
        /// The value that it does not have, by axis.
        without: IndexMap<String, Value>,
    },
    /// Whether it fails with fewer values away from the first ones.
    Shrink,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Confirm => f.write_str("to confirm that it fails"),
            Self::Split { without } => write!(f, "to see what is so without {}", values(without)),
            Self::Shrink => f.write_str("to see whether less fails, too"),
        }
    }
}

/// `xds=delta-grpc and outage=hang`.
pub fn values(values: &IndexMap<String, Value>) -> String {
    let all: Vec<String> = values
        .iter()
        .map(|(axis, value)| format!("{axis}={}", crate::axis::text(value)))
        .collect();
    list(&all, "and")
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String], word: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}
