//! Holding the invariants against a case that has ended.

use std::time::Instant;

use meshkat_driver::Tally;
use meshkat_model::{
    case::Case,
    invariant::{Invariant, OPEN_FOR},
    results::{Failure, Status},
};

use super::{
    breach::{Between, Breach},
    crash, error_log, growth, hang, miscount, nack, panic,
};
use crate::{
    case::Attempt,
    mesh::{RunningMesh, seen::Seen},
    sink::Sink,
    wait,
};

/// More would hide the one that matters.
const TOLD: usize = 10;

/// Where in the page of the reference it is said.
const REFERENCE: &str = "docs/reference/invariants.md";

/// Holds the invariants against what `case` left of the mesh, and remembers that for the next case, which gets another mesh if one
/// broke. An attempt that passed has failed if
/// one broke. What broke under one that had not passed is given back, as hints: there, what may need a while is not waited for.
pub(crate) async fn judge(
    mesh: &RunningMesh,
    case: &Case,
    tally: &Tally,
    attempt: &mut Attempt,
    sink: &Sink,
) -> Vec<String> {
    let before = mesh.last_seen();
    let causes = case.causes();
    let has_passed = attempt.status == Status::Passed;
    let look = || async {
        let after = mesh.see(&before, tally).await;
        let mut found = breaches(&Between {
            before: &before,
            after: &after,
            causes: &causes,
            most_open: tally.most_open(),
        });
        found.retain(|breach| !is_allowed(case, breach) && (has_passed || is_final(breach)));
        match found.iter().any(|breach| breach.may_pass) {
            true => Err((after, found)),
            false => Ok((after, found)),
        }
    };
    let deadline = Instant::now() + OPEN_FOR;
    let (after, found) = wait::until(deadline, look).await.unwrap_or_else(|last| last);
    if is_blind(&after) {
        sink.warn_once(format!(
            "the invariant `{}` is not looked at: this runtime does not tell how many files and how much memory a container has",
            Invariant::Growth
        ));
    }
    mesh.was_seen(after);
    if found.is_empty() {
        return Vec::new();
    }
    mesh.is_not_to_be_trusted();
    if !has_passed {
        let tell = |breach: &Breach| format!("an invariant broke, too ({}): {}", breach.invariant, breach.evidence);
        return found.iter().take(TOLD).map(tell).collect();
    }
    attempt.status = Status::Failed;
    attempt.failure = Some(failure(case, &found));
    vec![format!(
        "a case that does this on purpose says so, and why: `allows: [{{invariant: {}, because: …}}]`; see {REFERENCE}",
        found[0].invariant
    )]
}

/// All that broke.
pub(super) fn breaches(between: &Between<'_>) -> Vec<Breach> {
    let mut found = crash::breaches(between);
    found.extend(nack::breaches(between));
    found.extend(panic::breaches(between));
    found.extend(error_log::breaches(between));
    found.extend(miscount::breaches(between));
    found.extend(hang::breaches(between));
    found.extend(growth::breaches(between));
    found
}

fn is_allowed(case: &Case, breach: &Breach) -> bool {
    let mut allows = case.allows.iter();
    allows.any(|allowance| allowance.covers(breach.invariant, &breach.pod, &breach.group, &breach.line))
}

/// Whether it says more of a case that did not come to its end. That a container has crashed is told by the step, or with it.
fn is_final(breach: &Breach) -> bool {
    matches!(
        breach.invariant,
        Invariant::Nack | Invariant::ErrorLog | Invariant::Panic
    )
}

/// Whether nothing is told of what any container has of its machine, though there are some that run.
fn is_blind(seen: &Seen) -> bool {
    let containers = seen
        .pods
        .values()
        .flat_map(|pod| [&pod.application, &pod.envoy])
        .flatten();
    let mut running = containers.filter(|container| container.instance.is_some()).peekable();
    running.peek().is_some() && running.all(|container| container.usage.is_none())
}

fn failure(case: &Case, found: &[Breach]) -> Failure {
    let mut broken: Vec<Invariant> = found.iter().map(|breach| breach.invariant).collect();
    broken.sort_unstable();
    broken.dedup();
    let names: Vec<&str> = broken.iter().map(|invariant| invariant.name()).collect();
    let what = match names.as_slice() {
        [_] => "an invariant".to_owned(),
        several => format!("{} invariants", several.len()),
    };
    let rules: Vec<&str> = broken.iter().map(|invariant| invariant.rule()).collect();
    let mut evidence: Vec<&str> = found.iter().take(TOLD).map(|breach| breach.evidence.as_str()).collect();
    let more = format!("and {} more", found.len().saturating_sub(TOLD));
    if found.len() > TOLD {
        evidence.push(&more);
    }
    Failure {
        step: "after the last step".to_owned(),
        file: case.source.name().to_owned(),
        line: 1,
        message: format!("the promise held, but {what} broke: {}", names.join(", ")),
        expected: rules.join("\n"),
        actual: evidence.join("\n"),
        hints: Vec::new(),
    }
}
