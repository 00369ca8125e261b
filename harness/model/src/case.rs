//! A scenario with one value for each axis.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use indexmap::IndexMap;

use crate::{
    axis,
    capability::Capability,
    invariant::Invariant,
    mesh::MeshSpec,
    planned::PlannedCase,
    round::Round,
    scenario::{
        allow::Allowance,
        check::Kept,
        race::Race,
        verb::{Cause, Impact, Step},
    },
    source::Source,
    yaml::{At, Node},
};

/// How long a case may take where its scenario does not say.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// What runs and gets a verdict.
#[derive(Debug, Clone)]
pub struct Case {
    /// `<folder>/<scenario>[axis=value,axis=value]`, the axes in the scenario's order.
    pub id: String,
    /// Which round of the run it belongs to; none where there is only one.
    pub round: Option<Round>,
    /// `<folder>/<scenario>`.
    pub scenario: String,
    /// The scenario's file.
    pub source: Source,
    /// What is promised.
    pub promise: String,
    /// The value of each axis.
    pub params: IndexMap<String, serde_json::Value>,
    /// Words by which to select.
    pub tags: Vec<String>,
    /// How long the case may take, if the scenario says so.
    pub deadline: Option<Duration>,
    /// The mesh that it needs.
    pub mesh: MeshSpec,
    /// Invariants that it breaks on purpose.
    pub allows: Arc<[Allowance]>,
    /// What is done and expected.
    pub steps: Arc<[At<Step>]>,
    /// The files that the steps name, by what they are called there.
    pub files: Arc<BTreeMap<String, PathBuf>>,
    /// The steps that refer to what steps before them keep, as they are written, by where each begins.
    pub written: Arc<BTreeMap<usize, Node>>,
}

/// The id of a scenario's case: stable from run to run.
pub fn case_id(scenario: &str, params: &IndexMap<String, serde_json::Value>) -> String {
    if params.is_empty() {
        return scenario.to_owned();
    }
    let values: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{name}={}", axis::text(value)))
        .collect();
    format!("{scenario}[{}]", values.join(","))
}

impl Case {
    /// Whether it says that containers of a pod may end by themselves.
    pub fn may_crash(&self, pod: &str, group: &str) -> bool {
        let mut allows = self.allows.iter();
        allows.any(|allowance| allowance.covers(Invariant::Crash, pod, group, ""))
    }

    /// As a plan and its events show it.
    pub fn planned(&self) -> PlannedCase {
        PlannedCase {
            id: self.id.clone(),
            scenario: self.scenario.clone(),
            promise: self.promise.clone(),
            params: self.params.clone(),
            tags: self.tags.clone(),
        }
    }

    /// What the case leaves of its mesh, when it passes.
    pub fn impact(&self) -> Impact {
        let impacts = self.steps.iter().map(|step| step.verb().impact());
        match impacts.max().unwrap_or(Impact::None) {
            Impact::Repairable if !self.mesh.is_whole() => Impact::Lasting,
            worst => worst,
        }
    }

    /// What its steps make the mesh do that would be a broken invariant if nobody had asked for it.
    pub fn causes(&self) -> Vec<Cause> {
        self.steps.iter().filter_map(|step| step.verb().causes()).collect()
    }

    /// Whether a verdict depends on what the mesh has done before: a counter is asked for its value since the Envoy began, and
    /// not since the case did.
    pub fn asks_for_the_past(&self) -> bool {
        let kept = self.steps.iter().filter_map(|step| step.verb().keeps());
        let views: Vec<&str> = kept
            .filter(|(_, what)| *what == Kept::Envoy)
            .map(|(name, _)| name.as_str())
            .collect();
        self.steps.iter().any(|step| step.verb().asks_for_the_past(&views))
    }

    /// Where its steps race with a timer, and say no reason.
    pub fn races(&self) -> Vec<Race> {
        self.steps.iter().flat_map(|step| step.verb().races()).collect()
    }

    /// What the steps need, each with the line of the first step that needs it, in the order of the file. A case that is
    /// without any of it cannot be run whole.
    pub fn needs(&self) -> IndexMap<Capability, usize> {
        let mut needs = IndexMap::new();
        for step in self.steps.iter() {
            for capability in step.verb().needs(&self.mesh) {
                needs.entry(capability).or_insert(step.place.line);
            }
        }
        needs
    }
}

#[cfg(test)]
mod tests;
