//! The shape of `results.json`, schema 1: what a run found, as other programs read it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use crate::{
    loaded::{CapacityResult, CapacityTrial, LoadResult, LoadSpan},
    outcome::{Failure, Status, StepResult, VoidAttempt},
};

use crate::{
    culprit::Culprit,
    machine::Machine,
    round::{Flake, Round, Rounds},
};

/// The version of the shape; it grows when a reader of an older one would be misled.
pub const SCHEMA: u32 = 1;

/// A whole report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// How the run was made.
    pub run: RunInfo,
    /// Counted over `cases`.
    pub totals: Totals,
    /// Every case that has ended, once for each round, in the order in which they ended.
    pub cases: Vec<CaseResult>,
    /// The ids of the cases that were to run and have not ended in any round, in the planned order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_run: Vec<String>,
    /// For each scenario with failures and axes, what they have in common.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub culprits: Vec<Culprit>,
    /// The cases that did not end in the same way in each round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flakes: Vec<Flake>,
}

/// How a run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Unique to the run.
    pub id: String,
    /// From which every case's own seed derives.
    pub seed: u64,
    /// When it started, RFC 3339.
    pub started: String,
    /// How long it took, in milliseconds; 0 while it goes on.
    pub duration_ms: u64,
    /// `process`, `docker` or `kubernetes`.
    pub runtime: String,
    /// The version of meshkat.
    pub meshkat: String,
    /// The versions of Envoy that took part.
    pub envoy: Vec<String>,
    /// How combinations were chosen.
    pub coverage: String,
    /// `I/N` when the run was a part of a whole.
    pub shard: Option<String>,
    /// How often its cases run; none where they run once, and are in no round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<Rounds>,
    /// How many threads were kept busy beside it; none where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress: Option<u16>,
    /// Whether a signal or `--fail-fast` ended the run before all cases had run.
    pub interrupted: bool,
}

/// Counts over a report's cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All cases.
    pub cases: u64,
    /// Whose every expectation held.
    pub passed: u64,
    /// With an expectation that did not hold.
    pub failed: u64,
    /// That the environment broke, or that checked nothing.
    pub errored: u64,
    /// That this runtime cannot run.
    pub skipped: u64,
    /// That passed on a retry.
    pub flaky: u64,
    /// Attempts that proved nothing, because the machine may have decided them.
    #[serde(default)]
    pub voids: u64,
    /// Expectations held against what was seen.
    pub checks: u64,
    /// Requests sent, the loads' included.
    pub requests: u64,
}

/// A case that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// `<folder>/<scenario>[axis=value,…]`.
    pub id: String,
    /// Which round; none where the run has only one, and of a case that was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// `<folder>/<scenario>`.
    pub scenario: String,
    /// What the scenario promises.
    #[serde(default)]
    pub promise: String,
    /// The value of each axis.
    pub params: IndexMap<String, serde_json::Value>,
    /// The scenario's tags.
    pub tags: Vec<String>,
    /// How it ended.
    pub status: Status,
    /// How often it was tried, those that proved nothing not counted.
    pub attempts: u32,
    /// The last attempt's time, in milliseconds, without the mesh's start.
    pub duration_ms: u64,
    /// Expectations held against what was seen, in the last attempt.
    pub checks: u64,
    /// Requests sent in the last attempt, the loads' included.
    pub requests: u64,
    /// The command line that runs it again.
    pub reproduce: String,
    /// The steps of the last attempt that were begun.
    pub steps: Vec<StepResult>,
    /// Why this runtime cannot run it; none where it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why the attempts before the last one did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_failures: Vec<Failure>,
    /// The attempts that proved nothing, because the machine may have decided them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voids: Vec<VoidAttempt>,
    /// What was measured of the machine during the last attempt; none of a case that did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// What became of its loads in the last attempt, in the order in which they began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<LoadResult>,
}

impl Totals {
    /// Counts `cases`.
    pub fn of(cases: &[CaseResult]) -> Self {
        let mut totals = Self::default();
        for case in cases {
            totals.cases += 1;
            // What strangers wrote may have any number in it.
            totals.checks = totals.checks.saturating_add(case.checks);
            totals.requests = totals.requests.saturating_add(case.requests);
            totals.voids = totals.voids.saturating_add(case.voids.len() as u64);
            match case.status {
                Status::Passed => totals.passed += 1,
                Status::Failed => totals.failed += 1,
                Status::Errored => totals.errored += 1,
                Status::Skipped => totals.skipped += 1,
                Status::Flaky => totals.flaky += 1,
            }
        }
        totals
    }
}
