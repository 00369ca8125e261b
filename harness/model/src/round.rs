//! Rounds: the same cases several times in one run, to find those that do not always end in the same way.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{limits::grouped, outcome::Status};

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
    pub(crate) fn counts(&self) -> [(Status, u32); 4] {
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
