//! Whether requests were split as they should be.

use super::checks::{Check, Surroundings};
use crate::{
    observation::Served,
    scenario::split::{CounterShare, Split, shares},
    statistics::{Strictness, Test, needed},
    yaml::At,
};

/// Holds who served against a split. What somebody else served breaks it; and so do requests without an answer, or with one that no
/// application gave, where the step says nothing else of them (`unserved`): a split of what is left is not what was promised.
/// Requests that are too few to tell never hold.
pub(super) fn split(
    split: &At<Split>,
    strict: Strictness,
    (served, unserved): (&Served, u64),
    surroundings: &Surroundings,
) -> Check {
    let of_group = |group: &str| {
        let pods = surroundings.groups.iter().filter(|(_, own)| *own == group);
        pods.map(|(pod, _)| pod.clone()).collect()
    };
    let check = |passed, message: String, expected, actual| Check {
        line: split.place.line,
        passed,
        message,
        expected,
        actual,
    };
    let Some(classes) = shares(split, of_group) else {
        let actual = "there is no such pod at this moment".to_owned();
        return check(
            false,
            "there is nobody to split the requests over".to_owned(),
            String::new(),
            actual,
        );
    };
    let counted = Counted::new(&classes, served, surroundings);
    let mut judged = judge(split.place.line, &classes, &counted.of_class, strict);
    if counted.others > 0 || counted.twice > 0 {
        let message = "requests were served by somebody who has no part in the split, or by two who have";
        judged.passed = false;
        judged.message = message.to_owned();
        judged.actual = format!(
            "{}; {} by nobody of these, {} by several",
            judged.actual, counted.others, counted.twice
        );
    }
    if unserved > 0 {
        judged.passed = false;
        judged.message = "requests were served by nobody, and nothing else is expected of their answers".to_owned();
        judged.actual = format!("{}; {unserved} by nobody", judged.actual);
        judged.expected = format!(
            "{}; or say how many may fail, by `status`, `errors` or `statuses`",
            judged.expected
        );
    }
    judged
}

/// Holds what part of a counter another one is; `part` and `of` are what they counted.
pub(super) fn share(line: usize, wanted: &CounterShare, strict: Strictness, part: f64, of: f64) -> Check {
    let whole = |count: f64| if count > 0.0 { count as u64 } else { 0 };
    let (part, of) = (whole(part), whole(of));
    let is = wanted.is.share();
    let classes = [(wanted.part.value.clone(), is), ("the rest".to_owned(), 1.0 - is)];
    let mut judged = judge(line, &classes, &[part, of.saturating_sub(part)], strict);
    if part > of {
        judged.passed = false;
        judged.message = format!("`{}` counted more than all", wanted.part.value);
        judged.actual = format!("{part} of {of}");
    }
    judged
}

/// Holds counts of classes against their shares.
fn judge(line: usize, classes: &[(String, f64)], counts: &[u64], strict: Strictness) -> Check {
    let check = |passed, message: String, expected, actual| Check {
        line,
        passed,
        message,
        expected,
        actual,
    };
    let requests = counts.iter().sum();
    let parts: Vec<f64> = classes.iter().map(|(_, share)| *share).collect();
    let test = Test::new(&parts, requests, strict);
    let told: Vec<String> = classes
        .iter()
        .zip(counts)
        .map(|((name, _), count)| format!("{name} {count}"))
        .collect();
    let actual = format!("of {requests} requests {}", told.join(", "));
    // Somebody who should get a part and gets nothing is wrong, however few requests there are.
    let nothing = classes
        .iter()
        .zip(counts)
        .find(|((_, share), count)| *share > 0.0 && **count == 0);
    if let (Some(((name, _), _)), true) = (nothing, requests > 0) {
        let message = format!("`{name}` served nothing");
        return check(false, message, accepted(classes, &test, strict), actual);
    }
    if !test.suffices(strict) {
        let needs = match needed(&parts, requests, strict) {
            Some(needs) => format!("needs {needs} requests"),
            None => "needs more requests than can be sent".to_owned(),
        };
        let message = "too few requests to judge the split".to_owned();
        let actual = format!("{needs}, had {requests}; {actual}");
        return check(false, message, asked(strict), actual);
    }
    let passed = counts
        .iter()
        .zip(&test.regions)
        .all(|(count, region)| region.has(*count));
    let message = "the requests were not split as they should be".to_owned();
    check(passed, message, accepted(classes, &test, strict), actual)
}

/// Requests by who served them.
struct Counted {
    of_class: Vec<u64>,
    others: u64,
    twice: u64,
}

impl Counted {
    fn new(classes: &[(String, f64)], served: &Served, surroundings: &Surroundings) -> Self {
        let mut counted = Self {
            of_class: vec![0; classes.len()],
            others: 0,
            twice: 0,
        };
        for (chain, number) in &served.0 {
            let took_part = |name: &str| chain.iter().any(|pod| surroundings.is(pod, name));
            let mut hit = (0..classes.len()).filter(|at| took_part(&classes[*at].0));
            match (hit.next(), hit.next()) {
                (Some(at), None) => counted.of_class[at] += number,
                (Some(_), Some(_)) => counted.twice += number,
                _ => counted.others += number,
            }
        }
        counted
    }
}

/// What is accepted, and how sure that is.
fn accepted(classes: &[(String, f64)], test: &Test, strict: Strictness) -> String {
    let regions: Vec<String> = classes
        .iter()
        .zip(&test.regions)
        .map(|((name, share), region)| format!("{name} {} ({} to {})", percent(*share), region.low, region.high))
        .collect();
    format!(
        "of {} requests {}; a right split fails with a probability of {:.1e}, one that is off by {} passes with {:.1e} or less",
        test.requests,
        regions.join(", "),
        test.false_alarm,
        points(strict),
        test.miss
    )
}

fn asked(strict: Strictness) -> String {
    format!(
        "so many requests that a right split fails with a probability of {:e} at the most, and one that is off by {} passes with \
         {:e} at the most",
        strict.false_alarm,
        points(strict),
        strict.miss
    )
}

fn percent(share: f64) -> String {
    let percent = (share * 10_000.0).round() / 100.0;
    format!("{percent}%")
}

fn points(strict: Strictness) -> String {
    let points = (strict.shift * 10_000.0).round() / 100.0;
    format!("{points} percentage points")
}
