//! Races with a timer: what a right mesh may fail, or a wrong one pass, because of how quick the machine is.

use std::time::Duration;

use serde_json::json;

use super::quantity::TimeBound;
use crate::{
    expression::{Budget, Expression, Variables},
    machine::{IN_TIME, SHORTEST_LIMIT},
    source::Place,
    yaml::At,
};

/// A latency that nobody is asked to stay below without a reason: what a machine at rest makes late now and then. What is late by
/// more does not count as sent in time.
pub const LATENCY_FLOOR: Duration = IN_TIME;

/// What ends by itself, after `initial_fetch_timeout`, while somebody looks for it.
const PASSING: [&str; 2] = ["PRE_INITIALIZING", "INITIALIZING"];

/// An expectation that races with a timer.
#[derive(Debug, Clone, PartialEq)]
pub struct Race {
    /// Where it is written.
    pub place: Place,
    /// What it leans on.
    pub timer: Timer,
}

/// What a race is with.
#[derive(Debug, Clone, PartialEq)]
pub enum Timer {
    /// A latency below [`LATENCY_FLOOR`] is asked for, as it is written.
    Latency(String),
    /// A request gets less time than a verdict bears of a busy machine ([`SHORTEST_LIMIT`]).
    Timeout(Duration),
    /// These pods' Envoys, or those of these groups, are looked at in a state that passes.
    Passing(Vec<String>, String),
}

impl Timer {
    /// What is wrong with it, in a sentence; how it is mended.
    pub fn tell(&self) -> (String, String) {
        match self {
            Self::Latency(bound) => (
                format!(
                    "`{bound}` asks for less than {LATENCY_FLOOR:?}, which a machine at rest takes now and then by itself"
                ),
                format!("ask for {LATENCY_FLOOR:?} or more, or give the step a `because`"),
            ),
            Self::Timeout(time) => (
                format!("an answer has {time:?} here: a machine that is busy for so long makes a right mesh fail"),
                format!("give it {SHORTEST_LIMIT:?} or more, or give the step a `because`"),
            ),
            Self::Passing(pods, state) => (
                format!(
                    "`{state}` of {} ends by itself, after `initial_fetch_timeout` (15 s where nothing is said): a busy machine may look \
                     too late",
                    pods.join(", ")
                ),
                "let the Envoy wait without end (`initial_fetch_timeout: 0s`), or give the step a `because`".to_owned(),
            ),
        }
    }
}

/// Latencies below the floor at which an expression is tried.
const POINTS: [u64; 7] = [0, 1, 2, 5, 10, 20, 40];

/// An upper bound of a latency that is below the floor.
pub(super) fn latency(name: &str, bound: &At<TimeBound>) -> Option<Race> {
    let is_race = bound.holds(Duration::ZERO) && !bound.holds(LATENCY_FLOOR);
    is_race.then(|| Race {
        place: bound.place,
        timer: Timer::Latency(format!("{name}: {}", bound.value)),
    })
}

/// An expression that holds without any latency, and not with the floor, whatever else is in it.
pub(super) fn expression(text: &At<String>, latencies: &[&str]) -> Option<Race> {
    let compiled = Expression::compile(text).ok()?;
    let holds = |time: Duration| {
        let ms = json!(time.as_secs_f64() * 1000.0);
        let variables: Variables = latencies.iter().map(|name| ((*name).to_owned(), ms.clone())).collect();
        compiled.truth(&variables, &Budget::default())
    };
    // What else it asks for is not known here: it is false for the latency alone, or not.
    let is_race =
        POINTS.iter().any(|ms| holds(Duration::from_millis(*ms)) != Ok(false)) && holds(LATENCY_FLOOR) == Ok(false);
    is_race.then(|| Race {
        place: text.place,
        timer: Timer::Latency(text.value.clone()),
    })
}

/// A time limit of requests that a busy machine can break.
pub(super) fn timeout(timeout: Option<&At<super::quantity::Time>>) -> Option<Race> {
    let short = timeout.filter(|time| time.0 < SHORTEST_LIMIT)?;
    Some(Race {
        place: short.place,
        timer: Timer::Timeout(short.value.0),
    })
}

/// A state that passes.
pub(super) fn passing(pods: impl Iterator<Item = String>, state: &At<String>) -> Option<Race> {
    PASSING.contains(&state.as_str()).then(|| Race {
        place: state.place,
        timer: Timer::Passing(pods.collect(), state.value.clone()),
    })
}
