//! A scenario file, as it is written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    allow::Allowance,
    quantity::Time,
    value::{AxisValues, Json, OneOrMany, StrongerAxes},
    verb::Step,
};
use crate::{
    mesh_file::{MeshUse, Share},
    yaml::At,
};

/// The label of what is wrong with a scenario only because another file is invalid.
pub const INVALID_ELSEWHERE: &str = "another file is invalid";

/// A scenario file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScenarioFile {
    /// What the mesh promises, in a sentence; it heads the case in every report.
    pub promise: At<String>,
    /// Why it holds, for those who read on.
    pub about: Option<String>,
    /// The mesh that it needs.
    pub mesh: At<MeshUse>,
    /// What varies: a name and its values, or the name of values that files share. `${name}` stands for the value in the
    /// rest of the file. A value that is not like the others is `{value, weight, negative}`. The axis `envoy` is reserved: its
    /// values are versions of Envoy, and the mesh runs that Envoy.
    #[serde(default)]
    pub axes: IndexMap<At<String>, AxisValues>,
    /// What every combination of the axes' values must hold: CEL over the axes.
    #[serde(default)]
    pub constraints: OneOrMany<String>,
    /// Combinations that are cases whatever the coverage; their values need not be among those of the axes.
    #[serde(default)]
    pub include: Vec<IndexMap<String, Json>>,
    /// Combinations that are no cases: values for some of the axes.
    #[serde(default)]
    pub exclude: Vec<IndexMap<String, Json>>,
    /// Combinations that are chosen first, whatever the coverage: values for some of the axes, or all.
    #[serde(default)]
    pub seeds: Vec<IndexMap<String, Json>>,
    /// Sets of axes that are combined more strongly than the others, from `--coverage pairwise` on.
    #[serde(default)]
    pub stronger: Vec<StrongerAxes>,
    /// Words by which to select.
    #[serde(default)]
    pub tags: Vec<At<String>>,
    /// How long one case may take; 2m by default.
    pub deadline: Option<Time>,
    /// `never`: each case has a mesh of its own, that no other case has used or will use.
    pub share: Option<Share>,
    /// Invariants that the cases break on purpose, each with its reason.
    #[serde(default)]
    pub allows: Vec<Allowance>,
    /// What is done and what is expected, in order.
    pub steps: Vec<At<Step>>,
}
