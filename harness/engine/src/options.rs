//! How a plan is run.

use std::time::Duration;

use meshkat_model::{case::Case, results::RunInfo};

/// Whose evidence (logs, dumps, access logs) is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nobody's.
    Never,
    /// That of cases that did not pass.
    Failed,
    /// Everybody's.
    Always,
}

/// How many meshes run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// As many as the machine has room for.
    Auto,
    /// So many, and at least one.
    Exactly(usize),
}

/// How a plan is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What every report begins with.
    pub info: RunInfo,
    /// How many meshes run at the same time.
    pub jobs: Jobs,
    /// How often a case that did not pass is tried again, each time on a mesh of its own.
    pub retries: u32,
    /// Stop after the first case that did not pass.
    pub fail_fast: bool,
    /// Whose evidence is kept.
    pub keep: Keep,
    /// How long a mesh may take to be ready.
    pub ready_within: Duration,
    /// How long the repair of a mesh may take, with its proof. Then the next case has a new one.
    pub repaired_within: Duration,
    /// The words that begin the line that reproduces a case, such as `meshkat` or the path that was typed.
    pub program: String,
    /// What follows the case's id in the line that reproduces it.
    pub reproduce: String,
    /// Whether the machine is measured, and what it may have decided is void. Else it is taken for one at rest: for tests, which are not
    /// about the machine on which they run.
    pub is_measured: bool,
    /// How it is found out why some cases of a scenario fail and others do not.
    pub culprit: CulpritOptions,
}

/// How it is found out why some cases of a scenario fail and others do not.
#[derive(Debug, Clone, Default)]
pub struct CulpritOptions {
    /// How long cases may be run for it after all others have ended; with 0 what was seen has to do. With `fail_fast`
    /// nothing is looked for at all.
    pub within: Duration,
    /// Every case that the scenarios have, in the order of their files, also those that are not in the plan. What is in the
    /// plan and not here is added.
    pub cases: Vec<Case>,
}

/// The command line that runs a case again.
pub(crate) fn reproduce(case: &Case, options: &RunOptions) -> String {
    format!("{} run '{}'{}", options.program, case.id, options.reproduce)
}
