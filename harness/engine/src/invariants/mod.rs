//! What must hold of a mesh after every case: a file for each invariant, which judges what was seen before and after. What is seen is
//! [`Seen`]'s; that a case breaks one on purpose is said by its steps, or by its `allows`.

mod crash;
mod error_log;
mod growth;
mod hang;
mod judge;
mod miscount;
mod nack;
mod panic;

use meshkat_model::{invariant::Invariant, mesh::Container, scenario::verb::Cause};

pub(crate) use judge::judge;

use crate::mesh::seen::{Seen, SeenContainer, SeenPod};

/// A case, and the mesh before and after it.
struct Between<'a> {
    before: &'a Seen,
    after: &'a Seen,
    /// What the steps of the case are known to do.
    causes: &'a [Cause],
    /// How many requests clients had open at the same time, at the most.
    most_open: u64,
}

/// An invariant that broke.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    invariant: Invariant,
    pod: String,
    group: String,
    /// What was seen, in words.
    evidence: String,
    /// The line of a log, of what a log says.
    line: String,
    /// Whether it may go away by itself within a while.
    may_pass: bool,
}

impl Breach {
    fn of(invariant: Invariant, (name, pod): (&str, &SeenPod), evidence: String) -> Self {
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
    fn for_now(self) -> Self {
        Self { may_pass: true, ..self }
    }
}

impl Between<'_> {
    /// Every pod that there is now, with how it was; none of one that was not there.
    fn pods(&self) -> impl Iterator<Item = (&str, &SeenPod, Option<&SeenPod>)> {
        let pods = self.after.pods.iter();
        pods.map(|(name, now)| (name.as_str(), now, self.before.pods.get(name)))
    }

    /// Every container of these.
    fn containers(&self) -> impl Iterator<Item = (At<'_>, &SeenContainer, Option<&SeenContainer>)> {
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
struct At<'a> {
    name: &'a str,
    pod: &'a SeenPod,
    container: Container,
}

impl At<'_> {
    fn breach(&self, invariant: Invariant, evidence: String) -> Breach {
        Breach::of(invariant, (self.name, self.pod), evidence)
    }

    /// What a line of its log says.
    fn wrote(&self, invariant: Invariant, line: &str) -> Breach {
        Breach {
            line: line.to_owned(),
            ..self.breach(invariant, format!("{} wrote: {line}", self.who()))
        }
    }

    /// `the envoy of pet-1`.
    fn who(&self) -> String {
        format!("the {} of {}", self.container, self.name)
    }
}

/// Whether names that a step has mean a pod, by itself or with its group.
fn means(names: &[String], pod: &str, group: &str) -> bool {
    names.iter().any(|name| name == pod || name == group)
}

/// All that broke.
fn breaches(between: &Between<'_>) -> Vec<Breach> {
    let mut found = crash::breaches(between);
    found.extend(nack::breaches(between));
    found.extend(panic::breaches(between));
    found.extend(error_log::breaches(between));
    found.extend(miscount::breaches(between));
    found.extend(hang::breaches(between));
    found.extend(growth::breaches(between));
    found
}

#[cfg(test)]
mod tests;
