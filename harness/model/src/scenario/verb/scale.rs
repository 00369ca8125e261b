//! `scale`: how many pods groups have.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::contract::{Cause, Impact, Verb};
use crate::{
    capability::Capability,
    mesh::MeshSpec,
    mesh_file::check_replicas,
    scenario::{check::Check, quantity::Time},
    yaml::At,
};

/// Changes how many pods groups have. Pods that come are registered once they run; pods that go are taken out of the
/// registry, and stopped once no Envoy has them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleStep {
    /// The number for each group.
    pub scale: IndexMap<At<String>, At<u32>>,
    /// How long the mesh may take to follow; 10s by default.
    pub within: Option<Time>,
}

impl Verb for ScaleStep {
    fn describe(&self) -> String {
        let groups = self.scale.iter();
        let groups = groups.map(|(group, count)| format!("{} to {}", group.value, count.value));
        format!("scale {}", groups.collect::<Vec<_>>().join(", "))
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.scale.is_empty() {
            check.wrong(
                check.value(&["scale"]),
                "no group is scaled",
                "an empty mapping",
                "for example `scale: {pet: 3}`",
            );
        }
        for (name, count) in &self.scale {
            match check.mesh.groups.get(&name.value) {
                None => check.group(name),
                Some(group) => {
                    let wrong = check_replicas(check.source, name, count, group.replicas.is_some());
                    check.wrong.extend(wrong);
                }
            }
        }
    }

    fn expects(&self) -> bool {
        false
    }

    fn impact(&self) -> Impact {
        Impact::Repairable
    }

    fn asks_for_the_past(&self, _: &[&str]) -> bool {
        false
    }

    fn takes(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn needs(&self, _: &MeshSpec) -> Vec<Capability> {
        vec![Capability::Scale]
    }

    /// A pod that goes and one that comes may have the same name.
    fn causes(&self) -> Option<Cause> {
        Cause::restart(self.scale.keys())
    }

    fn scales(&self) -> Option<&IndexMap<At<String>, At<u32>>> {
        Some(&self.scale)
    }
}
