//! How long things took in earlier runs: what a plan expects of the next one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::results::{Results, Status};

/// The version of the shape of `times.json`.
pub const SCHEMA: u32 = 1;

/// Times by runtime: a mesh of containers does not start as fast as one of processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// By the runtime's name.
    pub runtimes: BTreeMap<String, RuntimeTimes>,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            runtimes: BTreeMap::new(),
        }
    }
}

/// What was seen on one runtime.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeTimes {
    /// Cases that passed, by id, without the start of their mesh.
    pub cases: BTreeMap<String, Recent>,
    /// From the start of a mesh until it was ready, by [`MeshSpec::kind`](crate::mesh::MeshSpec::kind).
    #[serde(default)]
    pub meshes: BTreeMap<String, Recent>,
    /// From the end of a case until its mesh was found to be as it was, or not to be, by [`MeshSpec::kind`](crate::mesh::MeshSpec::kind).
    #[serde(default)]
    pub repairs: BTreeMap<String, Recent>,
    /// The same where the next case has other numbers of pods.
    #[serde(default)]
    pub scalings: BTreeMap<String, Recent>,
}

/// The last few times of one thing, in milliseconds, the latest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent(Vec<u64>);

impl Recent {
    /// More would only make an old time count for longer.
    const MOST: usize = 5;

    /// Adds one, the latest.
    pub fn add(&mut self, ms: u64) {
        self.0.push(ms);
        let over = self.0.len().saturating_sub(Self::MOST);
        self.0.drain(..over);
    }

    /// The median, which one slow run does not move; the lower one of two. None of nothing.
    pub fn median(&self) -> Option<u64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len().checked_sub(1)? / 2).copied()
    }
}

impl Times {
    /// What a report's cases took.
    pub fn of(results: &Results) -> Self {
        let mut times = Self::default();
        // What a machine that is kept busy takes says nothing of one that is not.
        let quiet = results.cases.iter().filter(|_| results.run.stress.is_none());
        for case in quiet {
            times
                .of_runtime(&results.run.runtime)
                .ended(&case.id, case.status, case.duration_ms);
        }
        times
    }

    /// What was seen on a runtime, to add to it.
    pub fn of_runtime(&mut self, runtime: &str) -> &mut RuntimeTimes {
        self.runtimes.entry(runtime.to_owned()).or_default()
    }

    /// Adds what others have seen, as later than what is here.
    pub fn add(&mut self, later: &Self) {
        for (runtime, seen) in &later.runtimes {
            let own = self.of_runtime(runtime);
            add(&mut own.cases, &seen.cases);
            add(&mut own.meshes, &seen.meshes);
            add(&mut own.repairs, &seen.repairs);
            add(&mut own.scalings, &seen.scalings);
        }
    }
}

impl RuntimeTimes {
    /// A case has ended. One that did not pass ended too early, or waited for what did not come: it says nothing.
    pub fn ended(&mut self, id: &str, status: Status, ms: u64) {
        if matches!(status, Status::Passed | Status::Flaky) {
            self.cases.entry(id.to_owned()).or_default().add(ms);
        }
    }
}

fn add(own: &mut BTreeMap<String, Recent>, later: &BTreeMap<String, Recent>) {
    for (name, recent) in later {
        let own = own.entry(name.clone()).or_default();
        recent.0.iter().for_each(|ms| own.add(*ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_the_last_five() {
        let mut recent = Recent::default();
        assert_eq!(recent.median(), None);
        let medians = [1000, 10, 20, 30, 40, 50, 60].map(|ms| {
            recent.add(ms);
            recent.median()
        });
        assert_eq!(medians, [1000, 10, 20, 20, 30, 30, 40].map(Some));
    }

    #[test]
    fn what_did_not_pass_says_nothing_of_its_time() {
        let mut times = Times::default();
        let process = times.of_runtime("process");
        process.ended("a/1", Status::Passed, 10);
        process.ended("a/2", Status::Failed, 5000);
        process.ended("a/3", Status::Flaky, 20);
        process.ended("a/4", Status::Skipped, 0);
        assert_eq!(
            times.runtimes["process"].cases.keys().collect::<Vec<_>>(),
            ["a/1", "a/3"]
        );
        let mut both = times.clone();
        both.of_runtime("docker").ended("a/1", Status::Passed, 90);
        both.add(&times);
        assert_eq!(both.runtimes["process"].cases["a/1"], Recent(vec![10, 10]));
        assert_eq!(both.runtimes["docker"].cases["a/1"], Recent(vec![90]));
        let text = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<Times>(&text).unwrap(), both);
    }
}
