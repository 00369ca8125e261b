//! What a scenario's steps must hold before anything starts: names that exist, expressions that compile, expectations
//! that can fail.

mod actions;
mod deadline;
mod discovery;
mod names;
mod network;
mod requests;
mod split;
mod vacuous;

pub(super) use deadline::deadline;
use indexmap::IndexMap;

use super::step::Step;
use crate::{
    mesh::MeshSpec,
    source::{Diagnostic, Place, Source},
    yaml::{At, Kind, Node},
};

/// Everything in `steps` that does not hold in `mesh`. `node` is the file from which the steps were read.
pub(super) fn steps(
    source: &Source,
    node: &Node,
    steps: &[At<Step>],
    mesh: &MeshSpec,
    params: &IndexMap<String, serde_json::Value>,
) -> Vec<Diagnostic> {
    let nodes = match node.get("steps").map(|steps| &steps.kind) {
        Some(Kind::Sequence(nodes)) => nodes.as_slice(),
        _ => &[],
    };
    let mut check = Check {
        source,
        node,
        mesh,
        most: most_replicas(mesh, steps),
        axes: params.keys().map(String::as_str).collect(),
        params: params
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        kept: IndexMap::new(),
        kept_later: steps.iter().filter_map(|step| step.keep()).collect(),
        loads: IndexMap::new(),
        loads_later: steps.iter().filter_map(|step| step.load()).collect(),
        wrong: Vec::new(),
    };
    for (step, node) in steps.iter().zip(nodes) {
        check.node = node;
        check.step(step);
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
    check.wrong
}

/// What a step kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Response,
    Envoy,
}

struct Load {
    place: Place,
    /// Requests a second.
    rate: f64,
    judged: bool,
    running: bool,
}

struct Check<'a> {
    source: &'a Source,
    /// The step that is looked at, as it was written.
    node: &'a Node,
    mesh: &'a MeshSpec,
    /// The highest number of pods that each group has at any time.
    most: IndexMap<String, u32>,
    axes: Vec<&'a str>,
    /// The values of the axes, as expressions have them.
    params: serde_json::Value,
    kept: IndexMap<String, Kept>,
    /// All names that any step keeps.
    kept_later: Vec<&'a At<String>>,
    loads: IndexMap<String, Load>,
    /// The names of all loads.
    loads_later: Vec<&'a At<String>>,
    wrong: Vec<Diagnostic>,
}

fn most_replicas(mesh: &MeshSpec, steps: &[At<Step>]) -> IndexMap<String, u32> {
    let mut most: IndexMap<String, u32> = mesh
        .groups
        .iter()
        .filter_map(|(name, group)| Some((name.clone(), group.replicas?)))
        .collect();
    for step in steps {
        let Step::Scale(scale) = &step.value else { continue };
        for (name, count) in &scale.scale {
            if let Some(known) = most.get_mut(&name.value) {
                *known = (*known).max(count.value);
            }
        }
    }
    most
}

impl Check<'_> {
    fn step(&mut self, step: &At<Step>) {
        self.nothing_said();
        self.times();
        match &step.value {
            Step::Load(load) => self.load(load),
            Step::Expect(expect) => self.expect(expect),
            Step::StopLoad(stop) => self.stop_load(&stop.stop_load),
            Step::Fault(fault) => self.fault(fault),
            Step::Heal(heal) => self.applications(&heal.heal),
            Step::Envoy(envoy) => self.envoy(envoy),
            Step::Scale(scale) => self.scale(scale),
            Step::Register(register) => self.register(register),
            Step::Unregister(unregister) => self.unregister(unregister),
            Step::Discovery(discovery) => self.discovery(discovery),
            Step::Network(network) => self.network(network),
            Step::Start(start) => self.start(start),
            Step::Stop(stop) => self.targets(&stop.stop),
            Step::Kill(kill) => self.targets(&kill.kill),
            Step::Pause(pause) => self.targets(&pause.pause),
            Step::Resume(resume) => self.targets(&resume.resume),
            Step::Check(check) => self.check(check),
            Step::Get(request)
            | Step::Head(request)
            | Step::Post(request)
            | Step::Put(request)
            | Step::Patch(request)
            | Step::Delete(request) => self.request(request),
        }
    }

    fn wrong(&mut self, place: Place, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.wrong
            .push(Diagnostic::new(self.source, place, message, label).help(help));
    }

    /// The first key of the step, which is its verb where it is written as it should be.
    fn verb(&self) -> Place {
        match &self.node.kind {
            Kind::Mapping(entries) => entries.first().map_or(self.node.place, |(key, _)| key.place),
            _ => self.node.place,
        }
    }

    /// The key at the end of `path` in this step; the step's verb if it is not there.
    fn key(&self, path: &[&str]) -> Place {
        let Some((last, above)) = path.split_last() else {
            return self.verb();
        };
        let node = above.iter().try_fold(self.node, |node, key| node.get(key));
        node.and_then(|node| node.key(last))
            .map_or_else(|| self.verb(), |key| key.place)
    }

    /// The value at the end of `path` in this step; the step's verb if it is not there.
    fn value(&self, path: &[&str]) -> Place {
        let node = path.iter().try_fold(self.node, |node, key| node.get(key));
        node.map_or_else(|| self.verb(), |node| node.place)
    }

    /// One of several values at the end of `path`, or the only one.
    fn item(&self, path: &[&str], index: usize) -> Place {
        let node = path.iter().try_fold(self.node, |node, key| node.get(key));
        match node.map(|node| &node.kind) {
            Some(Kind::Sequence(items)) => items.get(index).map_or_else(|| self.value(path), |item| item.place),
            _ => self.value(path),
        }
    }

    fn has(&self, key: &str) -> bool {
        self.node.key(key).is_some()
    }

    /// The later of two keys, both of which are there.
    fn later(&self, one: &str, other: &str) -> Place {
        let (one, other) = (self.key(&[one]), self.key(&[other]));
        if one.offset > other.offset { one } else { other }
    }
}
