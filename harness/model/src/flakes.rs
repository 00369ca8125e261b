//! Flakes: cases that do not end in the same way in each round of a run.

use indexmap::IndexMap;

use crate::{
    results::{CaseResult, Status},
    round::Flake,
};

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
    use crate::round::Round;

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
            loads: Vec::new(),
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
