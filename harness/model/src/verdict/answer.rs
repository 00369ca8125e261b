//! Answers, and who took part in them.

use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::{
    checks::{Check, Checks, Surroundings},
    disturbance::{Disturbance, Undecided, would_differ},
    split::split,
};
use crate::{
    observation::{Answer, Certificate, Exchange, Response, Served},
    scenario::verb::{answer::AnswerExpectations, request::RequestStep, served::ServedExpectations},
    shorten::shorten,
    yaml::At,
};

/// Holds one answer against a request's expectations, all but `distinct` and `split`.
pub fn response(step: &RequestStep, seen: &Response, surroundings: &Surroundings) -> Vec<Check> {
    let (own, summary) = (|| seen.variables(), || seen.summary());
    let mut checks = Checks::new(surroundings, &own, &summary);
    if let Some(error) = &step.error {
        let none = seen.outcome.as_ref().err();
        let passed = none.and_then(|none| none.kind).is_some_and(|kind| error.value.is(kind));
        let expected = format!("no answer: {}", error.value);
        checks.add(
            error.place.line,
            passed,
            "the request did not fail as it should",
            expected,
            seen.summary(),
        );
    }
    hold(&mut checks, &step.answer, seen, &seen.summary());
    if let Some(names) = &step.served.served_by {
        let answer = seen.outcome.as_ref().ok();
        let by = answer.and_then(|answer| answer.served_by().first().map(|&pod| pod.to_owned()));
        let passed = by
            .as_deref()
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
    checks.expressions(&step.answer.that);
    checks.all
}

/// What the machine may have decided of these checks of an answer: what is said of how long it took, and would be judged the
/// other way without what the machine can have added.
pub fn response_undecided(
    step: &RequestStep,
    seen: &Response,
    checks: &[Check],
    disturbance: &Disturbance,
    surroundings: &Surroundings,
) -> Option<Undecided> {
    let stall = disturbance.stall();
    let less = seen.without(stall);
    let less = response(step, &less, surroundings);
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

/// Holds one answer of `whom`, such as `the Envoy of pet-1`, against what is expected of it.
pub fn answer(expected: &AnswerExpectations, whom: &str, seen: &Response, surroundings: &Surroundings) -> Vec<Check> {
    let (own, summary) = (|| seen.variables(), || seen.summary());
    let mut checks = Checks::new(surroundings, &own, &summary);
    hold(&mut checks, expected, seen, &seen.summary());
    checks.expressions(&expected.that);
    for check in &mut checks.all {
        check.message = format!("{} ({whom})", check.message);
    }
    checks.all
}

/// Holds who took part in answering, over all answers of a step, against `distinct` and `split`.
pub fn took_part(step: &RequestStep, seen: &Served, surroundings: &Surroundings) -> Vec<Check> {
    let sent = step.times.as_ref().map_or(1, |times| u64::from(times.value));
    // Where something is said of each answer, that of nobody was judged by it.
    let unserved = match step.answer.expects_answer() {
        true => 0,
        false => sent.saturating_sub(seen.0.values().sum()),
    };
    served(&step.served, seen.pods(), (seen, unserved), surroundings)
}

/// Holds who took part, and how often who with whom, against `distinct` and `split`. `unserved` is the number of requests that nobody
/// served, and of which nothing else is expected.
pub(super) fn served<'a>(
    expected: &ServedExpectations,
    pods: impl IntoIterator<Item = &'a str> + Clone,
    (chains, unserved): (&Served, u64),
    surroundings: &Surroundings,
) -> Vec<Check> {
    let distinct = expected.distinct.iter().map(|(group, bound)| {
        let pods = surroundings.of_group(pods.clone(), group);
        let names: Vec<&str> = pods.iter().copied().collect();
        let shown = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        Check {
            line: group.place.line,
            passed: bound.holds(pods.len() as f64),
            message: format!("not as many pods of `{}` served as should", group.value),
            expected: format!("{bound} different pods of `{}`", group.value),
            actual: format!("{}: {shown}", names.len()),
        }
    });
    let wanted = expected.split.iter();
    let split = wanted.map(|wanted| split(wanted, expected.strictness(), (chains, unserved), surroundings));
    distinct.chain(split).collect()
}

/// All that is expected of an answer but the expressions. `summary` is what was seen, in one line.
pub(super) fn hold(checks: &mut Checks<'_>, expected: &AnswerExpectations, seen: &Response, summary: &str) {
    let (answer, summary) = (seen.outcome.as_ref().ok(), summary.to_owned());
    if let Some(status) = &expected.status {
        let passed = answer.is_some_and(|answer| status.0.contains(&answer.status));
        checks.add(
            status.place.line,
            passed,
            "wrong status",
            format!("status {}", status.value),
            summary.clone(),
        );
    }
    let all = answer.map(|answer| &answer.headers);
    headers(checks, &expected.response_headers, all, "header", &summary);
    let all = answer.map(|answer| &answer.trailers);
    headers(checks, &expected.trailers, all, "trailer", &summary);
    connection(checks, expected, answer, &summary);
    if let Some(text) = &expected.text {
        let passed = answer.is_some_and(|answer| answer.text == text.value);
        checks.add(
            text.place.line,
            passed,
            "wrong body",
            text.value.clone(),
            summary.clone(),
        );
    }
    if let Some(parts) = &expected.contains {
        for part in parts.iter() {
            let passed = answer.is_some_and(|answer| answer.text.contains(part));
            checks.add(
                parts.place.line,
                passed,
                "the body lacks a part",
                format!("a body with {part}"),
                summary.clone(),
            );
        }
    }
    if let Some(json) = &expected.json {
        let outcome = match answer.map(|answer| answer.json()) {
            Some(Some(actual)) => differs(&json.0, &actual, "").map_or(Ok(()), Err),
            Some(None) if answer.is_some_and(Answer::is_too_large) => {
                Err(format!("a body that is too large to be read as JSON: {summary}"))
            }
            Some(None) => Err(format!("a body that is not JSON: {summary}")),
            None => Err(summary),
        };
        let passed = outcome.is_ok();
        checks.add(
            json.place.line,
            passed,
            "the JSON body lacks a part",
            json.0.to_string(),
            outcome.err().unwrap_or_default(),
        );
    }
}

/// Headers or trailers, which have exactly these values, or are not there.
fn headers(
    checks: &mut Checks<'_>,
    expected: &IndexMap<At<String>, Option<String>>,
    all: Option<&IndexMap<String, String>>,
    what: &str,
    summary: &str,
) {
    for (name, value) in expected {
        let actual = all.and_then(|all| all.get(&name.to_lowercase()));
        let show = |value: Option<&String>| {
            value.map_or_else(
                || format!("no {what} {}", name.value),
                |v| format!("{}: {v}", name.value),
            )
        };
        let passed = all.is_some() && actual == value.as_ref();
        let seen = if all.is_some() {
            show(actual)
        } else {
            summary.to_owned()
        };
        let message = format!("wrong {what} in the answer");
        checks.add(name.place.line, passed, &message, show(value.as_ref()), seen);
    }
}

/// A text of a certificate.
type Field = fn(&Certificate) -> &String;

/// What is expected of the connection.
fn connection(checks: &mut Checks<'_>, expected: &AnswerExpectations, answer: Option<&Answer>, summary: &str) {
    let exchange = answer.map(|answer| &answer.exchange);
    let seen = |seen: Option<String>| seen.unwrap_or_else(|| summary.to_owned());
    if let Some(connection) = &expected.connection {
        let (wanted, actual) = (connection.value.to_string(), exchange.map(Exchange::connection));
        checks.add(
            connection.place.line,
            actual == Some(wanted.as_str()),
            "wrong use of connections",
            format!("a {wanted} connection"),
            seen(actual.map(|actual| format!("a {actual} connection"))),
        );
    }
    if let Some(alpn) = &expected.alpn {
        let actual = exchange.map(|exchange| exchange.alpn().unwrap_or("none"));
        checks.add(
            alpn.place.line,
            actual == Some(alpn.as_str()),
            "another protocol was chosen by ALPN",
            format!("alpn {}", alpn.value),
            seen(actual.map(|actual| format!("alpn {actual}"))),
        );
    }
    let Some(wanted) = &expected.certificate else { return };
    let actual = exchange.and_then(Exchange::certificate);
    let all: [(_, &Option<String>, Field); 5] = [
        ("subject", &wanted.subject, |own| &own.subject),
        ("issuer", &wanted.issuer, |own| &own.issuer),
        ("not-before", &wanted.not_before, |own| &own.not_before),
        ("not-after", &wanted.not_after, |own| &own.not_after),
        ("sha256", &wanted.sha256, |own| &own.sha256),
    ];
    let mut differs = |passed: bool, key: &str, value: &str, own: Option<String>| {
        let message = "the peer's certificate is another one";
        let own = seen(own.map(|own| format!("{key} {own}")));
        checks.add(wanted.place.line, passed, message, format!("{key} {value}"), own);
    };
    for (key, value, own) in all {
        let Some(value) = value else { continue };
        let own = actual.map(own);
        differs(own == Some(value), key, value, own.cloned());
    }
    for name in wanted.names.iter() {
        let passed = actual.is_some_and(|actual| actual.names.contains(name));
        differs(passed, "names", name, actual.map(|actual| actual.names.join(", ")));
    }
}

/// Where `actual` lacks what `expected` has: objects may have more keys, everything else is equal.
pub(super) fn differs(expected: &Value, actual: &Value, path: &str) -> Option<String> {
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
        (Value::Number(left), Value::Number(right)) if is_same(left, right) => None,
        _ if expected == actual => None,
        _ if path.is_empty() => Some(shorten(&actual.to_string(), 300)),
        _ => Some(format!("`{path}` is {}", shorten(&actual.to_string(), 300))),
    }
}

/// Whether two numbers are the same one, however they are written: `1` and `1.0` are. Beyond 2^53 a float is many whole numbers, and
/// ids are as long: whole ones are held against one another as such.
fn is_same(left: &Number, right: &Number) -> bool {
    let whole = Number::as_i128;
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => left.as_f64() == right.as_f64(),
        (Some(whole), None) => right.as_f64() == Some(whole as f64) && whole as f64 as i128 == whole,
        (None, Some(whole)) => left.as_f64() == Some(whole as f64) && whole as f64 as i128 == whole,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_the_same_however_they_are_written_and_no_two_whole_ones_are() {
        let same = |left: Value, right: Value| differs(&left, &right, "").is_none();
        assert!(same(json!(1), json!(1.0)) && same(json!(0.5), json!(0.5)) && same(json!(-3.0), json!(-3)));
        assert!(same(json!(18_446_744_073_709_551_615_u64), json!(u64::MAX)));
        // These two are one float.
        let (one, other) = (9_007_199_254_740_992_u64, 9_007_199_254_740_993_u64);
        assert!(!same(json!(one), json!(other)) && !same(json!(other), json!(one as f64)));
        assert!(same(json!(one), json!(one as f64)));
        assert!(!same(json!(u64::MAX), json!(-1)) && !same(json!(i64::MAX), json!(i64::MAX as f64)));
    }
}
