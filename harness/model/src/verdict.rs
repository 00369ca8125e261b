//! Expectations held against what was seen: pure, with expected, actual, and the line that asked.

mod split;
mod stats;

use std::collections::{BTreeMap, BTreeSet};

pub use split::split;

use serde_json::Value;

use self::stats::{Counted, counted};
use crate::{
    expression::{Budget, Expression, Variables},
    observation::{Answer, EnvoyView, Response, Served, Window, shorten},
    scenario::{
        quantity::{Bound, TimeBound},
        split::strictness,
        value::OneOrMany,
        verb::{
            envoy::{Endpoints, EnvoyStep},
            expect::ExpectStep,
            request::{RequestStep, TransportError},
        },
    },
    yaml::At,
};

/// One expectation, held against what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The line of the scenario that asked for it.
    pub line: usize,
    /// Whether it holds.
    pub held: bool,
    /// What is wrong if it does not hold, in a sentence without a full stop.
    pub message: String,
    /// What was asked for.
    pub expected: String,
    /// What was seen.
    pub actual: String,
}

/// What was asked for and does not hold: an expectation, or something that the mesh was to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The line of the scenario that asked for it; none where it is the step's.
    pub line: Option<usize>,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What was asked for.
    pub expected: String,
    /// What was seen.
    pub actual: String,
}

/// So many expectations of one step that do not hold are told.
const TOLD: usize = 10;

impl Unmet {
    /// What is told by its message alone, at the line of the step.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            line: None,
            message: message.into(),
            expected: String::new(),
            actual: String::new(),
        }
    }

    /// The same, with what was seen behind this.
    #[must_use]
    pub fn after(mut self, when: &str) -> Self {
        self.actual.insert_str(0, when);
        self
    }

    /// What of these does not hold, as one: by itself where it is one, and otherwise each with its number. None if all of it holds.
    pub fn of(checks: Vec<Check>) -> Option<Self> {
        let unmet: Vec<Check> = checks.into_iter().filter(|check| !check.held).collect();
        let (first, number) = (unmet.first()?, unmet.len());
        let told = |of: fn(&Check) -> &str, with: &str| {
            let each = unmet.iter().take(TOLD).zip(1..).map(|(check, at)| match number {
                1 => of(check).to_owned(),
                _ => format!("({at}) {}", of(check)),
            });
            each.collect::<Vec<_>>().join(with)
        };
        let messages = told(|check| &check.message, "; ");
        Some(Self {
            line: Some(first.line),
            message: match number {
                1 => messages,
                2..=TOLD => format!("{number} expectations do not hold: {messages}"),
                _ => format!(
                    "{number} expectations do not hold: {messages}; and {} more",
                    number - TOLD
                ),
            },
            expected: told(|check| &check.expected, "\n"),
            actual: told(|check| &check.actual, "\n"),
        })
    }
}

/// What expectations refer to beside what was just seen.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `pods`, `params`, and what earlier steps kept.
    pub variables: Variables,
    /// The group of each pod.
    pub groups: BTreeMap<String, String>,
}

impl Surroundings {
    /// Whether `pod` is called `name`, or belongs to the group `name`.
    fn is(&self, pod: &str, name: &str) -> bool {
        pod == name || self.groups.get(pod).is_some_and(|group| group == name)
    }

    fn of_group<'a>(&self, seen: impl IntoIterator<Item = &'a str>, group: &str) -> BTreeSet<&'a str> {
        seen.into_iter().filter(|pod| self.is(pod, group)).collect()
    }
}

/// Gathers checks.
struct Checks<'a> {
    surroundings: &'a Surroundings,
    own: Variables,
    /// What all expressions together may do.
    budget: Budget,
    all: Vec<Check>,
}

impl<'a> Checks<'a> {
    fn new(surroundings: &'a Surroundings, own: Variables) -> Self {
        Self {
            surroundings,
            own,
            budget: Budget::default(),
            all: Vec::new(),
        }
    }

    fn add(&mut self, line: usize, held: bool, message: &str, expected: impl Into<String>, actual: impl Into<String>) {
        let (message, expected, actual) = (message.to_owned(), expected.into(), actual.into());
        self.all.push(Check {
            line,
            held,
            message,
            expected,
            actual,
        });
    }

    fn expressions(&mut self, expressions: &OneOrMany<At<String>>) {
        if expressions.is_empty() {
            return;
        }
        let mut variables = self.surroundings.variables.clone();
        variables.extend(self.own.clone());
        for text in expressions.iter() {
            let outcome = match Expression::compile(text) {
                Ok(expression) => expression
                    .holds(&variables, &self.budget)
                    .map_err(|unheld| unheld.actual),
                Err(error) => Err(format!("not a CEL expression: {}", error.message)),
            };
            let held = outcome.is_ok();
            self.add(
                text.place.line,
                held,
                "the expression is not true",
                text.value.clone(),
                outcome.err().unwrap_or_default(),
            );
        }
    }
}

/// Holds one answer against a request's expectations, all but `distinct` and `split`.
pub fn response(step: &RequestStep, seen: &Response, surroundings: &Surroundings) -> Vec<Check> {
    let mut checks = Checks::new(surroundings, seen.variables());
    let summary = seen.summary();
    if let Some(error) = &step.error {
        let held = seen.outcome.as_ref().is_err_and(|none| {
            none.kind
                .is_some_and(|kind| error.value == TransportError::Any || kind == error.value)
        });
        let expected = format!("no answer: {}", error_word(error.value));
        checks.add(
            error.place.line,
            held,
            "the request did not fail as it should",
            expected,
            summary.clone(),
        );
    }
    let answer = seen.outcome.as_ref().ok();
    if let Some(status) = &step.status {
        let held = answer.is_some_and(|answer| status.0.contains(&answer.status));
        checks.add(
            status.place.line,
            held,
            "wrong status",
            format!("status {}", status.value),
            summary.clone(),
        );
    }
    for (name, value) in &step.response_headers {
        let actual = answer.and_then(|answer| answer.headers.get(&name.to_lowercase()));
        let show = |value: Option<&String>| {
            value.map_or_else(
                || format!("no header {}", name.value),
                |v| format!("{}: {v}", name.value),
            )
        };
        let held = answer.is_some() && actual == value.as_ref();
        let seen = if answer.is_some() {
            show(actual)
        } else {
            summary.clone()
        };
        checks.add(
            name.place.line,
            held,
            "wrong header in the answer",
            show(value.as_ref()),
            seen,
        );
    }
    if let Some(text) = &step.text {
        let held = answer.is_some_and(|answer| answer.text == text.value);
        checks.add(text.place.line, held, "wrong body", text.value.clone(), summary.clone());
    }
    if let Some(parts) = &step.contains {
        for part in parts.iter() {
            let held = answer.is_some_and(|answer| answer.text.contains(part));
            checks.add(
                parts.place.line,
                held,
                "the body lacks a part",
                format!("a body with {part}"),
                summary.clone(),
            );
        }
    }
    if let Some(json) = &step.json {
        let outcome = match answer.map(|answer| answer.json()) {
            Some(Some(actual)) => differs(&json.0, &actual, "").map_or(Ok(()), Err),
            Some(None) if answer.is_some_and(Answer::is_too_large) => {
                Err(format!("a body that is too large to be read as JSON: {summary}"))
            }
            Some(None) => Err(format!("a body that is not JSON: {summary}")),
            None => Err(summary.clone()),
        };
        let held = outcome.is_ok();
        checks.add(
            json.place.line,
            held,
            "the JSON body lacks a part",
            json.0.to_string(),
            outcome.err().unwrap_or_default(),
        );
    }
    if let Some(names) = &step.served_by {
        let by = answer.and_then(|answer| answer.served_by().first().map(|&pod| pod.to_owned()));
        let held = by
            .as_deref()
            .is_some_and(|pod| names.iter().any(|name| surroundings.is(pod, name)));
        let expected = format!("served by {}", names.join(" or "));
        checks.add(names.place.line, held, "served by somebody else", expected, summary);
    }
    checks.expressions(&step.that);
    checks.all
}

/// Holds who took part in answering, over all answers of a step, against `distinct` and `split`.
pub fn took_part(step: &RequestStep, seen: &Served, surroundings: &Surroundings) -> Vec<Check> {
    let distinct = step.distinct.iter();
    let distinct = distinct.map(|(group, bound)| distinct_check(group, *bound, surroundings, seen.pods().into_iter()));
    let mut checks: Vec<Check> = distinct.collect();
    if let Some(wanted) = &step.split {
        let (false_alarm, misses) = (step.false_alarm.as_ref(), step.misses.as_ref());
        let (false_alarm, misses) = (false_alarm.map(|at| at.value), misses.map(|at| at.value));
        checks.push(split(wanted, false_alarm, misses, seen, surroundings));
    }
    checks
}

fn distinct_check<'a>(
    group: &At<String>,
    bound: Bound,
    surroundings: &Surroundings,
    seen: impl Iterator<Item = &'a str>,
) -> Check {
    let pods = surroundings.of_group(seen, group);
    let names: Vec<&str> = pods.iter().copied().collect();
    Check {
        line: group.place.line,
        held: bound.holds(pods.len() as f64),
        message: format!("not as many pods of `{}` served as should", group.value),
        expected: format!("{bound} different pods of `{}`", group.value),
        actual: format!(
            "{}: {}",
            names.len(),
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        ),
    }
}

fn error_word(error: TransportError) -> &'static str {
    match error {
        TransportError::Refused => "refused",
        TransportError::Reset => "reset",
        TransportError::Timeout => "timeout",
        TransportError::Any => "for any reason",
    }
}

/// Where `actual` lacks what `expected` has: objects may have more keys, everything else is equal.
fn differs(expected: &Value, actual: &Value, path: &str) -> Option<String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => expected.iter().find_map(|(key, value)| {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            match actual.get(key) {
                Some(actual) => differs(value, actual, &path),
                None => Some(format!(
                    "`{path}` is not there; there are: {}",
                    actual.keys().cloned().collect::<Vec<_>>().join(", ")
                )),
            }
        }),
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => expected
            .iter()
            .zip(actual)
            .enumerate()
            .find_map(|(i, (e, a))| differs(e, a, &format!("{path}[{i}]"))),
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => None,
        _ if expected == actual => None,
        _ if path.is_empty() => Some(shorten(&actual.to_string(), 300)),
        _ => Some(format!("`{path}` is {}", shorten(&actual.to_string(), 300))),
    }
}

/// Holds a window of a load against the expectations of it.
pub fn window(step: &ExpectStep, seen: &Window, surroundings: &Surroundings) -> Vec<Check> {
    let mut checks = Checks::new(surroundings, seen.variables());
    let summary = seen.summary();
    // A window in which nothing was due holds nothing: "no errors" of no requests is not a promise kept.
    let some = seen.requests > 0;
    if let Some(errors) = &step.errors {
        let held = some && errors.holds(seen.errors, seen.requests);
        checks.add(
            errors.place.line,
            held,
            "wrong number of errors under load",
            format!("{} errors", errors.value),
            summary.clone(),
        );
    }
    if let Some(requests) = &step.requests {
        let held = requests.holds(seen.requests as f64);
        checks.add(
            requests.place.line,
            held,
            "wrong number of requests",
            format!("{} requests", requests.value),
            summary.clone(),
        );
    }
    for (status, share) in &step.statuses {
        let count = seen.statuses.get(&status.value).copied().unwrap_or_default();
        let held = some && share.holds(count, seen.requests);
        let expected = format!("{share} answers with status {}", status.value);
        checks.add(
            status.place.line,
            held,
            "wrong number of answers with a status",
            expected,
            format!("{count}; {summary}"),
        );
    }
    let latency = seen.latency;
    let quantiles: [(&str, &Option<At<TimeBound>>, _); 4] = [
        ("p50", &step.p50, latency.p50),
        ("p95", &step.p95, latency.p95),
        ("p99", &step.p99, latency.p99),
        ("max", &step.max, latency.max),
    ];
    for (name, bound, actual) in quantiles {
        if let Some(bound) = bound {
            let held = some && bound.holds(actual);
            checks.add(
                bound.place.line,
                held,
                "wrong latency under load",
                format!("{name} {}", bound.value),
                format!("{name} {actual:.1?}; {summary}"),
            );
        }
    }
    if let Some(names) = &step.served_by {
        let others: Vec<&str> = seen
            .answered_by
            .keys()
            .map(String::as_str)
            .filter(|pod| !names.iter().any(|name| surroundings.is(pod, name)))
            .collect();
        let held = some && others.is_empty() && !seen.answered_by.is_empty();
        let actual = if others.is_empty() {
            summary
        } else {
            format!("also by {}; {summary}", others.join(", "))
        };
        checks.add(
            names.place.line,
            held,
            "served by somebody else",
            format!("all served by {}", names.join(" or ")),
            actual,
        );
    }
    for (group, bound) in &step.distinct {
        checks.all.push(distinct_check(
            group,
            *bound,
            surroundings,
            seen.served_by.keys().map(String::as_str),
        ));
    }
    if let Some(wanted) = &step.split {
        let (false_alarm, misses) = (step.false_alarm.as_ref(), step.misses.as_ref());
        let (false_alarm, misses) = (false_alarm.map(|at| at.value), misses.map(|at| at.value));
        checks
            .all
            .push(split(wanted, false_alarm, misses, &seen.chains, surroundings));
    }
    checks.expressions(&step.that);
    checks.all
}

/// Holds what the Envoy of `pod` says against the expectations of it.
pub fn envoy(
    step: &EnvoyStep,
    pod: &str,
    seen: &EnvoyView,
    since: Option<&EnvoyView>,
    surroundings: &Surroundings,
) -> Vec<Check> {
    let mut checks = Checks::new(surroundings, seen.variables());
    if let Some(ready) = &step.ready {
        let message = format!("the Envoy of {pod} is not in the state that it should be in");
        checks.add(
            ready.place.line,
            seen.ready == ready.value,
            &message,
            ready.value.clone(),
            seen.ready.clone(),
        );
    }
    for (cluster, endpoints) in &step.endpoints {
        let actual: BTreeSet<&str> = seen
            .endpoints
            .get(&cluster.value)
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let (held, expected) = match endpoints {
            Endpoints::Count(count) => (actual.len() == *count as usize, format!("{count} endpoints")),
            Endpoints::Pods(pods) => {
                let pods: BTreeSet<&str> = pods.iter().map(String::as_str).collect();
                let wanted = |name: &&str| pods.iter().any(|pod| surroundings.is(name, pod));
                let all = pods
                    .iter()
                    .all(|pod| actual.iter().any(|name| surroundings.is(name, pod)));
                (all && actual.iter().all(wanted), show_names(&pods))
            }
        };
        let exists = seen.endpoints.contains_key(&cluster.value);
        let actual = match (exists, seen.ready.as_str()) {
            (true, _) => show_names(&actual),
            (false, "unreachable") => "its admin interface cannot be reached".to_owned(),
            (false, _) => format!(
                "no cluster `{}`; there are: {}",
                cluster.value,
                seen.endpoints.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
        };
        let message = format!("the Envoy of {pod} has other endpoints in cluster `{}`", cluster.value);
        checks.add(cluster.place.line, held && exists, &message, expected, actual);
    }
    let reachable = seen.ready != "unreachable";
    let no_admin = || "its admin interface cannot be reached".to_owned();
    for (name, bound) in &step.stats {
        let before = since.map(|since| since.stats.get(&name.value).copied().unwrap_or_default());
        let now = counted(seen, &name.value);
        let value = now.number().map(|now| now - before.unwrap_or_default());
        let actual = match (reachable, &now, before) {
            (false, ..) => no_admin(),
            (_, Counted::Unknown(why), _) => why.clone(),
            (_, Counted::NotYet, _) => format!("0 (Envoy has not made `{}` yet)", name.value),
            (_, Counted::Number(now), Some(before)) => format!("{} (from {before} to {now})", now - before),
            (_, Counted::Number(now), None) => now.to_string(),
        };
        let message = format!("`{}` of the Envoy of {pod} is not what it should be", name.value);
        checks.add(
            name.place.line,
            reachable && value.is_some_and(|value| bound.holds(value)),
            &message,
            bound.to_string(),
            actual,
        );
    }
    if let Some(wanted) = &step.share {
        let count = |name: &str| {
            let before = since.and_then(|since| since.stats.get(name)).copied();
            match counted(seen, name) {
                _ if !reachable => Err(no_admin()),
                Counted::Unknown(why) => Err(format!("`{name}`: {why}")),
                now => Ok(now.number().unwrap_or_default() - before.unwrap_or_default()),
            }
        };
        let strict = strictness(
            step.false_alarm.as_ref().map(|at| at.value),
            step.misses.as_ref().map(|at| at.value),
        );
        let mut check = match (count(&wanted.part), count(&wanted.of)) {
            (Ok(part), Ok(of)) => split::share(wanted.place.line, wanted, strict, part, of),
            (Err(why), _) | (_, Err(why)) => Check {
                line: wanted.place.line,
                held: false,
                message: "the share of a counter cannot be told".to_owned(),
                expected: format!("`{}` is {} of `{}`", wanted.part.value, wanted.is, wanted.of.value),
                actual: why,
            },
        };
        check.message = format!("{} (the Envoy of {pod})", check.message);
        checks.all.push(check);
    }
    checks.expressions(&step.that);
    checks.all
}

fn show_names(names: &BTreeSet<&str>) -> String {
    if names.is_empty() {
        "no endpoints".to_owned()
    } else {
        names.iter().copied().collect::<Vec<_>>().join(", ")
    }
}

/// Holds expressions over the surroundings alone.
pub fn expressions(expressions: &OneOrMany<At<String>>, surroundings: &Surroundings) -> Vec<Check> {
    let mut checks = Checks::new(surroundings, Variables::new());
    checks.expressions(expressions);
    checks.all
}

#[cfg(test)]
mod tests;
