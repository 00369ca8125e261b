//! What is checked of a scenario's steps, and of what they may break, before anything starts.

use std::{collections::BTreeMap, path::PathBuf};

use indexmap::IndexMap;

use super::{ScenarioFile, axes::named, check::Check, reference::refers, verb::Step};
use crate::{
    mesh::{MeshSpec, Meshes},
    source::{Diagnostic, Place, Source},
    yaml::{At, Kind, Node},
};

/// What the case has beside its steps: the values of the axes, and the names that all steps of the file give.
pub(super) type Own<'a> = (&'a IndexMap<String, serde_json::Value>, &'a Named);

/// The names that steps of a file give, also those that a case does not have, and where each is said.
#[derive(Debug)]
pub(super) struct Named {
    kept: Vec<(String, Place)>,
    jars: Vec<(String, Place)>,
}

impl Named {
    /// Those of a file.
    pub(super) fn of(node: &Node) -> Self {
        Self {
            kept: named(node, "keep"),
            jars: named(node, "cookies"),
        }
    }
}

/// The steps that refer to what steps before them keep, as they are written, by where each begins.
pub(super) fn written(node: &Node) -> BTreeMap<usize, Node> {
    let steps = match node.get("steps").map(|steps| &steps.kind) {
        Some(Kind::Sequence(steps)) => steps.as_slice(),
        _ => &[],
    };
    let referring = steps.iter().filter(|step| refers(step));
    referring.map(|step| (step.place.offset, step.clone())).collect()
}

/// Everything in the steps of `file`, and in what it allows, that is invalid in `mesh`. `node` is what the file was read from. And the files
/// that the steps name, by what they are called there.
pub(super) fn check(
    source: &Source,
    node: &Node,
    file: &ScenarioFile,
    mesh: &MeshSpec,
    meshes: &dyn Meshes,
    (params, named): Own<'_>,
) -> (Vec<Diagnostic>, BTreeMap<String, PathBuf>) {
    let steps = &file.steps;
    let nodes = match node.get("steps").map(|steps| &steps.kind) {
        Some(Kind::Sequence(nodes)) => nodes.as_slice(),
        _ => &[],
    };
    let mut check = Check {
        source,
        node,
        mesh,
        meshes,
        most: most_replicas(mesh, steps),
        axes: params.keys().map(String::as_str).collect(),
        params: params
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        kept: IndexMap::new(),
        kept_later: steps
            .iter()
            .filter_map(|step| step.verb().keeps().map(|(name, _)| name))
            .collect(),
        kept_in_file: &named.kept,
        jars_in_file: &named.jars,
        loads: IndexMap::new(),
        loads_later: steps.iter().filter_map(|step| step.verb().starts_load()).collect(),
        has_received: false,
        files: BTreeMap::new(),
        wrong: Vec::new(),
    };
    for allowance in &file.allows {
        allowance.check(&mut check);
    }
    for (step, node) in steps.iter().zip(nodes) {
        check.node = node;
        check.nothing_said();
        check.times();
        check.values();
        step.verb().check(&mut check);
    }
    for (name, load) in &check.loads {
        if !load.judged {
            check.wrong.push(
                Diagnostic::new(
                    source,
                    load.place,
                    format!("nothing is expected of the load `{name}`"),
                    "never judged",
                )
                .help(format!(
                    "add a step such as `{{expect: {name}, errors: 0}}`, or remove the load"
                )),
            );
        }
    }
    (check.wrong, check.files)
}

/// The highest number of pods that each group has at any time.
fn most_replicas(mesh: &MeshSpec, steps: &[At<Step>]) -> IndexMap<String, u32> {
    let mut most: IndexMap<String, u32> = mesh
        .groups
        .iter()
        .filter_map(|(name, group)| Some((name.clone(), group.replicas?)))
        .collect();
    for (name, count) in steps.iter().filter_map(|step| step.verb().scales()).flatten() {
        if let Some(known) = most.get_mut(&name.value) {
            *known = (*known).max(count.value);
        }
    }
    most
}
