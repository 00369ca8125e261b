//! Lines of access logs.

use super::checks::{Check, Checks, Surroundings};
use crate::{
    observation::logged::{AccessLog, LogLine, variables},
    scenario::verb::logged::{LoggedExpectations, NO_FLAGS},
    shorten::shorten,
    yaml::At,
};

/// So many lines that are otherwise are told.
const OTHERS: usize = 3;

/// The longest text of a difference.
const LONGEST: usize = 120;

/// Holds the access log of the Envoy of `pod` against what is expected of it.
pub fn logged(
    expected: &At<LoggedExpectations>,
    pod: &str,
    log: &AccessLog,
    surroundings: &Surroundings,
) -> Vec<Check> {
    let judged = log
        .lines
        .iter()
        .map(|line| (line, difference(expected, line, surroundings)));
    let (like, others): (Vec<_>, Vec<_>) = judged.partition(|(_, difference)| difference.is_none());
    let lines: Vec<&LogLine> = like.iter().map(|(line, _)| *line).collect();
    let (own, summary) = (|| variables(&lines), || seen(&like, &others));
    let mut checks = Checks::new(surroundings, &own, &summary);
    let holds = match &expected.count {
        Some(count) => count.holds(lines.len() as f64),
        None => !lines.is_empty(),
    };
    // Of what is not told, no line says that it is otherwise.
    let untold = expected.fields().into_iter().find(|(field, _)| match &log.tells {
        Some(tells) => !tells.contains(field),
        None => false,
    });
    let (line, actual) = match (&log.tells, untold) {
        (None, _) => (
            expected.place.line,
            "its configuration has no access log that is written to a file or an output".to_owned(),
        ),
        (_, Some((field, line))) => (line, format!("the format of its access log does not tell the {field}")),
        (Some(_), None) => (
            expected
                .count
                .as_ref()
                .map_or(expected.place.line, |count| count.place.line),
            seen(&like, &others),
        ),
    };
    let bound = expected
        .count
        .as_ref()
        .map_or("1 or more".to_owned(), |count| count.value.to_string());
    checks.add(
        line,
        holds && log.tells.is_some() && untold.is_none(),
        &format!("the Envoy of {pod} did not log what it should"),
        format!("{bound} lines{}", which(expected)),
        actual,
    );
    checks.expressions(&expected.that);
    checks.all
}

/// What was seen, in a line.
fn seen(like: &[(&LogLine, Option<String>)], others: &[(&LogLine, Option<String>)]) -> String {
    let shown = |(line, difference): &(&LogLine, Option<String>)| {
        let why = difference.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        format!("{}{why}", line.told())
    };
    let list = |all: &[(&LogLine, Option<String>)]| {
        let first: Vec<String> = all.iter().take(OTHERS).map(shown).collect();
        let more = if all.len() > OTHERS { "\nand others" } else { "" };
        format!("{}{more}", first.join("\n"))
    };
    match (like.len(), others.len()) {
        (0, 0) => "no line came".to_owned(),
        (count, 0) => format!("{count}: {}", list(like)),
        (0, count) => format!("0; {count} lines are otherwise: {}", list(others)),
        (count, other) => format!("{count}: {}\n{other} lines are otherwise: {}", list(like), list(others)),
    }
}

/// Which lines are expected, behind how many.
fn which(expected: &LoggedExpectations) -> String {
    let mut all = Vec::new();
    let texts = [
        ("method", &expected.method),
        ("path", &expected.path),
        ("host", &expected.host),
        ("details", &expected.details),
        ("cluster", &expected.cluster),
    ];
    let texts = texts.iter().filter_map(|(what, text)| Some((what, text.as_ref()?)));
    all.extend(texts.map(|(what, text)| format!("{what} {}", text.value)));
    all.extend(
        expected
            .status
            .as_ref()
            .map(|status| format!("status {}", status.value)),
    );
    all.extend(
        expected
            .flags
            .as_ref()
            .map(|flags| format!("flags {}", flags.join(", "))),
    );
    if let Some(upstream) = &expected.upstream {
        let names: Vec<&str> = upstream.iter().map(|name| name.as_str()).collect();
        all.push(format!("upstream {}", names.join(" or ")));
    }
    all.extend(expected.contains.iter().flat_map(|parts| parts.iter()).cloned());
    match all.is_empty() {
        true => String::new(),
        false => format!(" with {}", all.join(", ")),
    }
}

/// What of a line is otherwise than expected; none if nothing is.
fn difference(expected: &LoggedExpectations, line: &LogLine, surroundings: &Surroundings) -> Option<String> {
    let shown = |seen: Option<&str>| seen.map_or_else(|| "-".to_owned(), |seen| shorten(seen, LONGEST));
    let is_other = |what: &str, wanted: &Option<At<String>>, seen: &Option<String>| {
        let wanted = wanted.as_ref()?;
        (seen.as_ref() != Some(&wanted.value)).then(|| format!("its {what} is {}", shown(seen.as_deref())))
    };
    is_other("method", &expected.method, &line.method)
        .or_else(|| is_other("path", &expected.path, &line.path))
        .or_else(|| is_other("host", &expected.host, &line.host))
        .or_else(|| is_other("details", &expected.details, &line.details))
        .or_else(|| is_other("cluster", &expected.cluster, &line.cluster))
        .or_else(|| {
            let wanted = expected.status.as_ref()?;
            let is_one = line.status.is_some_and(|status| wanted.0.contains(&status));
            (!is_one).then(|| {
                format!(
                    "its status is {}",
                    line.status.map_or("-".to_owned(), |status| status.to_string())
                )
            })
        })
        .or_else(|| {
            let wanted = expected.flags.as_ref()?;
            let all: Vec<&str> = line.flags.as_deref().unwrap_or_default().split(',').collect();
            let is_so = |flag: &String| match flag.as_str() {
                NO_FLAGS => line.flags.is_none(),
                flag => all.contains(&flag),
            };
            (!wanted.iter().all(is_so)).then(|| format!("its flags are {}", shown(line.flags.as_deref())))
        })
        .or_else(|| {
            let wanted = expected.upstream.as_ref()?;
            let pod = line.upstream.as_deref();
            let is_one = pod.is_some_and(|pod| wanted.iter().any(|name| surroundings.is(pod, name)));
            (!is_one).then(|| format!("its upstream is {}", shown(pod)))
        })
        .or_else(|| {
            let mut parts = expected.contains.iter().flat_map(|parts| parts.iter());
            let lacks = parts.find(|part| !line.text.contains(part.as_str()))?;
            Some(format!("it lacks {}", shorten(lacks, LONGEST)))
        })
}
