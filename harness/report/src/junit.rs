//! `junit.xml`: what a CI reads.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use indexmap::IndexMap;
use meshkat_model::results::{CaseResult, Failure, Status};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use crate::error::ReportError;
use crate::explain;
use crate::record::Record;
use crate::text::{self, time, visible};

/// A suite for each scenario. A failed expectation is a `failure`, a broken environment an `error`.
pub(crate) fn render(record: &Record) -> Result<String, ReportError> {
    let mut report = Report::new("meshkat");
    let started = record
        .run
        .as_ref()
        .and_then(|run| DateTime::parse_from_rfc3339(&run.started).ok());
    if let Some(run) = &record.run {
        report.set_time(Duration::from_millis(run.duration_ms));
    }
    if let Some(started) = started {
        report.set_timestamp(started);
    }
    let mut by_scenario: IndexMap<&str, Vec<&CaseResult>> = IndexMap::new();
    for case in &record.cases {
        by_scenario.entry(&case.scenario).or_default().push(case);
    }
    for (scenario, cases) in by_scenario {
        report.add_test_suite(suite(record, scenario, &cases, started));
    }
    report.to_string().map_err(ReportError::Junit)
}

fn suite(record: &Record, name: &str, cases: &[&CaseResult], started: Option<DateTime<FixedOffset>>) -> TestSuite {
    let mut suite = TestSuite::new(visible(name));
    if let Some(run) = &record.run {
        suite.add_property(("seed", run.seed.to_string().as_str()));
        suite.add_property(("runtime", run.runtime.as_str()));
        suite.add_property(("envoy", run.envoy.join(", ").as_str()));
        if let Some(stress) = run.stress {
            suite.add_property(("stress", stress.to_string().as_str()));
        }
        suite.add_property(("interrupted", if record.interrupted() { "true" } else { "false" }));
    }
    if let Some(started) = started {
        suite.set_timestamp(started);
    }
    suite.set_time(Duration::from_millis(cases.iter().map(|case| case.duration_ms).sum()));
    suite.add_test_cases(cases.iter().map(|case| test_case(case)));
    suite
}

fn test_case(case: &CaseResult) -> TestCase {
    // Those who read it take cases of one name for one case.
    let name = match case.round {
        Some(round) => Cow::Owned(format!("{}, {round}", visible(&case.id))),
        None => visible(&case.id),
    };
    let mut test = TestCase::new(name, status(case));
    test.set_classname(visible(&case.scenario));
    test.set_time(Duration::from_millis(case.duration_ms));
    test.set_assertions(usize::try_from(case.checks).unwrap_or(usize::MAX));
    test.add_property(("promise", visible(&case.promise).as_ref()));
    test.add_property(("reproduce", visible(&case.reproduce).as_ref()));
    for void in &case.voids {
        test.add_property(("void", text::line(&void.why, 1000).as_ref()));
    }
    if let Some(failure) = case.failure.as_ref().filter(|failure| !failure.file.is_empty()) {
        test.extra.insert("file".into(), visible(&failure.file).into());
        test.extra.insert("line".into(), failure.line.to_string().into());
    }
    let steps = case.steps.iter().enumerate().map(|(at, step)| {
        let (word, name) = (step.status.word(), text::line(&step.name, 1000));
        format!("{}. {word} after {}: {name}\n", at + 1, time(step.duration_ms))
    });
    let steps: String = steps.collect();
    if !steps.is_empty() {
        test.set_system_out(steps);
    }
    test
}

fn status(case: &CaseResult) -> TestCaseStatus {
    let mut status = match case.status {
        Status::Passed | Status::Flaky => TestCaseStatus::success(),
        Status::Skipped => TestCaseStatus::skipped(),
        Status::Failed | Status::Errored => {
            let mut status = TestCaseStatus::non_success(kind(case.status));
            status.set_type(class(case.status));
            status.set_description(explain::in_full(case));
            status
        }
    };
    match (&case.failure, case.status) {
        (_, Status::Skipped) => {
            status.set_message(explain::skip_reason(case));
        }
        (Some(failure), Status::Failed | Status::Errored) => {
            status.set_message(headline(failure));
        }
        (None, Status::Failed | Status::Errored) => {
            status.set_message(explain::message(case));
        }
        _ => {}
    }
    // Attempts are counted only when the last one came to a verdict: there is no rerun of what was skipped.
    if case.status != Status::Skipped {
        status.add_reruns(case.earlier_failures.iter().map(|failure| {
            let mut rerun = TestRerun::new(NonSuccessKind::Failure);
            rerun.set_type(class(Status::Failed));
            rerun.set_message(headline(failure));
            rerun.set_description(format!(
                "expected: {}\nactual: {}",
                visible(&failure.expected),
                visible(&failure.actual)
            ));
            rerun
        }));
    }
    status
}

fn kind(status: Status) -> NonSuccessKind {
    if status == Status::Errored {
        NonSuccessKind::Error
    } else {
        NonSuccessKind::Failure
    }
}

fn class(status: Status) -> &'static str {
    if status == Status::Errored {
        "environment"
    } else {
        "expectation"
    }
}

/// The message with its place before it, as compilers do.
fn headline(failure: &Failure) -> String {
    let message = text::line(&failure.message, 1000);
    match explain::place(failure) {
        Some(place) => format!("{place}: {message}"),
        None => message,
    }
}
