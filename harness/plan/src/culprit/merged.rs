//! What failures have in common, of several reports that were made into one: nothing more is run.

use std::collections::HashMap;

use indexmap::IndexMap;
use meshkat_model::{
    axis,
    culprit::{Culprit, Trial, Why},
    results::{CaseResult, Results, Status},
};
use serde_json::Value;

use super::study::Study;

/// What the failures of each scenario have in common, of `cases`, in which those of several `reports` are merged. What these
/// runs tried besides is evidence, too. Where one report alone has cases of a scenario, what it says of them stays as it is.
///
/// The cases need not be all that a scenario has. So a value that all failures have may be a part of the cause also where no
/// case has another one, and the smallest failing case is one of those that the runs found.
pub fn of_results(cases: &[CaseResult], reports: &[Results]) -> Vec<Culprit> {
    let mut by_scenario: IndexMap<&str, Vec<&CaseResult>> = IndexMap::new();
    for case in cases {
        by_scenario.entry(&case.scenario).or_default().push(case);
    }
    let scenarios = by_scenario.into_iter();
    scenarios
        .filter_map(|(scenario, cases)| {
            let is_of = |report: &&Results| report.cases.iter().any(|case| case.scenario == scenario);
            let culprits = reports.iter().flat_map(|report| &report.culprits);
            let found: Vec<&Culprit> = culprits.filter(|culprit| culprit.scenario == scenario).collect();
            match (reports.iter().filter(is_of).count(), found.as_slice()) {
                (1, found) => found.first().map(|culprit| (*culprit).clone()),
                (_, found) => of_scenario(scenario, &cases, found),
            }
        })
        .collect()
}

fn of_scenario(scenario: &str, cases: &[&CaseResult], found: &[&Culprit]) -> Option<Culprit> {
    let trials: Vec<&Trial> = found.iter().flat_map(|culprit| &culprit.trials).collect();
    let mut known: IndexMap<&str, IndexMap<String, Value>> = IndexMap::new();
    for case in cases {
        known.entry(&case.id).or_insert_with(|| case.params.clone());
    }
    let values = values(cases);
    for trial in &trials {
        known.entry(&trial.id).or_insert_with(|| params(&trial.id, &values));
    }
    let mut study = Study::new(known.iter().map(|(id, params)| (*id, params)));
    study.table.is_part = true;
    let mut verdicts: HashMap<&str, Status> = HashMap::new();
    for case in cases {
        study.ended(case);
        verdicts.insert(&case.id, case.status);
    }
    for trial in &trials {
        let before = verdicts.get(trial.id.as_str());
        // Of two runs that do not agree on a case neither is believed. A confirmation is meant to be a second look.
        match before.filter(|before| **before != trial.status && trial.why != Why::Confirm) {
            Some(_) => {
                study.useless(&trial.id);
                verdicts.insert(&trial.id, Status::Errored);
            }
            None => {
                study.tried(trial);
                verdicts.entry(&trial.id).or_insert(trial.status);
            }
        }
    }
    if !study.is_worthwhile() && found.is_empty() {
        return None;
    }
    let conclusion = study.conclude();
    let fails = |id: &str| verdicts.get(id) == Some(&Status::Failed);
    let smallest = found.iter().filter_map(|culprit| culprit.smallest.clone());
    let smallest = smallest
        .filter(|smallest| fails(&smallest.id))
        .min_by_key(|smallest| !smallest.proven);
    Some(Culprit {
        scenario: scenario.to_owned(),
        sentence: conclusion.sentence,
        certainty: conclusion.certainty,
        causes: conclusion.causes,
        others: conclusion.others,
        smallest,
        flaky: found.iter().flat_map(|culprit| culprit.flaky.clone()).collect(),
        trials: trials.into_iter().cloned().collect(),
        cut_short: found.iter().any(|culprit| culprit.cut_short),
    })
}

/// The values that cases have, by axis, and by how they read in an id.
fn values(cases: &[&CaseResult]) -> HashMap<String, HashMap<String, Value>> {
    let mut values: HashMap<String, HashMap<String, Value>> = HashMap::new();
    for (axis, value) in cases.iter().flat_map(|case| &case.params) {
        let of_axis = values.entry(axis.clone()).or_default();
        of_axis.entry(axis::text(value)).or_insert_with(|| value.clone());
    }
    values
}

/// The values in a case's id, which neither commas nor equals signs are part of.
fn params(id: &str, values: &HashMap<String, HashMap<String, Value>>) -> IndexMap<String, Value> {
    let inside = id.split_once('[').map_or("", |(_, rest)| rest.trim_end_matches(']'));
    let pairs = inside.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(axis, text)| {
            let known = values.get(axis).and_then(|values| values.get(text));
            (axis.to_owned(), known.cloned().unwrap_or_else(|| Value::from(text)))
        })
        .collect()
}
