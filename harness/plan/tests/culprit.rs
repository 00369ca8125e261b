//! A defect that a few values have together, in a run of as many cases as cover every pair: it is named exactly, with few
//! further cases. An oracle stands for the mesh.

use std::collections::{BTreeMap, HashSet};

use indexmap::IndexMap;
use meshkat_model::{case::case_id, culprit::Certainty};
use meshkat_plan::{
    cover::{Effort, Problem, Strength, cover},
    culprit::Study,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value, json};

type Params = IndexMap<String, Value>;

/// Axes of so many values each, and the values of some of them that fail together.
#[derive(Debug, Clone)]
struct Planted {
    sizes: Vec<usize>,
    cause: BTreeMap<usize, usize>,
    seed: u64,
}

/// What came of one.
struct Found {
    /// Cases that there are.
    all: usize,
    /// Cases of the first run.
    first: usize,
    /// Cases that were run to find out, the confirmation among them.
    trials: usize,
}

fn planted(factors: usize) -> impl Strategy<Value = Planted> {
    let sizes = prop::collection::vec(2_usize..=5, 4..=7);
    let picks = prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 8);
    (sizes, picks, 0_u64..1000).prop_map(move |(sizes, picks, seed)| {
        let mut cause = BTreeMap::new();
        for (axis, value) in picks {
            let axis = axis.index(sizes.len());
            if cause.len() < factors {
                cause.entry(axis).or_insert_with(|| value.index(sizes[axis]));
            }
        }
        Planted { sizes, cause, seed }
    })
}

fn params(row: &[u16]) -> Params {
    let values = row.iter().enumerate();
    values.map(|(axis, value)| (format!("a{axis}"), json!(value))).collect()
}

/// Runs the pairs, and what the study asks for until it asks for no more. None where no case of the pairs fails.
fn look(planted: &Planted) -> Result<Option<Found>, TestCaseError> {
    let pairs = Problem::uniform(&planted.sizes, 2);
    let first = cover(&pairs, Effort::Quick, planted.seed).unwrap();
    let full = Problem {
        strength: Strength::Full,
        ..pairs
    };
    let full = cover(&full, Effort::Quick, 0).unwrap();
    let cases: IndexMap<String, (Vec<u16>, Params)> = full
        .into_iter()
        .map(|row| (case_id("s/all", &params(&row)), (row.clone(), params(&row))))
        .collect();
    let fails = |row: &[u16]| {
        let mut cause = planted.cause.iter();
        cause.all(|(axis, value)| usize::from(row[*axis]) == *value)
    };
    let mut study = Study::new(cases.iter().map(|(id, (_, params))| (id.as_str(), params)));
    let mut ran = HashSet::new();
    for row in &first {
        let id = case_id("s/all", &params(row));
        match fails(row) {
            true => study.failed(&id),
            false => study.passed(&id),
        }
        ran.insert(id);
    }
    if !first.iter().any(|row| fails(row)) {
        return Ok(None);
    }
    let mut trials = 0;
    if let Some(id) = study.to_confirm().map(str::to_owned) {
        study.confirmed(&id);
        trials += 1;
    }
    while let Some(id) = study.next().map(|(id, _)| id.to_owned()) {
        prop_assert!(ran.insert(id.clone()), "{} is run twice", id);
        match fails(&cases[&id].0) {
            true => study.failed(&id),
            false => study.passed(&id),
        }
        trials += 1;
    }
    let axes = planted.sizes.len();
    prop_assert!(trials <= 2 * axes, "{} cases for {} axes", trials, axes);
    let found = study.conclude();
    let wanted: Params = planted
        .cause
        .iter()
        .map(|(axis, value)| (format!("a{axis}"), json!(value)))
        .collect();
    prop_assert_eq!(
        found.certainty,
        Certainty::Decided,
        "{} after {} trials",
        found.sentence,
        trials
    );
    prop_assert_eq!(found.causes.len(), 1, "{}", found.sentence);
    prop_assert_eq!(&found.causes[0].values, &wanted);
    Ok(Some(Found {
        all: cases.len(),
        first: first.len(),
        trials,
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn what_was_planted_is_named_exactly(planted in (1_usize..=3).prop_flat_map(planted)) {
        look(&planted)?;
    }
}

/// How many further cases that takes; the figures of `docs/design/culprits.md`, printed with `--nocapture`.
#[test]
#[expect(clippy::print_stdout, reason = "shown with `--nocapture` alone")]
fn few_further_cases_are_needed() {
    for (factors, most_seen) in [(1, 3), (2, 10), (3, 11)] {
        let mut runner = TestRunner::deterministic();
        let found: Vec<Found> = (0..200)
            .filter_map(|_| look(&planted(factors).new_tree(&mut runner).unwrap().current()).unwrap())
            .collect();
        let mean = |of: fn(&Found) -> usize| found.iter().map(of).sum::<usize>() as f64 / found.len() as f64;
        let most = found.iter().map(|found| found.trials).max().unwrap();
        println!(
            "{factors} values together: seen by the pairs in {} of 200; of {:.0} cases {:.1} run, then {:.1} tried, {most} at most",
            found.len(),
            mean(|found| found.all),
            mean(|found| found.first),
            mean(|found| found.trials)
        );
        assert!(
            factors > 2 || found.len() == 200,
            "pairs find what two values have together"
        );
        assert!(most <= most_seen, "{factors} values: {most} cases were tried");
    }
}
