//! From the cases that were asked for to a plan, by what earlier runs took.

use std::path::Path;

use meshkat_model::{case::Case, times::Times};
use meshkat_plan::{Expected, Plan, Planner, Shard, shards};
use meshkat_report::read_times;
use meshkat_runtime::Capabilities;

use crate::{
    args::{Planning, Runtime},
    exit::Exit,
    output::say,
};

/// What a plan is made by.
pub(crate) struct PlanInputs<'a> {
    planning: &'a Planning,
    seed: u64,
    capabilities: Capabilities,
    /// By the last runs on this machine, if nothing else was asked for.
    pub(crate) expected: Expected,
    /// By what is the same on all machines that run a part: a file that was named, or guesses.
    of_shards: Expected,
}

impl<'a> PlanInputs<'a> {
    /// The inputs of a plan for a runtime. `report` is the folder of the last run, if there is one.
    ///
    /// # Errors
    /// Times that were named and cannot be read.
    pub(crate) fn new(
        planning: &'a Planning,
        seed: u64,
        runtime: Runtime,
        capabilities: Capabilities,
        report: Option<&Path>,
    ) -> Result<Self, Exit> {
        let runtime = runtime.to_string();
        let named = match &planning.times {
            Some(path) => Some(read_times(path).map_err(|error| {
                Exit::usage(error.to_string())
                    .help("`--times` takes the report folder of a run, or its times.json or results.json")
            })?),
            None => None,
        };
        let of_shards = Expected::new(&runtime, &named.clone().unwrap_or_default());
        Ok(Self {
            planning,
            seed,
            capabilities,
            expected: Expected::new(&runtime, &named.unwrap_or_else(|| report.map(last).unwrap_or_default())),
            of_shards,
        })
    }

    /// In which part of so many each case is: the lists are in the order of the parts.
    pub(crate) fn shards(&self, cases: &[Case], of: usize) -> Vec<Vec<Case>> {
        shards(cases, of, &self.capabilities, &self.of_shards)
    }

    /// The cases of a part; all, where none is asked for.
    ///
    /// # Errors
    /// There are more parts than there is to part.
    pub(crate) fn part(&self, cases: Vec<Case>, shard: Option<Shard>) -> Result<Vec<Case>, Exit> {
        let Some(shard) = shard else { return Ok(cases) };
        let mut parts = self.shards(&cases, shard.of);
        let part = parts.swap_remove(shard.index - 1);
        if part.is_empty() {
            let message = format!("there is nothing in shard {shard}");
            return Err(Exit::nothing(message).help("`meshkat list --shards N` shows what is in each; ask for fewer"));
        }
        Ok(part)
    }

    /// The plan of these cases.
    pub(crate) fn plan(&self, cases: Vec<Case>) -> Plan {
        let planner = Planner {
            capabilities: &self.capabilities,
            expected: &self.expected,
            sharing: self.planning.share.into(),
            order: self.planning.order.with_seed(self.seed),
            jobs: self.jobs(),
        };
        planner.plan(cases)
    }

    pub(crate) fn jobs(&self) -> usize {
        self.planning.planned_jobs()
    }
}

/// What the last runs in a report folder took. Where there was none, nothing is known; what cannot be read is no reason not to run.
fn last(report: &Path) -> Times {
    if !report.is_dir() {
        return Times::default();
    }
    read_times(report).unwrap_or_else(|error| {
        if report.join("times.json").exists() {
            say(&format!("warning: {error}; the times are guessed"));
        }
        Times::default()
    })
}
