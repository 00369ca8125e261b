//! Why a case did not pass, as every report tells it.

use std::borrow::Cow;
use std::fmt::Write as _;

use indexmap::IndexMap;
use meshkat_model::results::{CaseResult, Failure, Status, VoidAttempt};

use crate::printed::harmless;
use crate::text::{self, time, visible};

/// So many cases with the same status and message are told as one.
const ALIKE: usize = 3;

/// Cases that did not pass for one cause.
pub(crate) struct Group<'a> {
    pub(crate) first: &'a CaseResult,
    pub(crate) others: Vec<&'a CaseResult>,
}

/// Whether a case has to be explained.
pub(crate) fn is_broken(case: &CaseResult) -> bool {
    matches!(case.status, Status::Failed | Status::Errored)
}

/// The failed and errored cases, those for one cause together, in the order in which their first ended.
pub(crate) fn groups(cases: &[CaseResult]) -> Vec<Group<'_>> {
    // What they say and who asked for it: the same words in another line of a scenario are another cause.
    let mut alike: IndexMap<_, Vec<&CaseResult>> = IndexMap::new();
    for case in cases.iter().filter(|case| is_broken(case)) {
        let key = (case.status, message(case), case.failure.as_ref().and_then(place));
        alike.entry(key).or_default().push(case);
    }
    let mut groups = Vec::new();
    for list in alike.into_values() {
        if list.len() >= ALIKE {
            groups.push(Group {
                first: list[0],
                others: list[1..].to_vec(),
            });
        } else {
            groups.extend(list.into_iter().map(|first| Group {
                first,
                others: Vec::new(),
            }));
        }
    }
    groups
}

/// The cases that were skipped, by what they have in common, in the order in which the first of each ended.
pub(crate) fn skips(cases: &[CaseResult]) -> IndexMap<String, Vec<&CaseResult>> {
    let mut skips: IndexMap<String, Vec<&CaseResult>> = IndexMap::new();
    for case in cases.iter().filter(|case| case.status == Status::Skipped) {
        let cause = without_place(skip_reason(case), &case.scenario);
        skips.entry(cause).or_default().push(case);
    }
    skips
}

/// A reason without the line of the scenario that it points to: each scenario has another one, and all one cause.
fn without_place(reason: String, scenario: &str) -> String {
    let file = format!("{scenario}.yaml:");
    let place = reason.match_indices(" (").find_map(|(from, _)| {
        let to = from + reason[from..].find(')')?;
        let (_, line) = reason[from..to].split_once(&file)?;
        line.bytes().all(|byte| byte.is_ascii_digit()).then_some(from..=to)
    });
    match place {
        Some(place) => format!("{}{}", &reason[..*place.start()], &reason[place.end() + 1..]),
        None => reason,
    }
}

/// Why a case was skipped, in one visible line.
pub(crate) fn skip_reason(case: &CaseResult) -> String {
    match &case.skipped {
        Some(reason) if !reason.trim().is_empty() => text::line(reason, 500),
        // Reports of before had no field of its own for it.
        _ => text::line(&message(case), 500),
    }
}

/// What is wrong, in a sentence.
pub(crate) fn message(case: &CaseResult) -> Cow<'_, str> {
    match &case.failure {
        Some(failure) if !failure.message.trim().is_empty() => visible(&failure.message),
        _ => Cow::Borrowed("no reason was given"),
    }
}

/// `file:line`, as far as it is known.
pub(crate) fn place(failure: &Failure) -> Option<String> {
    match (failure.file.as_str(), failure.line) {
        ("", _) => None,
        (file, 0) => Some(visible(file).into_owned()),
        (file, line) => Some(format!("{}:{line}", visible(file))),
    }
}

/// The failed step with its number, such as `4. expect shoppers`.
pub(crate) fn step(case: &CaseResult) -> Option<String> {
    let name = &case.failure.as_ref()?.step;
    if name.is_empty() {
        return None;
    }
    let name_shown = text::line(name, 300);
    Some(match case.steps.iter().rposition(|step| step.name == *name) {
        Some(at) => format!("{}. {name_shown}", at + 1),
        None => name_shown,
    })
}

/// The attempts that proved nothing, each with its case.
pub(crate) fn voids(cases: &[CaseResult]) -> impl Iterator<Item = (&CaseResult, &VoidAttempt)> {
    cases
        .iter()
        .flat_map(|case| case.voids.iter().map(move |void| (case, void)))
}

/// What a status means to somebody who reads that something is wrong.
pub(crate) fn meaning(status: Status) -> &'static str {
    match status {
        Status::Passed => "every expectation held",
        Status::Failed => "an expectation did not hold",
        Status::Errored => "the environment broke or nothing was checked, so nothing is known of the promise",
        Status::Skipped => "this runtime cannot run it",
        Status::Flaky => "failed, then passed on a retry",
    }
}

/// The whole explanation as plain text, with nothing cut.
pub(crate) fn in_full(case: &CaseResult) -> String {
    let mut out = format!(
        "{} {} after {}",
        visible(&case.id),
        case.status.word(),
        time(case.duration_ms)
    );
    if let Some(round) = case.round {
        let _ = write!(out, ", in {round}");
    }
    if case.attempts > 1 {
        let _ = write!(out, ", on attempt {}", case.attempts);
    }
    let _ = writeln!(out, "\n({})\n", meaning(case.status));
    field(&mut out, "promise", &case.promise);
    if let Some(failure) = &case.failure {
        one_failure(&mut out, failure);
    }
    field(&mut out, "reproduce", &case.reproduce);

    if !case.steps.is_empty() {
        out.push_str("\nsteps\n");
    }
    for (at, step) in case.steps.iter().enumerate() {
        let (status, took, name) = (step.status.word(), time(step.duration_ms), text::line(&step.name, 1000));
        let _ = writeln!(out, "  {:>2}. {status:<8} {took:>10}  {name}", at + 1);
    }
    for (at, failure) in case.earlier_failures.iter().enumerate() {
        let _ = writeln!(out, "\nattempt {}", at + 1);
        one_failure(&mut out, failure);
    }
    for void in &case.voids {
        let _ = writeln!(out, "\nvoid: this attempt proves nothing");
        field(&mut out, "at", &format!("{}:{}", visible(&void.file), void.line));
        field(&mut out, "why", &void.why);
        field(&mut out, "machine", &void.machine.summary());
    }
    if let Some(machine) = &case.machine {
        let _ = writeln!(out, "\nmachine    {}", machine.summary());
    }
    // Read in a log as often as in an editor.
    harmless(&out).into_owned()
}

fn one_failure(out: &mut String, failure: &Failure) {
    field(out, "step", &failure.step);
    field(out, "at", &place(failure).unwrap_or_default());
    field(out, "message", &failure.message);
    field(out, "expected", &failure.expected);
    field(out, "actual", &failure.actual);
    field(out, "mesh", &failure.hints.join("\n"));
}

fn field(out: &mut String, label: &str, value: &str) {
    let value = visible(value);
    let mut lines = value.trim_end_matches('\n').lines();
    let Some(first) = lines.next() else { return };
    let _ = writeln!(out, "{label:<9}  {first}");
    for line in lines {
        let _ = writeln!(out, "{:11}{line}", "");
    }
}

#[cfg(test)]
mod tests {
    use super::without_place;

    #[test]
    fn a_reason_loses_the_place_in_its_own_scenario_and_nothing_else() {
        let cause = |reason: &str| without_place(reason.to_owned(), "a/cut");
        assert_eq!(
            cause("needs to cut (scenarios/a/cut.yaml:12), which it cannot: no root"),
            "needs to cut, which it cannot: no root"
        );
        assert_eq!(
            cause("needs (really) to cut (/x/a/cut.yaml:7), no (root)"),
            "needs (really) to cut, no (root)"
        );
        for whole in [
            "needs to cut (scenarios/b/cut.yaml:12), no root",
            "needs to cut (scenarios/a/cut.yaml:x), no root",
            "needs to cut (scenarios/a/cut.yaml:12",
            "(",
            "",
        ] {
            assert_eq!(cause(whole), whole);
        }
    }
}
