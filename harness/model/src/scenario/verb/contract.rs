//! What every verb has to say of itself before it runs.

use std::time::Duration;

use indexmap::IndexMap;

use crate::{
    capability::Capability,
    mesh::MeshSpec,
    scenario::{
        check::{Check, Kept},
        race::Race,
        value::OneOrMany,
    },
    yaml::At,
};

/// What a verb that waits for nothing is expected to take.
pub(super) const AT_ONCE: Duration = Duration::from_millis(2);

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

    /// What it makes the mesh do that would be a broken invariant if nobody had asked for it. One that is forgotten here is told by
    /// the first case that has it, which fails.
    fn causes(&self) -> Option<Cause> {
        None
    }

    /// The name under which later steps know what it saw, and what that is.
    fn keeps(&self) -> Option<(&At<String>, Kept)> {
        None
    }

    /// The name of the load that it starts.
    fn starts_load(&self) -> Option<&At<String>> {
        None
    }

    /// Where it races with a timer, and says no reason.
    fn races(&self) -> Vec<Race> {
        Vec::new()
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

/// What a step makes a mesh do, beside what it leaves: see [`Invariant`](crate::invariant::Invariant).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Containers of these pods, or of the pods of these groups, begin anew.
    Restart(Vec<String>),
    /// The Envoys of these pods, or of the pods of these groups, are told what they refuse; none are all.
    Nack(Vec<String>),
}

impl Cause {
    /// The names of what steps act on; of `POD/envoy` the pod.
    pub(super) fn restart<'a>(targets: impl IntoIterator<Item = &'a At<String>>) -> Option<Self> {
        let pod = |target: &At<String>| target.split('/').next().unwrap_or_default().to_owned();
        Some(Self::Restart(targets.into_iter().map(pod).collect()))
    }
}

/// Names as a sentence has them.
pub(super) fn list(names: &OneOrMany<At<String>>) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.join(", ")
}
