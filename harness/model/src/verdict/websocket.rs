//! WebSockets, held against what is expected of what comes over them.

use super::{
    answer::hold,
    checks::{Check, Checks, Surroundings},
    disturbance::{Disturbance, Undecided, would_differ},
    text::matches,
};
use crate::{
    observation::{Conversation, Frame},
    scenario::{frames::ReceivedFrame, octets::shown, value::Statuses, verb::websocket::WebsocketStep},
    yaml::At,
};

/// Holds a WebSocket against a step's expectations.
pub fn websocket(step: &WebsocketStep, seen: &Conversation, surroundings: &Surroundings) -> Vec<Check> {
    let (own, summary) = (|| seen.variables(), || seen.summary());
    let mut checks = Checks::new(surroundings, &own, &summary);
    if let Some(error) = &step.error {
        let none = seen.response.outcome.as_ref().err();
        let passed = none.and_then(|none| none.kind).is_some_and(|kind| error.value.is(kind));
        let expected = format!("no answer: {}", error.value);
        let message = "the upgrade did not fail as it should";
        checks.add(error.place.line, passed, message, expected, seen.summary());
    }
    let mut answer = step.answer.clone();
    let says_what_comes =
        step.receive.is_some() || step.close.is_some() || step.close_reason.is_some() || step.subprotocol.is_some();
    if answer.status.is_none() && (says_what_comes || answer.expects_answer()) {
        // What is expected of a WebSocket is not to be had of an upgrade that was refused.
        answer.status = Some(At {
            place: step.websocket.place,
            value: Statuses(vec![101]),
        });
    }
    hold(&mut checks, &answer, &seen.response, &seen.summary());
    if let Some(chosen) = &step.subprotocol {
        let actual = seen.is_open().then(|| seen.subprotocol().unwrap_or("none"));
        let told = actual.map_or_else(|| seen.summary(), |actual| format!("subprotocol {actual}"));
        checks.add(
            chosen.place.line,
            actual == Some(chosen.value.as_str()),
            "another subprotocol was chosen",
            format!("subprotocol {}", chosen.value),
            told,
        );
    }
    if let Some(receive) = &step.receive {
        received(&mut checks, step, receive, seen);
    }
    if let Some(code) = &step.close {
        let passed = seen.close.as_ref().is_some_and(|close| close.code == code.value);
        let expected = format!("closed with {}", code.value);
        checks.add(
            code.place.line,
            passed,
            "the WebSocket did not end so",
            expected,
            seen.summary(),
        );
    }
    if let Some(reason) = &step.close_reason {
        let close = seen.close.as_ref();
        let passed = close.is_some_and(|close| matches(&reason.value, &close.reason).is_ok());
        let expected = format!("the reason {}", reason.value);
        checks.add(
            reason.place.line,
            passed,
            "the WebSocket ended for another reason",
            expected,
            seen.summary(),
        );
    }
    checks.expressions(&step.answer.that);
    checks.all
}

/// What came is what had to come, in its order. Pings and pongs are passed over where none is expected; and where nobody waited for the
/// end, so is what comes behind the last that is expected.
fn received(
    checks: &mut Checks<'_>,
    step: &WebsocketStep,
    receive: &At<crate::scenario::value::OneOrMany<ReceivedFrame>>,
    seen: &Conversation,
) {
    let line = receive.place.line;
    let is_expected = |frame: &&Frame| match frame {
        Frame::Text(_) | Frame::Binary(_) => true,
        Frame::Ping(_) => receive.iter().any(|own| matches!(own, ReceivedFrame::Ping(_))),
        Frame::Pong(_) => receive.iter().any(|own| matches!(own, ReceivedFrame::Pong(_))),
    };
    let mut came = seen.received.iter().filter(is_expected);
    for (number, expected) in receive.iter().enumerate() {
        let expected_words = format!("message {}: {expected}", number + 1);
        let why = match came.next() {
            None => Some(format!("there is none: {}", seen.summary())),
            Some(frame) => differs(expected, frame).map(|what| format!("{what}; seen: {}", seen.summary())),
        };
        if let Some(why) = why {
            checks.add(line, false, "what came is not what had to come", expected_words, why);
            return;
        }
    }
    let expected = match receive.len() {
        1 => "one message".to_owned(),
        number => format!("{number} messages"),
    };
    let more = came.next().filter(|_| step.awaits_a_close());
    let actual = more.map_or_else(String::new, |more| format!("also {more}; seen: {}", seen.summary()));
    checks.add(line, more.is_none(), "more came than had to come", expected, actual);
}

/// What a frame is instead.
fn differs(expected: &ReceivedFrame, actual: &Frame) -> Option<String> {
    match (expected, actual) {
        (ReceivedFrame::Text(expected), Frame::Text(actual)) => matches(expected, actual).err(),
        (ReceivedFrame::Binary(expected), Frame::Binary(actual)) => {
            (expected.0 != *actual).then(|| format!("binary {}", shown(actual)))
        }
        (ReceivedFrame::Ping(expected), Frame::Ping(actual)) | (ReceivedFrame::Pong(expected), Frame::Pong(actual)) => {
            (expected.0 != *actual).then(|| shown(actual))
        }
        _ => Some(actual.to_string()),
    }
}

/// What the machine may have decided of these checks, as of an answer.
pub fn websocket_undecided(
    step: &WebsocketStep,
    seen: &Conversation,
    checks: &[Check],
    disturbance: &Disturbance,
    surroundings: &Surroundings,
) -> Option<Undecided> {
    let stall = disturbance.stall();
    let mut less = seen.clone();
    less.response = less.response.without(stall);
    let less = websocket(step, &less, surroundings);
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
