//! A conclusion in a sentence.

use meshkat_model::culprit::{Cause, Certainty, list, values};

/// Over what a sentence speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) failures: usize,
    pub(super) passes: usize,
    pub(super) explanations: usize,
    pub(super) changed: usize,
}

/// So many other explanations are told in words.
const TOLD: usize = 2;

pub(super) fn sentence(certainty: Certainty, causes: &[Cause], others: &[Vec<Cause>], counted: Counted) -> String {
    let Counted { failures, passes, .. } = counted;
    match certainty {
        Certainty::Unsteady => match counted.changed {
            1 => "the failure that was run again did not fail again".to_owned(),
            many => format!("none of the {many} failures that were run again failed again"),
        },
        Certainty::Everywhere => format!(
            "{} failed, whatever the values: no value of an axis tells failures from passes",
            match failures {
                1 => "the only case that tells anything".to_owned(),
                2 => "both cases".to_owned(),
                many => format!("all {many} cases"),
            }
        ),
        Certainty::Unexplained => format!(
            "no small set of values tells {} from {}",
            of(failures, "the failure", "failures"),
            of(passes, "the passing case", "passing cases")
        ),
        Certainty::Decided => found(causes, counted),
        Certainty::Undecided => {
            let mut doubts: Vec<String> = Vec::new();
            if !others.is_empty() {
                let told: Vec<String> = others.iter().take(TOLD).map(|other| explanation(other)).collect();
                let more = counted.explanations - 1 - told.len();
                let more = if more > 0 {
                    format!(", and {more} more")
                } else {
                    String::new()
                };
                let fits = if told.len() == 1 { "fits" } else { "fit" };
                doubts.push(format!("{}{more} {fits} as well", list(&told, "and")));
            }
            for cause in causes.iter().filter(|cause| !cause.perhaps_also.is_empty()) {
                let (what, whose) = (values(&cause.perhaps_also), values(&cause.values));
                doubts.push(format!(
                    "each failure with {whose} has {what}, too, which may be a part of the cause"
                ));
            }
            format!(
                "{}; the evidence does not decide: {}",
                found(causes, counted),
                doubts.join("; ")
            )
        }
    }
}

/// What all failures have and no passing case.
fn found(causes: &[Cause], counted: Counted) -> String {
    let [cause] = causes else {
        let each: Vec<String> = causes
            .iter()
            .enumerate()
            .map(|(at, cause)| {
                let noun = match (at, cause.failures) {
                    (0, 1) => " failure has",
                    (0, _) => " failures have",
                    (_, 1) => " has",
                    _ => " have",
                };
                format!("{}{noun} {}", cause.failures, values(&cause.values))
            })
            .collect();
        let any = if causes.len() == 2 { "either" } else { "any of these" };
        return format!(
            "{}; none of the {} has {any}",
            list(&each, "and"),
            of(counted.passes, "passing case", "passing cases")
        );
    };
    let who = match counted.failures {
        1 => "the only failure has".to_owned(),
        2 => "both failures have".to_owned(),
        many => format!("all {many} failures have"),
    };
    let what = values(&cause.values);
    let passes = counted.passes;
    let (part, whole) = match cause.values.len() {
        1 => {
            let none = match passes {
                1 => "the only passing case has not".to_owned(),
                many => format!("none of the {many} passing cases has"),
            };
            return format!("{who} {what}, and {none}");
        }
        2 => ("one of the two", "both"),
        _ => ("two of the three", "all three"),
    };
    let near = match cause.near_misses {
        0 => {
            return format!(
                "{who} {what}; none of the {} has {whole}",
                of(passes, "passing case", "passing cases")
            );
        }
        1 => "1 passing case has".to_owned(),
        many => format!("{many} passing cases have"),
    };
    format!("{who} {what}; {near} {part}, and none has {whole}")
}

/// An explanation in words, as one of several.
fn explanation(causes: &[Cause]) -> String {
    let each: Vec<String> = causes.iter().map(|cause| values(&cause.values)).collect();
    match each.as_slice() {
        [only] => only.clone(),
        several => format!("({})", list(several, "or")),
    }
}

fn of(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => one.to_owned(),
        number => format!("{number} {many}"),
    }
}
