//! Rounds: the same cases several times in one run, to find those that do not always end in the same way.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    limits::grouped,
    results::{CaseResult, Status},
};

/// Which round of its run a case belongs to. With the case's id it is unique in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Round {
    /// From 1.
    pub number: u32,
    /// How many there are at the most.
    pub of: u32,
}

/// `round 3 of 20`.
impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "round {} of {}", self.number, self.of)
    }
}

/// How often a run does the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounds {
    /// How many there are at the most; at least 1.
    pub of: u32,
    /// Whether the first round with a case that failed or errored is the last one. Then no round begins before the one before it has
    /// ended.
    pub until_failure: bool,
}

/// `20 rounds`; `until one fails, at most 1,000 rounds`.
impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = if self.until_failure {
            "until one fails, at most "
        } else {
            ""
        };
        let rounds = if self.of == 1 { "round" } else { "rounds" };
        write!(f, "{until}{} {rounds}", grouped(self.of))
    }
}

impl Rounds {
    /// Each round, in order.
    pub fn all(self) -> impl Iterator<Item = Round> {
        (1..=self.of).map(move |number| Round { number, of: self.of })
    }
}

/// A case that did not end in the same way in each of its rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flake {
    /// The case's id.
    pub id: String,
    /// In how many rounds it passed.
    pub passed: u32,
    /// In how many rounds it failed.
    pub failed: u32,
    /// In how many rounds it errored.
    pub errored: u32,
    /// In how many rounds it failed, and passed on a retry.
    pub flaky: u32,
}

impl Flake {
    fn counts(&self) -> [(Status, u32); 4] {
        [
            (Status::Passed, self.passed),
            (Status::Failed, self.failed),
            (Status::Errored, self.errored),
            (Status::Flaky, self.flaky),
        ]
    }

    /// `18 passed, 2 failed: a flake`.
    pub fn told(&self) -> String {
        let counts = self.counts().into_iter().filter(|(_, n)| *n > 0);
        let counts: Vec<String> = counts.map(|(status, n)| format!("{n} {}", status.word())).collect();
        format!("{}: a flake", counts.join(", "))
    }
}

/// Counts how the cases of a run end, round by round.
#[derive(Debug, Clone, Default)]
pub struct Flakes(IndexMap<String, Flake>);

impl Flakes {
    /// A case has ended. One that is in no round counts for nothing.
    pub fn see(&mut self, case: &CaseResult) {
        if case.round.is_none() {
            return;
        }
        let flake = self.0.entry(case.id.clone()).or_insert_with(|| Flake {
            id: case.id.clone(),
            passed: 0,
            failed: 0,
            errored: 0,
            flaky: 0,
        });
        match case.status {
            Status::Passed => flake.passed += 1,
            Status::Failed => flake.failed += 1,
            Status::Errored => flake.errored += 1,
            Status::Flaky => flake.flaky += 1,
            Status::Skipped => {}
        }
    }

    /// Those that did not always end in the same way, in the order in which their first rounds ended.
    pub fn found(&self) -> impl Iterator<Item = &Flake> {
        let ended = |flake: &Flake| flake.counts().into_iter().filter(|(_, n)| *n > 0).count();
        self.0.values().filter(move |flake| ended(flake) > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(id: &str, number: Option<u32>, status: Status) -> CaseResult {
        CaseResult {
            id: id.to_owned(),
            round: number.map(|number| Round { number, of: 3 }),
            scenario: id.to_owned(),
            promise: String::new(),
            params: IndexMap::new(),
            tags: Vec::new(),
            status,
            attempts: 1,
            duration_ms: 0,
            checks: 1,
            requests: 0,
            reproduce: String::new(),
            steps: Vec::new(),
            skipped: None,
            failure: None,
            earlier_failures: Vec::new(),
            voids: Vec::new(),
            machine: None,
        }
    }

    #[test]
    fn a_flake_is_who_did_not_always_end_in_the_same_way() {
        let mut flakes = Flakes::default();
        for number in 1..=3 {
            flakes.see(&ended("always", Some(number), Status::Passed));
            flakes.see(&ended("never", Some(number), Status::Failed));
            flakes.see(&ended("retried", Some(number), Status::Flaky));
        }
        for (number, status) in [(1, Status::Passed), (2, Status::Failed), (3, Status::Passed)] {
            flakes.see(&ended("mixed", Some(number), status));
        }
        flakes.see(&ended("broken", Some(1), Status::Errored));
        flakes.see(&ended("broken", Some(2), Status::Flaky));
        // Two runs that were merged are no rounds.
        flakes.see(&ended("twice", None, Status::Passed));
        flakes.see(&ended("twice", None, Status::Failed));
        let told: Vec<(&str, String)> = flakes.found().map(|flake| (flake.id.as_str(), flake.told())).collect();
        assert_eq!(
            told,
            [
                ("mixed", "2 passed, 1 failed: a flake".to_owned()),
                ("broken", "1 errored, 1 flaky: a flake".to_owned())
            ]
        );
    }
}
