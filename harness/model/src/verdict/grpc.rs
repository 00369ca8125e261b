//! Calls of gRPC, held against what is expected of how they end.

use serde_json::Value;

use super::{
    answer::{differs, hold, served},
    checks::{Check, Checks, Surroundings},
    disturbance::{Disturbance, Undecided, would_differ},
    text::matches,
};
use crate::{
    observation::{Call, Served},
    scenario::verb::grpc::GrpcStep,
    shorten::shorten,
};

/// Holds one call against a step's expectations, all but `distinct` and `split`.
pub fn grpc(step: &GrpcStep, seen: &Call, surroundings: &Surroundings) -> Vec<Check> {
    let (own, summary) = (|| seen.variables(), || seen.summary());
    let mut checks = Checks::new(surroundings, &own, &summary);
    if let Some(error) = &step.error {
        let none = seen.response.outcome.as_ref().err();
        let passed = none.and_then(|none| none.kind).is_some_and(|kind| error.value.is(kind));
        let expected = format!("no answer: {}", error.value);
        checks.add(
            error.place.line,
            passed,
            "the call did not fail as it should",
            expected,
            seen.summary(),
        );
    }
    if let Some(status) = &step.status {
        let passed = seen.ended.as_ref().is_some_and(|ended| status.0.contains(&ended.code));
        let expected = format!("status {}", status.value);
        checks.add(status.place.line, passed, "wrong status", expected, seen.summary());
    }
    if let Some(text) = &step.status_message {
        let ended = seen.ended.as_ref();
        let passed = ended.is_some_and(|ended| matches(&text.value, &ended.message).is_ok());
        let expected = text.value.to_string();
        checks.add(
            text.place.line,
            passed,
            "wrong message of the status",
            expected,
            seen.summary(),
        );
    }
    if let Some(reply) = &step.reply {
        replies(&mut checks, reply.place.line, &[&reply.value.0], seen);
    }
    if let Some(all) = &step.replies {
        let expected: Vec<&Value> = all.iter().map(|json| &json.0).collect();
        replies(&mut checks, all.place.line, &expected, seen);
    }
    hold(&mut checks, &step.of_http(), &seen.response, &seen.summary());
    if let Some(names) = &step.served.served_by {
        let by = seen.served_by();
        let passed = by
            .first()
            .is_some_and(|pod| names.iter().any(|name| surroundings.is(pod, name)));
        let expected = format!("served by {}", names.join(" or "));
        checks.add(
            names.place.line,
            passed,
            "served by somebody else",
            expected,
            seen.summary(),
        );
    }
    checks.expressions(&step.that);
    checks.all
}

/// The messages that came are as many as these, and each has at least what it has to.
fn replies(checks: &mut Checks<'_>, line: usize, expected: &[&Value], seen: &Call) {
    let number = |number: usize| match number {
        1 => "one reply".to_owned(),
        number => format!("{number} replies"),
    };
    if expected.len() != seen.replies.len() {
        let actual = format!("{}: {}", number(seen.replies.len()), seen.summary());
        checks.add(line, false, "wrong number of replies", number(expected.len()), actual);
        return;
    }
    let mut wrong = expected.iter().zip(&seen.replies).enumerate();
    let wrong = wrong.find_map(|(at, (expected, actual))| Some((at, expected, differs(expected, actual, "")?)));
    match wrong {
        None => checks.add(line, true, "a reply lacks a part", number(expected.len()), ""),
        Some((at, expected, why)) => {
            let expected = format!("reply {} with {}", at + 1, shorten(&expected.to_string(), 300));
            let actual = format!("{why}; seen: {}", seen.summary());
            checks.add(line, false, "a reply lacks a part", expected, actual);
        }
    }
}

/// What the machine may have decided of these checks of a call, as of an answer.
pub fn grpc_undecided(
    step: &GrpcStep,
    seen: &Call,
    checks: &[Check],
    disturbance: &Disturbance,
    surroundings: &Surroundings,
) -> Option<Undecided> {
    let stall = disturbance.stall();
    let mut less = seen.clone();
    less.response = less.response.without(stall);
    let less = grpc(step, &less, surroundings);
    // What does not hold either way is not the machine's doing.
    if checks
        .iter()
        .zip(&less)
        .any(|(seen, less)| !seen.passed && !less.passed)
    {
        return None;
    }
    would_differ(checks, &less, &format!("up to {stall:.0?}"))
}

/// Holds who took part, over all calls of a step, against `distinct` and `split`.
pub fn grpc_took_part(step: &GrpcStep, seen: &Served, surroundings: &Surroundings) -> Vec<Check> {
    let sent = step.times.as_ref().map_or(1, |times| u64::from(times.value));
    // Where something is said of each call, that of nobody was judged by it.
    let unserved = match step.expects_answer() {
        true => 0,
        false => sent.saturating_sub(seen.0.values().sum()),
    };
    served(&step.served, seen.pods(), (seen, unserved), surroundings)
}
