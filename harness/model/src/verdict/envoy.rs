//! What Envoys say of themselves.

use std::collections::BTreeSet;

use super::{
    checks::{Check, Checks, Surroundings},
    split,
    stats::{Counted, counted},
};
use crate::{
    observation::EnvoyView,
    scenario::{
        split::strictness,
        verb::envoy::{Endpoints, EnvoyStep, is_gauge},
    },
};

/// Holds what the Envoy of `pod` says against the expectations of it.
pub fn envoy(
    step: &EnvoyStep,
    pod: &str,
    seen: &EnvoyView,
    since: Option<&EnvoyView>,
    surroundings: &Surroundings,
) -> Vec<Check> {
    let own = || seen.variables();
    let mut checks = Checks::new(surroundings, &own, &String::new);
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
        let (passed, expected) = match endpoints {
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
        checks.add(cluster.place.line, passed && exists, &message, expected, actual);
    }
    let reachable = seen.ready != "unreachable";
    let began_again = since.is_some_and(|since| since.life.is_some() && seen.life.is_some() && since.life != seen.life);
    let no_admin = || "its admin interface cannot be reached".to_owned();
    for (name, bound) in &step.stats {
        let before = since.map(|since| since.stats.get(&name.value).copied().unwrap_or_default());
        let now = counted(seen, &name.value);
        let value = since_then(&name.value, now.number(), before).filter(|_| !began_again);
        let actual = match (reachable, &now, before) {
            (false, ..) => no_admin(),
            (true, ..) if began_again => BEGAN_AGAIN.to_owned(),
            (_, Counted::Unknown(why), _) => why.clone(),
            (_, now, Some(before)) if value.is_none() => fell(before, now.number()),
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
                _ if began_again => Err(BEGAN_AGAIN.to_owned()),
                Counted::Unknown(why) => Err(format!("`{name}`: {why}")),
                now => {
                    let value = since_then(name, now.number(), before);
                    value.ok_or_else(|| format!("`{name}`: {}", fell(before.unwrap_or_default(), now.number())))
                }
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
                passed: false,
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

/// What was counted before belongs to an Envoy that is not there any more.
const BEGAN_AGAIN: &str = "the Envoy began again in between, and counts from 0: say what it counted without `since`";

/// How much a statistic has grown. None of a counter that fell: what it counted in between is not known.
fn since_then(name: &str, now: Option<f64>, before: Option<f64>) -> Option<f64> {
    let grown = now? - before.unwrap_or_default();
    (grown >= 0.0 || is_gauge(name)).then_some(grown)
}

fn fell(before: f64, now: Option<f64>) -> String {
    let now = now.unwrap_or_default();
    format!("it fell from {before} to {now}: it was reset, or the Envoy began again")
}

fn show_names(names: &BTreeSet<&str>) -> String {
    if names.is_empty() {
        "no endpoints".to_owned()
    } else {
        names.iter().copied().collect::<Vec<_>>().join(", ")
    }
}
