//! What invariants judge, and what they find.

use meshkat_model::{invariant::Invariant, mesh::Container, scenario::verb::Cause};

use crate::mesh::seen::{Seen, SeenContainer, SeenPod};

/// A case, and the mesh before and after it.
pub(super) struct Between<'a> {
    pub(super) before: &'a Seen,
    pub(super) after: &'a Seen,
    /// What the steps of the case are known to do.
    pub(super) causes: &'a [Cause],
    /// How many requests clients had open at the same time, at the most.
    pub(super) most_open: u64,
}

/// An invariant that broke.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) invariant: Invariant,
    pub(super) pod: String,
    pub(super) group: String,
    /// What was seen, in words.
    pub(super) evidence: String,
    /// The line of a log, of what a log says.
    pub(super) line: String,
    /// Whether it may go away by itself within a while.
    pub(super) may_pass: bool,
}

impl Breach {
    pub(super) fn of(invariant: Invariant, (name, pod): (&str, &SeenPod), evidence: String) -> Self {
        Self {
            invariant,
            pod: name.to_owned(),
            group: pod.group.clone(),
            evidence,
            line: String::new(),
            may_pass: false,
        }
    }

    /// The same of what may go away by itself.
    pub(super) fn for_now(self) -> Self {
        Self { may_pass: true, ..self }
    }
}

impl Between<'_> {
    /// Every pod that there is now, with how it was; none of one that was not there.
    pub(super) fn pods(&self) -> impl Iterator<Item = (&str, &SeenPod, Option<&SeenPod>)> {
        let pods = self.after.pods.iter();
        pods.map(|(name, now)| (name.as_str(), now, self.before.pods.get(name)))
    }

    /// Every container of these.
    pub(super) fn containers(&self) -> impl Iterator<Item = (At<'_>, &SeenContainer, Option<&SeenContainer>)> {
        self.pods().flat_map(|(name, pod, then)| {
            Container::BOTH.into_iter().filter_map(move |container| {
                let at = At { name, pod, container };
                Some((
                    at,
                    pod.container(container)?,
                    then.and_then(|then| then.container(container)),
                ))
            })
        })
    }
}

/// Which container.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) name: &'a str,
    pub(super) pod: &'a SeenPod,
    pub(super) container: Container,
}

impl At<'_> {
    pub(super) fn breach(&self, invariant: Invariant, evidence: String) -> Breach {
        Breach::of(invariant, (self.name, self.pod), evidence)
    }

    /// What a line of its log says.
    pub(super) fn wrote(&self, invariant: Invariant, line: &str) -> Breach {
        Breach {
            line: line.to_owned(),
            ..self.breach(invariant, format!("{} wrote: {line}", self.who()))
        }
    }

    /// `the envoy of pet-1`.
    pub(super) fn who(&self) -> String {
        format!("the {} of {}", self.container, self.name)
    }
}

/// Whether names that a step has mean a pod, by itself or with its group.
pub(super) fn means(names: &[String], pod: &str, group: &str) -> bool {
    names.iter().any(|name| name == pod || name == group)
}
