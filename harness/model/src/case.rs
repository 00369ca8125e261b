//! A scenario with one value for each axis.

use std::{sync::Arc, time::Duration};

use indexmap::IndexMap;

use crate::{
    event::PlannedCase,
    mesh::MeshSpec,
    scenario::{self, step::Step},
    source::Source,
    yaml::At,
};

/// How long a case may take where its scenario does not say.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// What runs and gets a verdict.
#[derive(Debug, Clone)]
pub struct Case {
    /// `<folder>/<scenario>[axis=value,axis=value]`, the axes in the scenario's order.
    pub id: String,
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
    /// What is done and expected.
    pub steps: Arc<[At<Step>]>,
}

/// The id of a scenario's case: stable from run to run.
pub fn case_id(scenario: &str, params: &IndexMap<String, serde_json::Value>) -> String {
    if params.is_empty() {
        return scenario.to_owned();
    }
    let values: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{name}={}", scenario::text(value)))
        .collect();
    format!("{scenario}[{}]", values.join(","))
}

impl Case {
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
}
