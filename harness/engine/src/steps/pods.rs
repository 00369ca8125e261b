//! Who is meant by a name, at this moment.

use std::collections::BTreeMap;

use meshkat_model::{
    scenario::{value::OneOrMany, verb::registry::Hosts},
    verdict::Unmet,
    yaml::At,
};
use meshkat_runtime::{Pod, Target};

use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    /// A pod that is there now, of a group the first one; one that was scaled away is the scenario's mistake, told as such.
    pub(super) fn existing(&self, name: &str) -> Result<Pod, Broken> {
        self.mesh.pod(name).ok_or_else(|| self.no_pod(name))
    }

    /// The pod of this name, or all pods of the group.
    pub(super) fn existing_pods(&self, name: &str) -> Result<Vec<Pod>, Broken> {
        let pods = self.mesh.pods_of(name);
        match pods.is_empty() {
            true => Err(self.no_pod(name)),
            false => Ok(pods),
        }
    }

    /// The names of all pods that are named, each once.
    pub(super) fn all_named<'n>(&self, names: impl IntoIterator<Item = &'n At<String>>) -> Result<Vec<String>, Broken> {
        let mut all: Vec<String> = Vec::new();
        for name in names {
            for pod in self.existing_pods(name)? {
                if !all.contains(&pod.name) {
                    all.push(pod.name);
                }
            }
        }
        Ok(all)
    }

    /// The pods, or containers of pods, that are named.
    pub(super) fn all_targets(&self, names: &OneOrMany<At<String>>) -> Result<Vec<Target>, Broken> {
        let mut all = Vec::new();
        for name in names.iter() {
            let targets = self.mesh.targets(name);
            if targets.is_empty() {
                return Err(self.no_pod(name));
            }
            all.extend(targets);
        }
        Ok(all)
    }

    fn no_pod(&self, name: &str) -> Broken {
        let pods: Vec<String> = self.mesh.pods().into_iter().map(|pod| pod.name).collect();
        Unmet {
            expected: format!("a pod `{name}`"),
            actual: format!("there are {}", pods.join(", ")),
            ..Unmet::new(format!("there is no pod `{name}` at this moment"))
        }
        .into()
    }

    /// The pods that are to be a service's hosts.
    pub(super) fn hosts(&self, service: &At<String>, hosts: &Hosts) -> Vec<String> {
        match hosts {
            Hosts::First(count) => self.names_of(service).take(*count as usize).collect(),
            Hosts::Pods(names) => names.iter().flat_map(|name| self.names_of(name)).collect(),
            Hosts::Weighted(names) => names.keys().flat_map(|name| self.names_of(name)).collect(),
        }
    }

    /// The weight of each pod that was given one; a group's is that of each of its pods.
    pub(super) fn weights(&self, hosts: &Hosts) -> BTreeMap<String, u32> {
        let Hosts::Weighted(names) = hosts else {
            return BTreeMap::new();
        };
        let weights = names.iter();
        weights
            .flat_map(|(name, weight)| self.names_of(name).map(|pod| (pod, weight.value)))
            .collect()
    }

    fn names_of(&self, name: &str) -> impl Iterator<Item = String> {
        self.mesh.pods_of(name).into_iter().map(|pod| pod.name)
    }
}
