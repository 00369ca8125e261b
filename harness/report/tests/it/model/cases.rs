//! Single cases.

use indexmap::IndexMap;
use meshkat_model::results::{CaseResult, Failure, Status, StepResult};

/// A case that ended so, after two steps, with ten checks and a hundred requests unless it was skipped.
pub(crate) fn case(id: &str, status: Status) -> CaseResult {
    let scenario = id.split('[').next().unwrap().to_owned();
    let ran = status != Status::Skipped;
    CaseResult {
        id: id.to_owned(),
        round: None,
        promise: format!(
            "What {scenario} promises holds for every shopper of the store, whatever becomes of the rest."
        ),
        scenario,
        params: IndexMap::from([("pets".to_owned(), 3.into())]),
        tags: vec!["quick".to_owned()],
        status,
        attempts: 1,
        duration_ms: if ran { 840 } else { 0 },
        checks: if ran { 10 } else { 0 },
        requests: if ran { 100 } else { 0 },
        reproduce: format!("meshkat run '{id}' --seed 7"),
        steps: if ran { steps(status) } else { Vec::new() },
        skipped: None,
        failure: None,
        earlier_failures: Vec::new(),
        voids: Vec::new(),
        machine: None,
        loads: Vec::new(),
    }
}

fn steps(status: Status) -> Vec<StepResult> {
    let last = if matches!(status, Status::Failed | Status::Errored) {
        status
    } else {
        Status::Passed
    };
    vec![
        step("scale pet to 3", Status::Passed, 0, 240, 0),
        step("expect shoppers", last, 240, 600, 10),
    ]
}

fn step(name: &str, status: Status, started_ms: u64, duration_ms: u64, checks: u64) -> StepResult {
    StepResult {
        name: name.to_owned(),
        status,
        started_ms,
        duration_ms,
        checks,
    }
}

/// Why `expect shoppers` did not hold.
pub(crate) fn failure(message: &str, expected: &str, actual: &str) -> Failure {
    Failure {
        step: "expect shoppers".to_owned(),
        file: "scenarios/eds/outage.yaml".to_owned(),
        line: 31,
        message: message.to_owned(),
        expected: expected.to_owned(),
        actual: actual.to_owned(),
        hints: vec!["the Envoy of petstore-1 rejected 2 updates".to_owned()],
    }
}
