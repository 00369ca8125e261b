//! Windows of loads.

use std::time::Duration;

use super::{
    answer::served,
    checks::{Check, Checks, Surroundings},
    disturbance::{Disturbance, Undecided, sent_too_late, would_differ},
};
use crate::{
    observation::Window,
    scenario::{quantity::TimeBound, verb::expect::ExpectStep},
    yaml::At,
};

/// What the machine may have decided of these checks of a window: an expectation of a latency that would be judged the other way
/// without what the machine can have added; and what was not sent, unless something does not hold all the same.
pub fn window_undecided(
    step: &ExpectStep,
    seen: &Window,
    checks: &[Check],
    disturbance: &Disturbance,
    surroundings: &Surroundings,
) -> Option<Undecided> {
    let less = window(step, &seen.without(|share| disturbance.delay(share)), surroundings);
    // What does not hold either way is not the machine's doing.
    if checks
        .iter()
        .zip(&less)
        .any(|(seen, less)| !seen.passed && !less.passed)
    {
        return None;
    }
    would_differ(checks, &less, &format!("up to {:.0?}", disturbance.delay(0.99)))
        .or_else(|| sent_too_late(seen.late, seen.requests).map(|why| Undecided { line: None, why }))
}

/// Whether all that does not hold of a window holds without what time limits may have made, on a machine that stood still for so long in
/// it.
pub fn window_may_be_of_limits(
    step: &ExpectStep,
    seen: &Window,
    checks: &[Check],
    (still, time): (Duration, Duration),
    surroundings: &Surroundings,
) -> bool {
    seen.without_limits(still, time).is_some_and(|less| {
        let less = window(step, &less, surroundings);
        checks.iter().zip(&less).all(|(seen, less)| seen.passed || less.passed)
    })
}

/// Holds a window of a load against the expectations of it.
pub fn window(step: &ExpectStep, seen: &Window, surroundings: &Surroundings) -> Vec<Check> {
    let (own, summary) = (|| seen.variables(), || seen.summary());
    let mut checks = Checks::new(surroundings, &own, &summary);
    let summary = seen.summary();
    // A window in which nothing was due holds nothing: "no errors" of no requests is not a promise kept.
    let some = seen.requests > 0;
    if let Some(errors) = &step.errors {
        let passed = some && errors.holds(seen.errors, seen.requests);
        checks.add(
            errors.place.line,
            passed,
            "wrong number of errors under load",
            format!("{} errors", errors.value),
            summary.clone(),
        );
    }
    if let Some(requests) = &step.requests {
        let passed = requests.holds(seen.requests as f64);
        checks.add(
            requests.place.line,
            passed,
            "wrong number of requests",
            format!("{} requests", requests.value),
            summary.clone(),
        );
    }
    for (status, share) in &step.statuses {
        let count = seen.statuses.get(&status.value).copied().unwrap_or_default();
        let passed = some && share.holds(count, seen.requests);
        let expected = format!("{share} answers with status {}", status.value);
        checks.add(
            status.place.line,
            passed,
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
            let answered = seen.has_answers();
            let passed = some && answered && bound.holds(actual);
            let actual = match answered {
                true => format!("{name} {actual:.1?}; {summary}"),
                false => format!("nothing was answered; {summary}"),
            };
            checks.add(
                bound.place.line,
                passed,
                "wrong latency under load",
                format!("{name} {}", bound.value),
                actual,
            );
        }
    }
    // Without any error there is no window of them; a lower bound says that there are some.
    let failed = seen.error_window.map_or("no request failed".to_owned(), |window| {
        format!(
            "{:.1?}, from {:.1?} to {:.1?} of the load",
            window.length(),
            window.first,
            window.last
        )
    });
    let times = [
        ("error-window", &step.error_window, seen.error_window_length(), failed),
        ("gap", &step.gap, seen.gap, format!("{:.1?}", seen.gap)),
    ];
    for (name, bound, actual, shown) in times {
        let Some(bound) = bound else { continue };
        let message = match name {
            "gap" => "no answer came for longer, or less long, than should be",
            _ => "requests failed for longer, or less long, than they should",
        };
        checks.add(
            bound.place.line,
            some && bound.holds(actual),
            message,
            format!("{name} {}", bound.value),
            format!("{name} {shown}; {summary}"),
        );
    }
    if let Some(names) = &step.served.served_by {
        let others: Vec<&str> = seen
            .answered_by
            .keys()
            .map(String::as_str)
            .filter(|pod| !names.iter().any(|name| surroundings.is(pod, name)))
            .collect();
        let passed = some && others.is_empty() && !seen.answered_by.is_empty();
        let actual = if others.is_empty() {
            summary
        } else {
            format!("also by {}; {summary}", others.join(", "))
        };
        checks.add(
            names.place.line,
            passed,
            "served by somebody else",
            format!("all served by {}", names.join(" or ")),
            actual,
        );
    }
    let unserved = match step.errors.is_some() || !step.statuses.is_empty() {
        true => 0,
        false => seen.requests.saturating_sub(seen.chains.0.values().sum()),
    };
    let pods = seen.served_by.keys().map(String::as_str);
    checks
        .all
        .extend(served(&step.served, pods, (&seen.chains, unserved), surroundings));
    checks.expressions(&step.that);
    checks.all
}
