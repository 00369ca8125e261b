//! A case that is to run, as a plan and its events show it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A case as the plan has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCase {
    /// `<folder>/<scenario>[axis=value,…]`.
    pub id: String,
    /// `<folder>/<scenario>`.
    pub scenario: String,
    /// What the scenario promises.
    pub promise: String,
    /// The value of each axis.
    pub params: IndexMap<String, serde_json::Value>,
    /// The scenario's tags.
    pub tags: Vec<String>,
}
