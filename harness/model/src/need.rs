//! What a case needs of whatever runs its mesh.

use indexmap::IndexMap;

use crate::{
    capability::Capability,
    case::Case,
    mesh::GroupSpec,
    scenario::{
        step::{Discovery, DiscoveryStep, RegistryThen, Step},
        value::OneOrMany,
    },
    yaml::At,
};

impl Case {
    /// What the steps need, each with the line of the first step that needs it, in the order of the file. A case that is
    /// without any of it cannot be run whole.
    pub fn needs(&self) -> IndexMap<Capability, usize> {
        let mut needs = IndexMap::new();
        for step in self.steps.iter() {
            for capability in self.needs_of(step) {
                needs.entry(capability).or_insert(step.place.line);
            }
        }
        needs
    }

    fn needs_of(&self, step: &Step) -> Vec<Capability> {
        match step {
            Step::Start(start) => self.acting(Capability::Stop, &start.start),
            Step::Stop(stop) => self.acting(Capability::Stop, &stop.stop),
            Step::Kill(kill) => self.acting(Capability::Kill, &kill.kill),
            Step::Pause(pause) => self.acting(Capability::Pause, &pause.pause),
            Step::Resume(resume) => self.acting(Capability::Pause, &resume.resume),
            Step::Scale(_) => vec![Capability::Scale],
            Step::Discovery(discovery) => self.of_discovery(discovery),
            Step::Network(network) => match network.fault() {
                Some(fault) => vec![fault.needs()],
                // There is nothing to undo where nothing could be done.
                None => Vec::new(),
            },
            // What is asked over HTTP alone.
            Step::Load(_)
            | Step::Expect(_)
            | Step::StopLoad(_)
            | Step::Fault(_)
            | Step::Heal(_)
            | Step::Envoy(_)
            | Step::Register(_)
            | Step::Unregister(_)
            | Step::Check(_)
            | Step::Get(_)
            | Step::Head(_)
            | Step::Post(_)
            | Step::Put(_)
            | Step::Patch(_)
            | Step::Delete(_) => Vec::new(),
        }
    }

    /// Something done to pods, or to containers of them.
    fn acting(&self, on: Capability, targets: &OneOrMany<At<String>>) -> Vec<Capability> {
        let leaves_another = |target: &At<String>| {
            let group = target.split_once('/').and_then(|(pod, _)| self.group_of(pod));
            group.is_some_and(|group| group.service.is_some() && group.envoy.is_some())
        };
        let single = targets
            .iter()
            .any(leaves_another)
            .then_some(Capability::SingleContainer);
        std::iter::once(on).chain(single).collect()
    }

    /// The discovery service is alone in its pod. All but its process is asked over HTTP.
    fn of_discovery(&self, step: &DiscoveryStep) -> Vec<Capability> {
        let lost = step
            .registry
            .as_ref()
            .is_some_and(|then| then.value == RegistryThen::Lost);
        let starts = self.mesh.groups.get("sds").is_some_and(|sds| !sds.started);
        match step.discovery.value {
            Discovery::Killed => vec![Capability::Kill],
            Discovery::Hung => vec![Capability::Pause],
            Discovery::Restored if lost => vec![Capability::Kill, Capability::Stop],
            Discovery::Restored if starts => vec![Capability::Stop],
            Discovery::Restored
            | Discovery::Silent
            | Discovery::Cut
            | Discovery::Refusing
            | Discovery::Slow
            | Discovery::Garbage
            | Discovery::Invalid
            | Discovery::Empty
            | Discovery::Flapping => Vec::new(),
        }
    }

    /// The group of a pod, or the group of that name.
    fn group_of(&self, name: &str) -> Option<&GroupSpec> {
        let groups = &self.mesh.groups;
        groups
            .get(name)
            .or_else(|| name.rsplit_once('-').and_then(|(group, _)| groups.get(group)))
    }
}
