//! What an overlay holds.

use std::path::PathBuf;

use serde_yaml::Value;

use super::super::select::Selector;

/// A named change of Envoy configurations, such as the transport over which endpoints are discovered.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    pub(super) file: PathBuf,
    pub(super) about: String,
    pub(super) needs: Option<Selector>,
    pub(super) changes: Vec<(Selector, Action)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Set(Value),
    Merge(Value),
    Remove,
}
