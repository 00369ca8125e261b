//! How a case or a step ended, and why it did not pass.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every expectation held, and there was at least one.
    Passed,
    /// An expectation did not hold.
    Failed,
    /// The environment broke, or nothing was checked.
    Errored,
    /// This runtime cannot run it; [`CaseResult::skipped`](crate::results::CaseResult::skipped) says why.
    Skipped,
    /// Failed, then passed on a retry.
    Flaky,
}

impl Status {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Errored => "errored",
            Self::Skipped => "skipped",
            Self::Flaky => "flaky",
        }
    }
}

/// An attempt that proves nothing, because the machine may have decided it. It was made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoidAttempt {
    /// What it would have been: passed or failed.
    pub status: Status,
    /// The scenario's file, as given.
    pub file: String,
    /// The line of the expectation that the machine may have decided, from 1.
    pub line: usize,
    /// Why it proves nothing.
    pub why: String,
    /// What was measured of the machine meanwhile.
    pub machine: Machine,
}

/// A step that was begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// What it says, in one line.
    pub name: String,
    /// Passed, failed or errored.
    pub status: Status,
    /// Milliseconds from the start of the case.
    pub started_ms: u64,
    /// Milliseconds.
    pub duration_ms: u64,
    /// Expectations held against what was seen.
    pub checks: u64,
}

/// Why a case did not pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The step's name.
    pub step: String,
    /// The scenario's file, as given.
    pub file: String,
    /// The line of the expectation, from 1.
    pub line: usize,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What was asked for.
    pub expected: String,
    /// What was seen last.
    pub actual: String,
    /// What looked wrong in the mesh then: likely causes, and no part of the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}
