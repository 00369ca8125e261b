//! What is known of the cases of one scenario, and what follows from it.

use indexmap::IndexMap;
use meshkat_model::{
    culprit::{Cause, Certainty, Smallest, Trial, Why},
    results::{CaseResult, Status},
};
use serde_json::Value;

use super::{
    explain::{Conjunction, Explanation, explanations, failures_of, near_misses},
    next,
    table::{Part, Seen, Table, has_all, size},
    tell,
};

/// More explanations than these are not told.
const OTHERS: usize = 10;
/// After so many failures that were not seen again, and none that was, nothing here is worth reasoning about.
const CHANGES: usize = 3;

/// The cases of one scenario, and what is known of each.
#[derive(Debug, Clone)]
pub struct Study {
    pub(super) table: Table,
    ids: Vec<String>,
    /// Whose failure was seen twice.
    confirmed: Option<usize>,
    /// How many failures were not seen again.
    changed: usize,
}

/// What follows from what is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// How far the evidence goes.
    pub certainty: Certainty,
    /// A sentence without a full stop.
    pub sentence: String,
    /// The best explanation.
    pub causes: Vec<Cause>,
    /// Others that fit as well.
    pub others: Vec<Vec<Cause>>,
}

impl Study {
    /// A study of a scenario; `cases` are the ids and parameters of all the cases that it has, run or not, in the order of
    /// its file. The first value of an axis is the one that comes first.
    pub fn new<'a>(cases: impl Iterator<Item = (&'a str, &'a IndexMap<String, Value>)> + Clone) -> Self {
        Self {
            table: Table::new(cases.clone().map(|(_, params)| params)),
            ids: cases.map(|(id, _)| id.to_owned()).collect(),
            confirmed: None,
            changed: 0,
        }
    }

    /// A case of a run has ended; several times, if the run has several rounds. What does not end in the same way in each says nothing.
    pub fn ended(&mut self, case: &CaseResult) {
        let before = self
            .number(&case.id)
            .map_or(Seen::Nothing, |number| self.table.seen[number]);
        match (before, case.status) {
            (Seen::Useless, _) | (Seen::Passed, Status::Failed) | (Seen::Failed, Status::Passed) => {
                self.useless(&case.id);
            }
            (_, Status::Passed) => self.passed(&case.id),
            // A retry, or another round, has seen it fail again already.
            (_, Status::Failed) if before == Seen::Failed || case.attempts > 1 => self.confirmed(&case.id),
            (_, Status::Failed) => self.failed(&case.id),
            (_, Status::Errored | Status::Skipped | Status::Flaky) => self.useless(&case.id),
        }
    }

    /// A case that was asked for has ended.
    pub fn tried(&mut self, trial: &Trial) {
        match (&trial.why, trial.status) {
            (Why::Confirm, Status::Failed) => self.confirmed(&trial.id),
            (Why::Confirm, _) => self.changed(&trial.id),
            (_, Status::Failed) => self.failed(&trial.id),
            (_, Status::Passed) => self.passed(&trial.id),
            _ => self.useless(&trial.id),
        }
    }

    /// A case has passed.
    pub fn passed(&mut self, id: &str) {
        self.set(id, Seen::Passed);
    }

    /// A case has failed.
    pub fn failed(&mut self, id: &str) {
        self.set(id, Seen::Failed);
    }

    /// The failure of a case was seen again.
    pub fn confirmed(&mut self, id: &str) {
        self.set(id, Seen::Failed);
        self.confirmed = self.confirmed.or_else(|| self.number(id));
    }

    /// A case that had failed did not fail again.
    pub fn changed(&mut self, id: &str) {
        self.set(id, Seen::Useless);
        self.changed += 1;
    }

    /// A case says nothing: its environment breaks, or the runtime cannot run it.
    pub fn useless(&mut self, id: &str) {
        self.set(id, Seen::Useless);
        self.confirmed = self.confirmed.filter(|confirmed| Some(*confirmed) != self.number(id));
    }

    fn set(&mut self, id: &str, seen: Seen) {
        if let Some(number) = self.number(id) {
            self.table.seen[number] = seen;
        }
    }

    fn number(&self, id: &str) -> Option<usize> {
        self.ids.iter().position(|known| known == id)
    }

    /// Whether there is anything to reason about: axes that vary, and a failure among at least two verdicts.
    pub fn is_worthwhile(&self) -> bool {
        let (failing, passing) = (self.table.failing().count(), self.table.passing().count());
        let varies = self.table.axes.values().any(|values| values.len() > 1);
        varies && failing > 0 && failing + passing > 1
    }

    /// The failing case with the fewest values away from the first ones: the one to see a second time. None once a failure
    /// was confirmed, where nothing fails, where every case of the scenario does, and after three that did not fail again.
    pub fn to_confirm(&self) -> Option<&str> {
        let tells = |seen: &Seen| matches!(seen, Seen::Passed | Seen::Nothing);
        if self.confirmed.is_some() || self.is_unsteady() || !self.table.seen.iter().any(tells) {
            return None;
        }
        self.smallest_row().map(|number| self.ids[number].as_str())
    }

    fn is_unsteady(&self) -> bool {
        let gave_up = self.confirmed.is_none() && self.changed >= CHANGES;
        gave_up || self.table.failing().next().is_none()
    }

    /// The case to run next, and what for; none where no further case of the scenario tells more.
    pub fn next(&self) -> Option<(&str, Why)> {
        if self.is_unsteady() {
            return None;
        }
        let best = explanations(&self.table).into_iter().next();
        let (number, why) = match &best {
            Some(causes) => next::split(&self.table, causes).or_else(|| next::shrink(&self.table, causes))?,
            None => next::apart(&self.table).or_else(|| next::shrink(&self.table, &[]))?,
        };
        Some((self.ids[number].as_str(), why))
    }

    /// The smallest failing case that is known.
    pub fn smallest(&self) -> Option<Smallest> {
        if self.is_unsteady() {
            return None;
        }
        let number = self.smallest_row()?;
        Some(Smallest {
            id: self.ids[number].clone(),
            proven: next::nearer(&self.table, &self.table.rows[number])
                .all(|nearer| self.table.seen[nearer] == Seen::Passed),
        })
    }

    fn smallest_row(&self) -> Option<usize> {
        let failing = (0..self.ids.len()).filter(|number| self.table.seen[*number] == Seen::Failed);
        failing.min_by_key(|number| (size(&self.table.rows[*number]), *number))
    }

    /// What follows from what is known.
    pub fn conclude(&self) -> Conclusion {
        let table = &self.table;
        let all = if self.is_unsteady() {
            Vec::new()
        } else {
            explanations(table)
        };
        let causes: Vec<Cause> = all.first().map(|best| self.causes(best)).unwrap_or_default();
        let others: Vec<Vec<Cause>> = all
            .iter()
            .skip(1)
            .take(OTHERS)
            .map(|other| self.causes(other))
            .collect();
        let certainty = if self.is_unsteady() {
            Certainty::Unsteady
        } else if table.passing().next().is_none() {
            Certainty::Everywhere
        } else if causes.is_empty() {
            Certainty::Unexplained
        } else if all.len() == 1 && causes.iter().all(|cause| cause.perhaps_also.is_empty()) {
            Certainty::Decided
        } else {
            Certainty::Undecided
        };
        let counted = tell::Counted {
            failures: table.failing().count(),
            passes: table.passing().count(),
            explanations: all.len(),
            changed: self.changed,
        };
        Conclusion {
            certainty,
            sentence: tell::sentence(certainty, &causes, &others, counted),
            causes,
            others,
        }
    }

    fn causes(&self, explanation: &Explanation) -> Vec<Cause> {
        let table = &self.table;
        let cause = |parts: &Conjunction| {
            let failures = failures_of(table, parts, explanation);
            let perhaps: Vec<Part> = table.shared(failures.iter().copied());
            let perhaps: Vec<Part> = perhaps.into_iter().filter(|part| !parts.contains(part)).collect();
            Cause {
                values: table.values(parts),
                failures: table.failing().filter(|row| has_all(row, parts)).count() as u64,
                near_misses: near_misses(table, parts) as u64,
                perhaps_also: table.values(&perhaps),
            }
        };
        explanation.iter().map(cause).collect()
    }
}
