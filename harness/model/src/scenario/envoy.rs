//! The axis `envoy`, whose values are versions of Envoy: reserved, since what it varies is the Envoy of the case's mesh.

use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    axis::{ENVOY, not_a_version},
    combine::Combinations,
    source::{Diagnostic, Source},
};

/// Where the values of the axis come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// There is no such axis, or its values are those of the file.
    File,
    /// The file has the axis, and whoever runs it gave other values.
    Replaced,
    /// Whoever runs it gave the axis.
    Added,
}

/// Values of the axis in `include` that are no versions.
pub(super) fn not_included(
    source: &Source,
    axes: &IndexMap<String, Vec<Value>>,
    said: &Combinations,
) -> Vec<Diagnostic> {
    let Some(axis) = axes.get_index_of(ENVOY) else {
        return Vec::new();
    };
    let included = said.include.iter().flat_map(|given| &given.values);
    included
        .filter(|(of, ..)| *of == axis)
        .filter_map(|(_, value, place)| not_a_version(source, *place, value))
        .collect()
}
