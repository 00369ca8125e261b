//! What happens in a run, in order. Every report is made from these alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    culprit::{Culprit, Why},
    machine::Machine,
    outcome::{StepResult, VoidAttempt},
    planned::PlannedCase,
    results::{CaseResult, RunInfo},
    round::Round,
};

/// One thing that happened. All come from one dispatcher, so their order is the order in which they happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// First of all; `cases` are all that will run, in the planned order.
    RunStarted {
        /// How the run is made.
        run: RunInfo,
        /// What will run, in each round.
        cases: Vec<PlannedCase>,
        /// How many meshes will be started, in each round.
        meshes: usize,
    },
    /// A mesh begins to start.
    MeshStarting {
        /// Number of the mesh in the plan, from 0.
        mesh: usize,
        /// Its name, and how it departs from its file.
        name: String,
        /// The cases that will use it.
        cases: Vec<String>,
        /// Which round; none where the run has only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<Round>,
    },
    /// Every Envoy is live and has the endpoints that were asked for.
    MeshReady {
        /// Number of the mesh in the plan.
        mesh: usize,
        /// Milliseconds since it began to start.
        took_ms: u64,
    },
    /// After a case with an impact on its mesh, and before another one on it: what the case did is undone, and the mesh was asked whether
    /// it is as it was. Also before a case for which groups have other numbers of pods.
    MeshRepaired {
        /// Number of the mesh in the plan.
        mesh: usize,
        /// The id of that case.
        after: String,
        /// The groups that have other numbers of pods for the next case, with these numbers.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        scaled: BTreeMap<String, u32>,
        /// Milliseconds since the case ended.
        took_ms: u64,
        /// What is not as it has to be, in words; then the next case has a new mesh. None if all is.
        failure: Option<String>,
    },
    /// A case begins.
    CaseStarted {
        /// The case's id.
        id: String,
        /// Which round; none where the run has only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<Round>,
        /// From 1.
        attempt: u32,
    },
    /// A step begins.
    StepStarted {
        /// The case's id.
        id: String,
        /// Which round; none where the run has only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<Round>,
        /// Number of the step, from 0.
        index: usize,
        /// How many steps the case has.
        of: usize,
        /// What the step says.
        name: String,
    },
    /// A step has ended.
    StepFinished {
        /// The case's id.
        id: String,
        /// Which round; none where the run has only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<Round>,
        /// What came of it.
        step: StepResult,
    },
    /// What a failed case leaves to look at. Comes before its `CaseFinished`.
    Artifacts {
        /// The case's id.
        id: String,
        /// Which round; none where the run has only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<Round>,
        /// The files.
        files: Vec<Artifact>,
    },
    /// An attempt at a case proves nothing, because the machine may have decided it. The case is run again later, or, after the third
    /// time, ends as errored.
    CaseVoid {
        /// The case's id.
        id: String,
        /// Which round; none where the run has only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<Round>,
        /// Why.
        void: VoidAttempt,
    },
    /// How the machine is, each second.
    Machine {
        /// How many meshes are up or coming up.
        meshes: usize,
        /// What was measured in the last second.
        machine: Machine,
    },
    /// A case has ended, after all its attempts.
    CaseFinished {
        /// What came of it.
        case: Box<CaseResult>,
    },
    /// After all cases: one is run again, or one more, to find out why some fail. It is no part of the run's cases.
    Trying {
        /// The case's id.
        id: String,
        /// What for.
        why: Why,
    },
    /// What the failed cases of a scenario have in common. Comes after all cases.
    Culprit {
        /// What was found, and how.
        culprit: Box<Culprit>,
    },
    /// Something that a person should know and that changes no verdict, such as trouble while tearing down.
    Warning {
        /// A sentence.
        message: String,
    },
    /// Last of all.
    RunFinished {
        /// Milliseconds since the run started.
        duration_ms: u64,
        /// Whether a signal or `--fail-fast` ended it early.
        interrupted: bool,
    },
}

/// The version of a line of the event log; it grows when a reader of an older one would be misled.
pub const LOG_SCHEMA: u32 = 1;

/// A line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// In the first line alone: [`LOG_SCHEMA`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<u32>,
    /// Milliseconds since the first event.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A file of a failed case's bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Path below the case's folder, such as `petstore-1/config_dump.json`.
    pub path: String,
    /// The content. In the event log it is left out: the file is in the case's folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}
