//! A defect that a few values have together, in a run of as many cases as cover every pair: it is named exactly, with few
//! further cases. An oracle stands for the mesh.

use std::collections::{BTreeMap, HashSet};

use indexmap::IndexMap;
use meshkat_cover::{Effort, Problem, Strength, cover};
use meshkat_model::{
    case::case_id,
    culprit::{Certainty, Culprit, Trial, Why},
    results::{CaseResult, Results, RunInfo, Status, Totals},
};
use meshkat_plan::culprit::{Study, of_results};
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

/// All the cases that there are, the cases of the pairs, and what is planted.
struct World<'a> {
    cases: IndexMap<String, (Vec<u16>, Params)>,
    pairs: Vec<String>,
    planted: &'a Planted,
}

impl<'a> World<'a> {
    fn new(planted: &'a Planted) -> Self {
        let pairs = Problem::uniform(&planted.sizes, 2);
        let first = cover(&pairs, Effort::Quick, planted.seed).unwrap();
        let full = Problem {
            strength: Strength::Full,
            ..pairs
        };
        let id = |row: &Vec<u16>| case_id("s/all", &params(row));
        let full = cover(&full, Effort::Quick, 0).unwrap();
        Self {
            cases: full
                .into_iter()
                .map(|row| (id(&row), (row.clone(), params(&row))))
                .collect(),
            pairs: first.iter().map(id).collect(),
            planted,
        }
    }

    fn fails(&self, id: &str) -> bool {
        let row = &self.cases[id].0;
        let mut cause = self.planted.cause.iter();
        cause.all(|(axis, value)| usize::from(row[*axis]) == *value)
    }

    fn wanted(&self) -> Params {
        let cause = self.planted.cause.iter();
        cause.map(|(axis, value)| (format!("a{axis}"), json!(value))).collect()
    }

    fn study(&self) -> Study {
        Study::new(self.cases.iter().map(|(id, (_, params))| (id.as_str(), params)))
    }

    /// How a case ends that is run.
    fn result(&self, id: &str) -> CaseResult {
        CaseResult {
            id: id.to_owned(),
            round: None,
            scenario: "s/all".to_owned(),
            promise: "p".to_owned(),
            params: self.cases[id].1.clone(),
            tags: Vec::new(),
            status: if self.fails(id) { Status::Failed } else { Status::Passed },
            attempts: 1,
            duration_ms: 1,
            checks: 1,
            requests: 1,
            reproduce: String::new(),
            steps: Vec::new(),
            skipped: None,
            failure: None,
            earlier_failures: Vec::new(),
            voids: Vec::new(),
            machine: None,
            loads: Vec::new(),
        }
    }

    /// What is known after the cases of these ids have ended in each of so many rounds, where one of them passes in the last.
    fn rounds(&self, ids: &[String], of: u32, passes: Option<&str>) -> Study {
        let mut study = self.study();
        for number in 1..=of {
            for id in ids {
                let mut result = self.result(id);
                if number == of && passes == Some(id.as_str()) {
                    result.status = Status::Passed;
                }
                study.ended(&result);
            }
        }
        study
    }

    /// Runs these cases, and with `closer` what the study asks for besides until it asks for no more.
    fn run(&self, ids: &[String], closer: bool) -> (Study, Vec<Trial>) {
        let mut study = self.study();
        let mut ran: HashSet<String> = ids.iter().cloned().collect();
        ids.iter().for_each(|id| study.ended(&self.result(id)));
        let mut trials = Vec::new();
        while closer && study.is_worthwhile() {
            let confirm = study.to_confirm().map(|id| (id.to_owned(), Why::Confirm));
            let Some((id, why)) = confirm.or_else(|| study.next().map(|(id, why)| (id.to_owned(), why))) else {
                break;
            };
            assert!(why == Why::Confirm || ran.insert(id.clone()), "{id} is run twice");
            let trial = Trial {
                status: self.result(&id).status,
                id,
                why,
                duration_ms: 1,
                failure: None,
            };
            study.tried(&trial);
            trials.push(trial);
        }
        (study, trials)
    }

    /// The report of a run of these cases.
    fn report(&self, ids: &[String], closer: bool) -> Results {
        let (study, trials) = self.run(ids, closer);
        let found = study.conclude();
        let culprit = Culprit {
            scenario: "s/all".to_owned(),
            sentence: found.sentence,
            certainty: found.certainty,
            causes: found.causes,
            others: found.others,
            smallest: study.smallest(),
            flaky: Vec::new(),
            trials,
            cut_short: false,
        };
        let cases: Vec<CaseResult> = ids.iter().map(|id| self.result(id)).collect();
        Results {
            schema: 1,
            run: RunInfo {
                id: String::new(),
                seed: 0,
                started: String::new(),
                duration_ms: 0,
                runtime: String::new(),
                meshkat: String::new(),
                envoy: Vec::new(),
                coverage: String::new(),
                shard: None,
                rounds: None,
                stress: None,
                interrupted: false,
            },
            totals: Totals::of(&cases),
            cases,
            not_run: Vec::new(),
            culprits: if study.is_worthwhile() {
                vec![culprit]
            } else {
                Vec::new()
            },
            flakes: Vec::new(),
        }
    }
}

/// Runs the pairs, and what the study asks for. None where no case of the pairs fails.
fn look(planted: &Planted) -> Result<Option<Found>, TestCaseError> {
    let world = World::new(planted);
    if !world.pairs.iter().any(|id| world.fails(id)) {
        return Ok(None);
    }
    let (study, trials) = world.run(&world.pairs, true);
    let (found, trials) = (study.conclude(), trials.len());
    let axes = planted.sizes.len();
    prop_assert!(trials <= 2 * axes, "{} cases for {} axes", trials, axes);
    prop_assert_eq!(
        found.certainty,
        Certainty::Decided,
        "{} after {} trials",
        found.sentence,
        trials
    );
    prop_assert_eq!(found.causes.len(), 1, "{}", found.sentence);
    prop_assert_eq!(&found.causes[0].values, &world.wanted());
    Ok(Some(Found {
        all: world.cases.len(),
        first: world.pairs.len(),
        trials,
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn what_was_planted_is_named_exactly(planted in (1_usize..=3).prop_flat_map(planted)) {
        look(&planted)?;
    }

    /// Several runs, each of a part of the pairs, find together what one of all finds.
    #[test]
    fn merged_parts_name_what_was_planted(planted in (1_usize..=2).prop_flat_map(planted), of in 2_usize..4) {
        let world = World::new(&planted);
        let part = |shard: usize| -> Vec<String> {
            world.pairs.iter().skip(shard).step_by(of).cloned().collect()
        };
        for closer in [false, true] {
            let reports: Vec<Results> = (0..of).map(|shard| world.report(&part(shard), closer)).collect();
            let cases: Vec<CaseResult> = reports.iter().flat_map(|report| report.cases.clone()).collect();
            let merged = of_results(&cases, &reports);
            prop_assert_eq!(merged.len(), 1);
            let (merged, whole) = (&merged[0], world.run(&world.pairs, closer).0.conclude());
            if closer {
                prop_assert_eq!(merged.certainty, Certainty::Decided, "{}", merged.sentence);
                prop_assert_eq!(merged.causes.len(), 1);
                prop_assert_eq!(&merged.causes[0].values, &world.wanted());
                let smallest = merged.smallest.as_ref().unwrap();
                prop_assert!(smallest.proven && world.fails(&smallest.id), "{:?}", smallest);
                let trials: usize = reports.iter().flat_map(|report| &report.culprits).map(|culprit| culprit.trials.len()).sum();
                prop_assert_eq!(merged.trials.len(), trials);
            } else {
                // Which of several that fit as well comes first is a matter of the order of the cases.
                prop_assert_eq!(merged.certainty, whole.certainty);
                prop_assert_eq!(1 + merged.others.len(), 1 + whole.others.len());
            }
        }
    }
}

/// A report of two runs: what is known of the one scenario that there is.
fn merged(parts: &[Results]) -> Culprit {
    let cases: Vec<CaseResult> = parts.iter().flat_map(|report| report.cases.clone()).collect();
    let [culprit] = of_results(&cases, parts).try_into().unwrap();
    culprit
}

fn two_by_three() -> Planted {
    Planted {
        sizes: vec![2, 3],
        cause: BTreeMap::from([(0, 1)]),
        seed: 0,
    }
}

#[test]
fn what_all_cases_have_may_be_a_part_of_the_cause() {
    let planted = two_by_three();
    let world = World::new(&planted);
    let case = |id: &str| vec![format!("s/all[{id}]")];
    let parts = [
        world.report(&case("a0=1,a1=2"), false),
        world.report(&case("a0=0,a1=2"), false),
    ];
    let found = merged(&parts);
    assert_eq!(found.certainty, Certainty::Undecided);
    assert_eq!(
        found.sentence,
        "the only failure has a0=1, and the only passing case has not; the evidence does not decide: each failure with a0=1 has \
         a1=2, too, which may be a part of the cause"
    );
    assert_eq!(found.smallest, None, "neither run knew of any");
}

#[test]
fn what_two_runs_do_not_agree_on_is_no_evidence() {
    let planted = two_by_three();
    let world = World::new(&planted);
    let ids: Vec<String> = world.cases.keys().cloned().collect();
    let parts = [world.report(&ids[..4], true), world.report(&ids[4..], false)];
    assert_eq!(merged(&parts).causes[0].failures, 3);
    // The first run has tried a case that ends in another way in the second.
    let tried = parts[0].culprits[0]
        .trials
        .iter()
        .find(|trial| ids[4..].contains(&trial.id));
    let tried = tried.expect("it tries more than it has").clone();
    let mut changed = parts.clone();
    for case in changed[1].cases.iter_mut().filter(|case| case.id == tried.id) {
        assert_eq!((case.status, tried.status), (Status::Failed, Status::Failed));
        case.status = Status::Passed;
    }
    let found = merged(&changed);
    assert_eq!(
        (found.certainty, &found.causes[0].values, found.causes[0].failures),
        (Certainty::Decided, &world.wanted(), 2),
        "{}",
        found.sentence
    );
}

#[test]
fn a_failure_of_each_round_needs_no_confirmation_and_one_of_some_is_no_evidence() {
    let planted = two_by_three();
    let world = World::new(&planted);
    let ids: Vec<String> = world.cases.keys().cloned().collect();
    assert!(world.rounds(&ids, 1, None).to_confirm().is_some());
    let steady = world.rounds(&ids, 3, None);
    assert_eq!(steady.to_confirm(), None);
    let found = steady.conclude();
    assert_eq!(
        (&found.causes[0].values, found.causes[0].failures),
        (&world.wanted(), 3)
    );
    let flake = ids.iter().find(|id| world.fails(id)).expect("something fails");
    let found = world.rounds(&ids, 3, Some(flake.as_str())).conclude();
    assert_eq!(
        (&found.causes[0].values, found.causes[0].failures),
        (&world.wanted(), 2)
    );
}

#[test]
fn what_one_run_alone_knows_stays_as_it_is() {
    let planted = two_by_three();
    let world = World::new(&planted);
    let report = world.report(&world.pairs, true);
    let mut other = report.clone();
    other.culprits.clear();
    for case in &mut other.cases {
        case.scenario = "s/other".to_owned();
    }
    let cases: Vec<CaseResult> = [&report, &other]
        .iter()
        .flat_map(|report| report.cases.clone())
        .collect();
    assert_eq!(of_results(&cases, &[report.clone(), other]), report.culprits);
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
