//! Bytes over connections, and requests sent byte by byte, held against what is expected of what comes.

use super::{
    answer::hold,
    checks::{Check, Checks, Surroundings},
    disturbance::{Disturbance, Undecided, would_differ},
};
use crate::{
    observation::{PeerEnd, RawAnswers, Transfer},
    scenario::{
        ends::{Ends, ReceivedBytes},
        octets::shown,
        verb::{raw::RawStep, tcp::TcpStep},
    },
    yaml::At,
};

/// Holds what came over a connection against a step's expectations.
pub fn tcp(step: &TcpStep, seen: &Transfer, surroundings: &Surroundings) -> Vec<Check> {
    let (own, summary) = (|| seen.variables(), || seen.summary());
    let mut checks = Checks::new(surroundings, &own, &summary);
    let came = seen.outcome.as_ref().ok();
    if let Some(error) = &step.error {
        let none = seen.outcome.as_ref().err();
        let passed = none.and_then(|none| none.kind).is_some_and(|kind| error.value.is(kind));
        let expected = format!("no connection: {}", error.value);
        let message = "the connection did not fail as it should";
        checks.add(error.place.line, passed, message, expected, seen.summary());
    }
    if let Some(receive) = &step.receive {
        let passed = came.is_some_and(|came| is(&receive.value, &came.bytes, step.ends.is_some()));
        let (line, expected) = (receive.place.line, receive.value.to_string());
        let message = "what came is not what had to come";
        checks.add(line, passed, message, expected, seen.summary());
    }
    ends(
        &mut checks,
        step.ends.as_ref(),
        came.map(|came| came.end),
        &seen.summary(),
    );
    checks.expressions(&step.that);
    checks.all
}

/// Whether these bytes are what had to come. Where the end was waited for, they are all that came.
fn is(expected: &ReceivedBytes, bytes: &[u8], is_all: bool) -> bool {
    match expected {
        ReceivedBytes::Exactly(own) => own.0 == bytes,
        ReceivedBytes::Contains(part) => bytes.windows(part.0.len().max(1)).any(|window| window == part.0),
        ReceivedBytes::Number(number) if is_all => bytes.len() == *number,
        ReceivedBytes::Number(number) => bytes.len() >= *number,
    }
}

fn ends(checks: &mut Checks<'_>, expected: Option<&At<Ends>>, actual: Option<PeerEnd>, summary: &str) {
    let Some(expected) = expected else { return };
    let passed = actual.is_some_and(|end| expected.value.is(end));
    let (line, words) = (expected.place.line, expected.value.to_string());
    checks.add(line, passed, "the connection did not end so", words, summary);
}

/// Holds the answers to requests that were sent byte by byte against a step's expectations.
pub fn raw(step: &RawStep, seen: &RawAnswers, surroundings: &Surroundings) -> Vec<Check> {
    let (own, summary) = (|| seen.variables(), || seen.summary());
    let mut checks = Checks::new(surroundings, &own, &summary);
    if let Some(error) = &step.error {
        let none = seen.none.as_ref();
        let passed = none.and_then(|none| none.kind).is_some_and(|kind| error.value.is(kind));
        let expected = format!("no answer: {}", error.value);
        let message = "the request did not fail as it should";
        checks.add(error.place.line, passed, message, expected, seen.summary());
    }
    if let Some(statuses) = &step.statuses {
        let passed = statuses.len() == seen.answers.len()
            && statuses
                .iter()
                .zip(&seen.answers)
                .all(|(own, answer)| own.0.contains(&answer.status));
        let words: Vec<String> = statuses.iter().map(ToString::to_string).collect();
        let expected = format!("the statuses {}", words.join(", "));
        let message = "the answers have other statuses";
        checks.add(statuses.place.line, passed, message, expected, seen.summary());
    }
    hold(&mut checks, &step.answer, &seen.last(), &seen.summary());
    ends(&mut checks, step.ends.as_ref(), Some(seen.end), &end_of(seen));
    checks.expressions(&step.answer.that);
    checks.all
}

/// How requests ended, where nothing was to be answered.
fn end_of(seen: &RawAnswers) -> String {
    match seen.none.as_ref().filter(|none| none.kind.is_none()) {
        Some(none) => format!("{}: {}", seen.summary(), shown(none.message.as_bytes())),
        None => seen.summary(),
    }
}

/// What the machine may have decided of these checks of a connection, as of an answer.
pub fn tcp_undecided(
    step: &TcpStep,
    seen: &Transfer,
    checks: &[Check],
    disturbance: &Disturbance,
    surroundings: &Surroundings,
) -> Option<Undecided> {
    let stall = disturbance.stall();
    let mut less = seen.clone();
    less.took = less.took.saturating_sub(stall);
    undecided(checks, &tcp(step, &less, surroundings), stall)
}

/// What the machine may have decided of these checks of requests, as of an answer.
pub fn raw_undecided(
    step: &RawStep,
    seen: &RawAnswers,
    checks: &[Check],
    disturbance: &Disturbance,
    surroundings: &Surroundings,
) -> Option<Undecided> {
    let stall = disturbance.stall();
    let mut less = seen.clone();
    less.took = less.took.saturating_sub(stall);
    undecided(checks, &raw(step, &less, surroundings), stall)
}

/// What does not hold either way is not the machine's doing.
fn undecided(checks: &[Check], less: &[Check], stall: std::time::Duration) -> Option<Undecided> {
    let either_way = |(seen, less): (&Check, &Check)| !seen.passed && !less.passed;
    if checks.iter().zip(less).any(either_way) {
        return None;
    }
    would_differ(checks, less, &format!("up to {stall:.0?}"))
}
