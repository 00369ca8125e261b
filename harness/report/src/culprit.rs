//! What the failures of a scenario have in common, as every report tells it.

use meshkat_model::culprit::{Culprit, Trial};
use meshkat_model::results::Status;

use crate::text::{count, line, time};

/// What was found besides the sentence: a label, and its lines. `most` is how many of the cases that were run are told.
pub(crate) fn details(culprit: &Culprit, most: usize) -> Vec<(&'static str, Vec<String>)> {
    let mut all = Vec::new();
    if let Some(smallest) = &culprit.smallest {
        let proven = if smallest.proven {
            ""
        } else {
            " (of those that are known; not all that are nearer to the first values were seen to pass)"
        };
        all.push(("smallest", vec![format!("{}{proven}", line(&smallest.id, 300))]));
    }
    let flaky = culprit.flaky.iter().map(|case| {
        let attempts = case.attempts.iter().map(|attempt| match &attempt.failure {
            Some(failure) => format!("{}: {}", attempt.status.word(), line(&failure.message, 160)),
            None => attempt.status.word().to_owned(),
        });
        let attempts: Vec<String> = attempts.collect();
        format!("{} {}", line(&case.id, 300), attempts.join(", then "))
    });
    all.push(("flaky", flaky.collect()));
    all.push(("tried", tried(culprit, most)));
    all.retain(|(_, lines)| !lines.is_empty());
    all
}

fn tried(culprit: &Culprit, most: usize) -> Vec<String> {
    let trials = &culprit.trials;
    let mut lines = Vec::new();
    if !trials.is_empty() {
        let took = trials.iter().map(|trial| trial.duration_ms).sum();
        lines.push(format!(
            "{} in {}",
            count(trials.len() as u64, "case", "cases"),
            time(took)
        ));
    }
    lines.extend(trials.iter().take(most).map(one));
    if trials.len() > most {
        lines.push(format!("+{} more", trials.len() - most));
    }
    if culprit.cut_short {
        lines.push("the time was up before all was tried that could tell more".to_owned());
    }
    lines
}

fn one(trial: &Trial) -> String {
    let why = line(&trial.why.to_string(), 200);
    let failure = trial.failure.as_ref().filter(|_| trial.status == Status::Errored);
    let failure = failure.map_or(String::new(), |failure| format!(": {}", line(&failure.message, 160)));
    format!("{} {} {why}{failure}", trial.status.word(), line(&trial.id, 300))
}
