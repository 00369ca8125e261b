//! `start`, `stop`, `kill`, `pause`, `resume`: what is done to containers.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::contract::{Cause, Impact, Verb, list};
use crate::{
    capability::Capability,
    mesh::{GroupSpec, MeshSpec},
    scenario::{check::Check, quantity::Time, value::OneOrMany},
    yaml::At,
};

/// Makes the step of a verb that has only targets: what it needs, and what it is expected to take in milliseconds.
macro_rules! target_step {
    ($name:ident, $verb:ident, $needs:ident, $ms:literal, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Pods (`pet-1`), one container of a pod (`pet-1/envoy`, `pet-1/application`), or groups (`pet`).
            pub $verb: At<OneOrMany<At<String>>>,
        }

        impl Verb for $name {
            fn describe(&self) -> String {
                format!("{} {}", stringify!($verb), list(&self.$verb))
            }

            fn check(&self, check: &mut Check<'_>) {
                check.targets(&self.$verb);
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
                Duration::from_millis($ms)
            }

            fn needs(&self, mesh: &MeshSpec) -> Vec<Capability> {
                acting(Capability::$needs, &self.$verb, mesh)
            }

            // A runtime may start again by itself what has ended.
            fn causes(&self) -> Option<Cause> {
                Cause::restart(self.$verb.iter()).filter(|_| Capability::$needs != Capability::Pause)
            }
        }
    };
}

target_step!(
    StopStep,
    stop,
    Stop,
    100,
    "Stops gracefully (SIGTERM); what is in flight finishes."
);
target_step!(KillStep, kill, Kill, 20, "Kills (SIGKILL). The registry keeps the pod.");
target_step!(
    PauseStep,
    pause,
    Pause,
    20,
    "Freezes (SIGSTOP): connections stay open, nothing answers."
);
target_step!(ResumeStep, resume, Pause, 20, "Lets go on what is frozen (SIGCONT).");

/// Starts what is not running, and waits until it is ready.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartStep {
    /// Pods (`pet-1`), one container of a pod (`pet-1/envoy`), or groups (`pet`).
    pub start: At<OneOrMany<At<String>>>,
    /// How long it may take to be ready; 10s by default.
    pub within: Option<Time>,
    /// With `sds`: it comes back with a registry of its own and not with the one that it had.
    #[serde(default)]
    pub empty: bool,
}

impl Verb for StartStep {
    fn describe(&self) -> String {
        let empty = if self.empty { " with an empty registry" } else { "" };
        format!("start {}{empty}", list(&self.start))
    }

    fn check(&self, check: &mut Check<'_>) {
        check.targets(&self.start);
        if self.empty && self.start.len() == 1 && self.start[0].value == "sds" {
            check.needs_sds();
        }
        if self.empty && (self.start.len() != 1 || self.start[0].value != "sds") {
            let help = "remove `empty`, or write `start: sds`";
            check.wrong(
                check.key(&["empty"]),
                "`empty` is about the registry of `sds`",
                "this is not `sds`",
                help,
            );
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

    fn needs(&self, mesh: &MeshSpec) -> Vec<Capability> {
        acting(Capability::Stop, &self.start, mesh)
    }

    fn causes(&self) -> Option<Cause> {
        Cause::restart(self.start.iter())
    }
}

/// What it needs to do something to pods, or to containers of them.
fn acting(on: Capability, targets: &OneOrMany<At<String>>, mesh: &MeshSpec) -> Vec<Capability> {
    let leaves_another = |target: &At<String>| {
        let group = target.split_once('/').and_then(|(pod, _)| group_of(mesh, pod));
        group.is_some_and(|group| group.application.is_some() && group.envoy.is_some())
    };
    let single = targets
        .iter()
        .any(leaves_another)
        .then_some(Capability::SingleContainer);
    std::iter::once(on).chain(single).collect()
}

/// The group of a pod, or the group of that name.
fn group_of<'a>(mesh: &'a MeshSpec, name: &str) -> Option<&'a GroupSpec> {
    let groups = &mesh.groups;
    groups
        .get(name)
        .or_else(|| name.rsplit_once('-').and_then(|(group, _)| groups.get(group)))
}
