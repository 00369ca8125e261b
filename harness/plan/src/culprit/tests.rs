use indexmap::IndexMap;
use meshkat_model::{
    case::case_id,
    culprit::{Certainty, Why, values},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

type Params = IndexMap<String, Value>;

/// The full product of axes, as the cases of a scenario.
struct Shop {
    cases: Vec<(String, Params)>,
}

impl Shop {
    fn new(axes: &[(&str, &[&str])]) -> Self {
        let axes = axes
            .iter()
            .map(|(axis, values)| ((*axis).to_owned(), values.iter().map(|value| json!(value)).collect()))
            .collect();
        let cases = crate::expand::combinations(&axes);
        Self {
            cases: cases
                .into_iter()
                .map(|params| (case_id("a/b", &params), params))
                .collect(),
        }
    }

    fn study(&self) -> Study {
        Study::new(self.cases.iter().map(|(id, params)| (id.as_str(), params)))
    }

    /// A study that has seen the cases of these ids, which fail where `fails` says so.
    fn seen(&self, ids: &[&str], fails: impl Fn(&Params) -> bool) -> Study {
        let mut study = self.study();
        for id in ids {
            self.see(&mut study, &format!("a/b[{id}]"), &fails);
        }
        study
    }

    fn see(&self, study: &mut Study, id: &str, fails: &impl Fn(&Params) -> bool) {
        let (_, params) = self
            .cases
            .iter()
            .find(|(known, _)| known == id)
            .expect("there is such a case");
        if fails(params) {
            study.failed(id);
        } else {
            study.passed(id);
        }
    }

    /// Runs whatever the study asks for, and tells what that was.
    fn look_closer(&self, study: &mut Study, fails: impl Fn(&Params) -> bool) -> Vec<(String, Why)> {
        let mut ran = Vec::new();
        while let Some((id, why)) = study.next().map(|(id, why)| (id.to_owned(), why)) {
            assert!(ran.iter().all(|(known, _)| *known != id), "{id} is run twice");
            self.see(study, &id, &fails);
            ran.push((id, why));
        }
        ran
    }
}

fn has(params: &Params, wanted: &[(&str, &str)]) -> bool {
    wanted.iter().all(|(axis, value)| params[*axis] == json!(value))
}

/// The causes, each in words.
fn causes(conclusion: &Conclusion) -> Vec<String> {
    conclusion.causes.iter().map(|cause| values(&cause.values)).collect()
}

const OUTAGES: &[(&str, &[&str])] = &[
    ("xds", &["rest", "grpc", "delta-grpc"]),
    ("outage", &["killed", "hang"]),
    ("pets", &["1", "3"]),
];

#[test]
fn one_value_that_all_failures_have() {
    let shop = Shop::new(OUTAGES);
    let study = shop.seen(
        &[
            "xds=rest,outage=hang,pets=1",
            "xds=grpc,outage=hang,pets=3",
            "xds=rest,outage=killed,pets=3",
            "xds=grpc,outage=killed,pets=1",
        ],
        |params| has(params, &[("outage", "hang")]),
    );
    let found = study.conclude();
    assert_eq!(
        (found.certainty, causes(&found)),
        (Certainty::Decided, vec!["outage=hang".to_owned()])
    );
    assert_eq!(
        found.sentence,
        "both failures have outage=hang, and none of the 2 passing cases has"
    );
}

#[test]
fn a_pair_that_no_passing_case_has() {
    let shop = Shop::new(OUTAGES);
    let all: Vec<&str> = shop
        .cases
        .iter()
        .map(|(id, _)| &id["a/b[".len()..id.len() - 1])
        .collect();
    let fails = |params: &Params| has(params, &[("xds", "delta-grpc"), ("outage", "hang")]);
    let found = shop.seen(&all, fails).conclude();
    assert_eq!(found.certainty, Certainty::Decided);
    assert_eq!(
        found.sentence,
        "both failures have xds=delta-grpc and outage=hang; 6 passing cases have one of the two, and none has both"
    );
}

#[test]
fn what_was_not_told_apart_is_said_and_then_told_apart() {
    let shop = Shop::new(OUTAGES);
    let fails = |params: &Params| has(params, &[("xds", "delta-grpc"), ("outage", "hang")]);
    let mut study = shop.seen(
        &[
            "xds=delta-grpc,outage=hang,pets=3",
            "xds=rest,outage=killed,pets=1",
            "xds=grpc,outage=hang,pets=1",
        ],
        fails,
    );
    let found = study.conclude();
    assert_eq!(found.certainty, Certainty::Undecided);
    assert_eq!(
        found.sentence,
        "the only failure has xds=delta-grpc, and none of the 2 passing cases has; the evidence does not decide: pets=3 \
         fits as well; each failure with xds=delta-grpc has outage=hang and pets=3, too, which may be a part of the cause"
    );
    let ran: Vec<String> = shop
        .look_closer(&mut study, fails)
        .into_iter()
        .map(|(id, why)| format!("{id} {why}"))
        .collect();
    let wanted = [
        "a/b[xds=delta-grpc,outage=killed,pets=3] to see what is so without outage=hang",
        "a/b[xds=delta-grpc,outage=hang,pets=1] to see what is so without pets=3",
        // That a transport is needed is known by the case with grpc. These prove that nothing smaller fails.
        "a/b[xds=rest,outage=hang,pets=1] to see whether less fails, too",
        "a/b[xds=delta-grpc,outage=killed,pets=1] to see whether less fails, too",
    ];
    assert_eq!(ran, wanted);
    let found = study.conclude();
    assert_eq!(
        (found.certainty, causes(&found)),
        (Certainty::Decided, vec!["xds=delta-grpc and outage=hang".to_owned()])
    );
    let smallest = study.smallest().expect("something fails");
    assert_eq!(
        (smallest.id.as_str(), smallest.proven),
        ("a/b[xds=delta-grpc,outage=hang,pets=1]", true)
    );
}

#[test]
fn two_causes_that_have_nothing_in_common() {
    let shop = Shop::new(OUTAGES);
    let all: Vec<&str> = shop
        .cases
        .iter()
        .map(|(id, _)| &id["a/b[".len()..id.len() - 1])
        .collect();
    let fails = |params: &Params| has(params, &[("xds", "rest")]) || has(params, &[("xds", "grpc"), ("pets", "3")]);
    let study = shop.seen(&all, fails);
    let found = study.conclude();
    assert_eq!(found.certainty, Certainty::Decided, "{}", found.sentence);
    assert_eq!(
        found.sentence,
        "4 failures have xds=rest and 2 have xds=grpc and pets=3; none of the 6 passing cases has either"
    );
}

#[test]
fn failures_without_a_passing_case_have_no_cause() {
    let shop = Shop::new(OUTAGES);
    let all: Vec<&str> = shop
        .cases
        .iter()
        .map(|(id, _)| &id["a/b[".len()..id.len() - 1])
        .collect();
    let study = shop.seen(&all, |_| true);
    let found = study.conclude();
    assert_eq!((found.certainty, found.causes.len()), (Certainty::Everywhere, 0));
    assert_eq!(
        found.sentence,
        "all 12 cases failed, whatever the values: no value of an axis tells failures from passes"
    );
    assert_eq!(
        (study.to_confirm(), study.next()),
        (None, None),
        "there is nothing left to try"
    );
}

#[test]
fn what_no_few_values_explain_is_said_to_be_unexplained() {
    let shop = Shop::new(&[
        ("a", &["0", "1"]),
        ("b", &["0", "1"]),
        ("c", &["0", "1"]),
        ("d", &["0", "1"]),
    ]);
    let all: Vec<&str> = shop
        .cases
        .iter()
        .map(|(id, _)| &id["a/b[".len()..id.len() - 1])
        .collect();
    // An odd number of ones: every three values are found among the passing cases, too.
    let fails = |params: &Params| params.values().filter(|value| **value == json!("1")).count() % 2 == 1;
    let found = shop.seen(&all, fails).conclude();
    assert_eq!(found.certainty, Certainty::Unexplained);
    assert_eq!(
        found.sentence,
        "no small set of values tells 8 failures from 8 passing cases"
    );
}

#[test]
fn a_verdict_that_changes_is_no_evidence() {
    let shop = Shop::new(OUTAGES);
    let fails = |params: &Params| has(params, &[("outage", "hang")]);
    let mut study = shop.seen(&["xds=rest,outage=hang,pets=1", "xds=rest,outage=killed,pets=1"], fails);
    assert!(study.is_worthwhile());
    assert_eq!(study.to_confirm(), Some("a/b[xds=rest,outage=hang,pets=1]"));
    study.changed("a/b[xds=rest,outage=hang,pets=1]");
    assert_eq!((study.to_confirm(), study.next()), (None, None));
    let found = study.conclude();
    assert_eq!((found.certainty, found.causes.len()), (Certainty::Unsteady, 0));
    assert_eq!(found.sentence, "the failure that was run again did not fail again");
}

#[test]
fn three_failures_that_are_not_seen_again_are_enough() {
    let shop = Shop::new(OUTAGES);
    let all: Vec<&str> = shop
        .cases
        .iter()
        .map(|(id, _)| &id["a/b[".len()..id.len() - 1])
        .collect();
    let mut study = shop.seen(&all, |params| has(params, &[("outage", "hang")]));
    for _ in 0..3 {
        let id = study.to_confirm().expect("there are more").to_owned();
        study.changed(&id);
    }
    assert_eq!((study.to_confirm(), study.next(), study.smallest()), (None, None, None));
    let found = study.conclude();
    assert_eq!((found.certainty, found.causes.len()), (Certainty::Unsteady, 0));
    assert_eq!(
        found.sentence,
        "none of the 3 failures that were run again failed again"
    );
}

#[test]
fn one_case_alone_is_not_reasoned_about() {
    let shop = Shop::new(OUTAGES);
    assert!(!shop.seen(&["xds=rest,outage=hang,pets=1"], |_| true).is_worthwhile());
    let single = Shop::new(&[("a", &["0"])]);
    assert!(!single.seen(&["a=0"], |_| true).is_worthwhile());
}

/// Two axes that always go together cannot be told apart by any case; a third one can be told from them.
#[test]
fn what_always_goes_together_stays_undecided_and_the_rest_is_told_apart() {
    let all = Shop::new(&[("a", &["0", "1"]), ("b", &["0", "1"]), ("c", &["0", "1"])]);
    let shop = Shop {
        cases: all
            .cases
            .into_iter()
            .filter(|(_, params)| params["b"] == params["c"])
            .collect(),
    };
    let fails = |params: &Params| has(params, &[("b", "1")]);
    let mut study = shop.seen(&["a=1,b=1,c=1", "a=0,b=0,c=0"], fails);
    assert_eq!(
        causes(&study.conclude()),
        ["a=1"],
        "as good as the others before more is known"
    );
    let ran: Vec<String> = shop
        .look_closer(&mut study, fails)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(ran, ["a/b[a=0,b=1,c=1]"]);
    let found = study.conclude();
    assert_eq!(
        (found.certainty, causes(&found)),
        (Certainty::Undecided, vec!["b=1".to_owned()])
    );
    assert!(
        found
            .sentence
            .contains("the evidence does not decide: c=1 fits as well"),
        "{}",
        found.sentence
    );
}

fn axes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(2..4_usize, 3..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever one to three values break, and whichever cases were run: with the other cases at hand exactly these values
    /// are found, the smallest failure has nothing else, and every case is tried once at most.
    #[test]
    fn a_planted_cause_is_found_exactly(
        sizes in axes(),
        cause in proptest::collection::btree_map(0..3_usize, 0..2_usize, 1..=3),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..12),
    ) {
        let names = ["a", "b", "c", "d", "e"];
        let words = ["0", "1", "2"];
        let axes: Vec<(&str, &[&str])> = sizes.iter().zip(names).map(|(size, name)| (name, &words[..*size])).collect();
        let shop = Shop::new(&axes);
        let planted: Vec<(&str, &str)> = cause.iter().map(|(axis, value)| (names[*axis], words[*value])).collect();
        let fails = |params: &Params| has(params, &planted);
        let mut study = shop.study();
        for pick in picks {
            shop.see(&mut study, &pick.get(&shop.cases).0, &fails);
        }
        let failing: Vec<&String> = shop.cases.iter().filter(|(_, params)| fails(params)).map(|(id, _)| id).collect();
        shop.see(&mut study, failing[failing.len() / 2], &fails);
        let mut again = study.clone();
        let ran = shop.look_closer(&mut study, fails);
        let found = study.conclude();
        let wanted: Params = planted.iter().map(|(axis, value)| ((*axis).to_owned(), json!(value))).collect();
        prop_assert_eq!(found.certainty, Certainty::Decided, "{} after {:?}", found.sentence, ran);
        prop_assert_eq!(found.causes.len(), 1);
        prop_assert_eq!(&found.causes[0].values, &wanted);
        let smallest = study.smallest().unwrap();
        let (_, params) = shop.cases.iter().find(|(id, _)| *id == smallest.id).unwrap();
        prop_assert!(params.iter().all(|(axis, value)| wanted.contains_key(axis) || *value == json!("0")));
        prop_assert!(smallest.proven);
        // The same evidence asks for the same cases.
        prop_assert_eq!(shop.look_closer(&mut again, fails), ran);
    }
}
