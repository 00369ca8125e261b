//! The verbs of steps: one file each, with its keys and all that is known of it before it runs.
//!
//! What a verb does stands in the engine. What lists all verbs is here, and in the engine's `steps`.

pub mod admin;
pub mod answer;
pub mod check;
pub mod container;
pub mod discovery;
pub mod envoy;
pub mod expect;
pub mod fault;
pub mod load;
pub mod network;
pub mod registry;
pub mod request;
pub mod scale;
pub mod served;
pub mod target;

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    admin::AdminStep,
    check::CheckStep,
    container::{KillStep, PauseStep, ResumeStep, StartStep, StopStep},
    discovery::DiscoveryStep,
    envoy::EnvoyStep,
    expect::ExpectStep,
    fault::{FaultStep, HealStep},
    load::{LoadStep, StopLoadStep},
    network::NetworkStep,
    registry::{RegisterStep, UnregisterStep},
    request::RequestStep,
    scale::ScaleStep,
};
pub(crate) use super::check::Kept;
use super::{check::Check, value::OneOrMany};
use crate::{capability::Capability, mesh::MeshSpec, yaml::At};

/// What a verb that waits for nothing is expected to take.
const AT_ONCE: Duration = Duration::from_millis(2);

/// One step: a mapping with the key that is its verb. The order of the variants decides where a mapping has several of
/// these keys: a load has a `get`, too.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(untagged)]
pub enum Step {
    /// Steady requests in the background.
    Load(Box<LoadStep>),
    /// Judges a load.
    Expect(Box<ExpectStep>),
    /// Ends a load before the case ends.
    StopLoad(StopLoadStep),
    /// Makes an application fail on purpose.
    Fault(Box<FaultStep>),
    /// Ends the faults of an application.
    Heal(HealStep),
    /// Judges what an Envoy says of itself.
    Envoy(Box<EnvoyStep>),
    /// Asks or tells an Envoy by its admin interface.
    Admin(Box<AdminStep>),
    /// Changes how many pods a group has.
    Scale(ScaleStep),
    /// Sets the hosts of services in the registry.
    Register(RegisterStep),
    /// Takes services out of the registry.
    Unregister(UnregisterStep),
    /// Does something to the discovery service, or restores it.
    Discovery(Box<DiscoveryStep>),
    /// Harms what pods send one another, or repairs it.
    Network(Box<NetworkStep>),
    /// Starts what is not running.
    Start(StartStep),
    /// Stops gracefully (SIGTERM).
    Stop(StopStep),
    /// Kills (SIGKILL).
    Kill(KillStep),
    /// Freezes (SIGSTOP).
    Pause(PauseStep),
    /// Lets go on what is frozen (SIGCONT).
    Resume(ResumeStep),
    /// Holds expressions over what was kept.
    Check(CheckStep),
    /// A request: the verb is its method.
    #[serde(
        rename = "get",
        alias = "head",
        alias = "post",
        alias = "put",
        alias = "patch",
        alias = "delete"
    )]
    Request(Box<RequestStep>),
}

/// What is known of a step before it runs. What it asserts and what it leaves have no default answers: cases share meshes by
/// them, so one that is forgotten must not compile.
pub(crate) trait Verb {
    /// The step in one line, for reports.
    fn describe(&self) -> String;

    /// Tells everything that is wrong with it in its mesh.
    fn check(&self, check: &mut Check<'_>);

    /// Whether it holds an expectation against what is seen.
    fn expects(&self) -> bool;

    /// What it leaves of its mesh for the cases that come after.
    fn impact(&self) -> Impact;

    /// Whether what it asserts depends on what the mesh did before the case. `views` are the names of what `envoy` steps kept.
    fn asks_for_the_past(&self, views: &[&str]) -> bool;

    /// How long it is expected to take: what it says itself, and else what such steps took.
    fn takes(&self) -> Duration;

    /// What it needs of a runtime; nothing of what is asked over HTTP alone.
    fn needs(&self, mesh: &MeshSpec) -> Vec<Capability> {
        let _ = mesh;
        Vec::new()
    }

    /// The name under which later steps know what it saw, and what that is.
    fn keeps(&self) -> Option<(&At<String>, Kept)> {
        None
    }

    /// The name of the load that it starts.
    fn starts_load(&self) -> Option<&At<String>> {
        None
    }

    /// The numbers of pods that it gives to groups.
    fn scales(&self) -> Option<&IndexMap<At<String>, At<u32>>> {
        None
    }
}

/// What is left of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Impact {
    /// All of it: it was only looked at, and whoever comes next finds the mesh as it was.
    None,
    /// What changed can be changed back, and what of it is changed back can be asked of the mesh.
    Repairable,
    /// Nobody can tell what is left: requests that may change anything, a network that was cut (connections that are dead and
    /// do not know it), weights (an Envoy applies their changes up to its `update_merge_window` later), or a mesh of which a part was never there, which Envoys do not forget once they have seen it.
    Lasting,
}

impl Step {
    /// The home of its verb.
    pub(crate) fn verb(&self) -> &dyn Verb {
        match self {
            Self::Load(step) => &**step,
            Self::Expect(step) => &**step,
            Self::StopLoad(step) => step,
            Self::Fault(step) => &**step,
            Self::Heal(step) => step,
            Self::Envoy(step) => &**step,
            Self::Admin(step) => &**step,
            Self::Scale(step) => step,
            Self::Register(step) => step,
            Self::Unregister(step) => step,
            Self::Discovery(step) => &**step,
            Self::Network(step) => &**step,
            Self::Start(step) => step,
            Self::Stop(step) => step,
            Self::Kill(step) => step,
            Self::Pause(step) => step,
            Self::Resume(step) => step,
            Self::Check(step) => step,
            Self::Request(step) => &**step,
        }
    }

    /// The step in one line, for reports.
    pub fn describe(&self) -> String {
        self.verb().describe()
    }

    /// How long it is expected to take: what it says itself, and else what such steps took.
    pub fn takes(&self) -> Duration {
        self.verb().takes()
    }
}

/// Names as a sentence has them.
fn list(names: &OneOrMany<At<String>>) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.join(", ")
}
