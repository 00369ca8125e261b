//! What a scenario's steps must hold before anything starts: names that exist, expressions that compile, expectations
//! that can fail.

mod actions;
mod names;
mod requests;

use indexmap::IndexMap;

use super::step::Step;
use crate::{
    mesh::MeshSpec,
    source::{Diagnostic, Place, Source},
    yaml::At,
};

/// Everything in `steps` that does not hold in `mesh`.
pub(super) fn steps(
    source: &Source,
    steps: &[At<Step>],
    mesh: &MeshSpec,
    params: &IndexMap<String, serde_json::Value>,
) -> Vec<Diagnostic> {
    let mut check = Check {
        source,
        mesh,
        most: most_replicas(mesh, steps),
        has_params: !params.is_empty(),
        kept: IndexMap::new(),
        loads: IndexMap::new(),
        wrong: Vec::new(),
    };
    for step in steps {
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
    judged: bool,
    running: bool,
}

struct Check<'a> {
    source: &'a Source,
    mesh: &'a MeshSpec,
    /// The highest number of pods that each group has at any time.
    most: IndexMap<String, u32>,
    has_params: bool,
    kept: IndexMap<String, Kept>,
    loads: IndexMap<String, Load>,
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
        match &step.value {
            Step::Load(load) => self.load(load),
            Step::Expect(expect) => self.expect(step.place, expect),
            Step::StopLoad(stop) => self.stop_load(&stop.stop_load),
            Step::Fault(fault) => self.fault(fault),
            Step::Heal(heal) => heal.heal.iter().for_each(|pod| self.application(pod)),
            Step::Envoy(envoy) => self.envoy(step.place, envoy),
            Step::Scale(scale) => self.scale(scale),
            Step::Register(register) => self.register(step.place, register),
            Step::Unregister(unregister) => self.unregister(step.place, unregister),
            Step::Start(start) => self.start(start),
            Step::Stop(stop) => self.targets(&stop.stop),
            Step::Kill(kill) => self.targets(&kill.kill),
            Step::Pause(pause) => self.targets(&pause.pause),
            Step::Resume(resume) => self.targets(&resume.resume),
            Step::Check(check) => self.expressions(&check.check, &[]),
            Step::Get(request)
            | Step::Head(request)
            | Step::Post(request)
            | Step::Put(request)
            | Step::Patch(request)
            | Step::Delete(request) => self.request(step.place, request),
        }
    }

    fn wrong(&mut self, place: Place, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.wrong
            .push(Diagnostic::new(self.source, place, message, label).help(help));
    }
}
