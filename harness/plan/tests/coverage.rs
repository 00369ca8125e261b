//! Which cases of a scenario a coverage chooses: some of the full product, under the same ids.

mod support;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use meshkat_model::{
    capability::{Capabilities, Capability},
    case::Case,
    scenario::{Scenario, SharedAxes},
    source::{Diagnostic, Source},
};
use meshkat_plan::{Coverage, expand};
use proptest::prelude::*;
use support::Both;

fn read(sizes: &[usize], more: &str) -> Scenario {
    let axes: String = sizes
        .iter()
        .enumerate()
        .map(|(axis, size)| {
            format!(
                "  a{axis}: [{}]\n",
                (0..*size).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    let path: String = (0..sizes.len()).map(|axis| format!("${{a{axis}}}")).collect();
    let text = format!("promise: p\nmesh: one\naxes:\n{axes}{more}steps:\n  - get: \"/?{path}\"\n    status: 200\n");
    Scenario::read("s/all", Source::new("s/all.yaml", text), &SharedAxes::default()).unwrap()
}

fn all(scenario: &Scenario) -> Result<Vec<Case>, Vec<Diagnostic>> {
    expand(scenario, &Both::new())
}

/// The chosen ones where all cases can run.
fn chosen(scenario: &Scenario, coverage: Coverage, seed: u64) -> Result<HashSet<String>, Vec<Diagnostic>> {
    meshkat_plan::chosen(scenario, &all(scenario)?, coverage, seed, &Capabilities::all())
}

fn ids(cases: &[Case]) -> Vec<&str> {
    cases.iter().map(|case| case.id.as_str()).collect()
}

/// Whether each combination that any case has of so many axes is in one of the chosen ones.
fn covers(cases: &[Case], chosen: &HashSet<String>, axes: usize, ways: u32) -> bool {
    let mut sets = (0_u32..1 << axes).filter(|set| set.count_ones() == ways.min(axes as u32));
    sets.all(|set| {
        let of = |case: &Case| -> Vec<String> {
            let values = case.params.values().enumerate();
            values
                .filter(|(axis, _)| set & (1 << axis) != 0)
                .map(|(_, value)| value.to_string())
                .collect()
        };
        let possible: BTreeSet<Vec<String>> = cases.iter().map(of).collect();
        let has: BTreeSet<Vec<String>> = cases.iter().filter(|case| chosen.contains(&case.id)).map(of).collect();
        possible == has
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn chosen_cases_are_some_of_all_and_cover_what_they_should(
        sizes in prop::collection::vec(2_usize..4, 1..5),
        forbidden in prop::option::of((0_usize..3, 0_usize..3)),
        seed in 0_u64..3,
    ) {
        let more = match forbidden {
            Some((one, other)) if sizes.len() > 1 => format!("constraints:\n  - a0 != {one} || params.a1 != {other}\n"),
            _ => String::new(),
        };
        let scenario = read(&sizes, &more);
        let cases = all(&scenario).unwrap();
        for (coverage, ways) in [(Coverage::Each, 1), (Coverage::Pairwise, 2), (Coverage::ThreeWise, 3), (Coverage::Full, 9)] {
            let chosen = self::chosen(&scenario, coverage, seed).unwrap();
            let known: HashSet<String> = cases.iter().map(|case| case.id.clone()).collect();
            prop_assert!(chosen.is_subset(&known), "an id that is not there: {chosen:?}");
            prop_assert!(covers(&cases, &chosen, sizes.len(), ways), "{coverage} does not cover");
            prop_assert_eq!(&chosen, &self::chosen(&scenario, coverage, seed).unwrap(), "not the same again");
            if coverage == Coverage::Full {
                prop_assert_eq!(chosen.len(), cases.len());
            }
        }
    }
}

#[test]
fn what_is_excluded_is_no_case_and_the_others_keep_their_ids_and_their_order() {
    let plain = all(&read(&[2, 2, 2], "")).unwrap();
    let scenario = read(
        &[2, 2, 2],
        "constraints: [\"!(a0 == 0 && a1 == 1)\"]\nexclude: [{a2: 1, a0: 1}]\n",
    );
    let cases = all(&scenario).unwrap();
    let expected: Vec<&str> = ids(&plain)
        .into_iter()
        .filter(|id| !(id.contains("a0=0,a1=1") || id.contains("a0=1") && id.contains("a2=1")))
        .collect();
    assert_eq!(ids(&cases), expected);
    assert_eq!(cases.len(), 4);
}

#[test]
fn what_is_included_is_there_whatever_the_coverage() {
    let scenario = read(
        &[3, 3, 3],
        "include: [{a0: 9, a1: 0, a2: 0}, {a0: 1, a1: 1, a2: 1}, {a2: 7, a1: 2}]\n",
    );
    let cases = all(&scenario).unwrap();
    // 27, the one with a 9, and the 7 with each value of the axis of which nothing is said.
    assert_eq!(cases.len(), 27 + 1 + 3);
    assert!(
        cases[27..]
            .iter()
            .all(|case| case.id.contains("a0=9") || case.id.contains("a2=7"))
    );
    for coverage in [Coverage::Each, Coverage::Pairwise, Coverage::Full] {
        let chosen = chosen(&scenario, coverage, 0).unwrap();
        assert!(
            chosen.contains("s/all[a0=9,a1=0,a2=0]") && chosen.contains("s/all[a0=1,a1=1,a2=1]"),
            "{chosen:?}"
        );
        assert!(chosen.iter().any(|id| id.contains("a1=2,a2=7")), "{chosen:?}");
        assert!(chosen.iter().all(|id| ids(&cases).contains(&id.as_str())));
    }
}

#[test]
fn a_scenario_without_axes_has_its_case_in_every_coverage() {
    let text = "promise: p\nmesh: one\nsteps:\n  - {get: /, status: 200}\n";
    let scenario = Scenario::read("s/one", Source::new("s/one.yaml", text), &SharedAxes::default()).unwrap();
    for coverage in [Coverage::Each, Coverage::Pairwise, Coverage::ThreeWise, Coverage::Full] {
        assert_eq!(
            chosen(&scenario, coverage, 0).unwrap(),
            HashSet::from(["s/one".to_owned()])
        );
    }
}

#[test]
fn pairs_are_far_fewer_than_all() {
    let scenario = read(&[3, 3, 3, 3], "");
    let sizes: BTreeMap<String, usize> = [Coverage::Each, Coverage::Pairwise, Coverage::ThreeWise, Coverage::Full]
        .into_iter()
        .map(|coverage| (coverage.to_string(), chosen(&scenario, coverage, 0).unwrap().len()))
        .collect();
    let expected = [("3-wise", 27), ("each", 3), ("full", 81), ("pairwise", 9)];
    assert_eq!(sizes, expected.map(|(name, size)| (name.to_owned(), size)).into());
}

/// A scenario of these axes, whose values may be those of `shared`.
fn of_axes(axes: &str, shared: &str, more: &str) -> Scenario {
    let text = format!(
        "promise: p\nmesh: one\naxes: {axes}\n{more}steps:\n  - {{get: \"/?${{a}}${{b}}${{c}}\", status: 200}}\n"
    );
    let shared = SharedAxes::read(&Source::new("axes.yaml", shared)).unwrap();
    Scenario::read("s/all", Source::new("s/all.yaml", text), &shared).unwrap()
}

#[test]
fn a_weight_changes_no_id_and_the_heaviest_is_taken_where_there_is_a_choice() {
    let plain = of_axes("{a: [1, 2, 3, 4, 5], b: [1, 2, 3, 4, 5], c: [x, y]}", "c: [x]", "");
    let heavy = "{a: [1, 2, 3, 4, 5], b: [1, 2, 3, 4, 5], c: [x, {value: y, weight: 10}]}";
    let count = |scenario: &Scenario| {
        let chosen = chosen(scenario, Coverage::Pairwise, 0).unwrap();
        chosen.iter().filter(|id| id.ends_with("c=y]")).count()
    };
    // Shared values keep their weights, whatever the axis is called that takes them.
    let shared = of_axes(
        "{a: $five, b: $five, c: $words}",
        "five: [1, 2, 3, 4, 5]\nwords: [x, {value: y, weight: 10}]",
        "",
    );
    for scenario in [of_axes(heavy, "c: [x]", ""), shared] {
        assert_eq!(ids(&all(&scenario).unwrap()), ids(&all(&plain).unwrap()));
        assert!(
            count(&scenario) >= 15 && count(&plain) < 15,
            "{} and {}",
            count(&scenario),
            count(&plain)
        );
    }
}

#[test]
fn negative_values_come_one_at_a_time_and_cover_nothing_for_others() {
    let axes = "{a: [1, 2, {value: none, negative: true}], b: $two, c: [x, y]}";
    let scenario = of_axes(axes, "two: [1, 2, {value: broken, negative: true}]", "");
    let cases = all(&scenario).unwrap();
    // 2 x 2 x 2 without, and two times 2 x 2 with one.
    assert_eq!(cases.len(), 8 + 4 + 4);
    assert!(!cases.iter().any(|case| case.id.contains("a=none,b=broken")));
    let plain = all(&of_axes(
        "{a: [1, 2, none], b: [1, 2, broken], c: [x, y]}",
        "c: [x]",
        "",
    ))
    .unwrap();
    assert!(
        cases.iter().all(|case| ids(&plain).contains(&case.id.as_str())),
        "ids stay the same"
    );
    let chosen = chosen(&scenario, Coverage::Pairwise, 0).unwrap();
    let without = chosen
        .iter()
        .filter(|id| !id.contains("none") && !id.contains("broken"))
        .cloned();
    let without: HashSet<String> = without.collect();
    let valid: Vec<Case> = cases
        .iter()
        .filter(|case| !case.id.contains("none") && !case.id.contains("broken"))
        .cloned()
        .collect();
    assert!(covers(&valid, &without, 3, 2), "{without:?}");
    assert!(covers(&cases, &chosen, 3, 2), "{chosen:?}");
}

#[test]
fn some_axes_are_combined_more_strongly_and_seeds_are_chosen() {
    let more = "stronger: [{axes: [c, a], strength: 3}, {axes: [a, b, c], strength: full}]\nseeds: [{a: 3, c: y}]\n";
    let scenario = of_axes("{a: [1, 2, 3], b: [1, 2], c: [x, y]}", "c: [x]", more);
    let cases = all(&scenario).unwrap();
    assert_eq!(cases.len(), 12, "neither makes cases that there were not");
    assert_eq!(chosen(&scenario, Coverage::Pairwise, 0).unwrap().len(), 12);
    let each = chosen(&scenario, Coverage::Each, 0).unwrap();
    assert!(
        each.len() == 3 && each.iter().any(|id| id.contains("a=3") && id.contains("c=y")),
        "{each:?}"
    );
}

#[test]
fn what_only_skipped_cases_have_is_in_one_of_them_and_all_else_in_cases_that_run() {
    let text = "promise: p\nmesh: one\naxes: {a: [1, 2, 3, 4], b: [1, 2, 3, 4], c: [x, y]}\nsteps:\n  - when: params.a == 1 || (params.b == 1 \
                && params.c == 'x')\n    kill: pet-2\n  - {get: \"/?${a}${b}${c}\", status: 200}\n";
    let scenario = Scenario::read("s/all", Source::new("s/all.yaml", text), &SharedAxes::default()).unwrap();
    let cases = all(&scenario).unwrap();
    let kind = Capabilities::all().without(Capability::Kill, "it is kind");
    let can = |id: &str| !id.contains("a=1") && !id.contains("b=1,c=x");
    let (run, skip): (Vec<Case>, Vec<Case>) = cases.iter().cloned().partition(|case| can(&case.id));
    assert_eq!((run.len(), skip.len()), (21, 11));
    for seed in 0..8 {
        let chosen = meshkat_plan::chosen(&scenario, &cases, Coverage::Pairwise, seed, &kind).unwrap();
        assert!(
            covers(&run, &chosen.iter().filter(|id| can(id)).cloned().collect(), 3, 2),
            "{chosen:?}"
        );
        assert!(covers(&cases, &chosen, 3, 2), "{chosen:?}");
        // Of a=1 the four pairs with b, which have those with c; the pair of b=1 and c=x is in one of them.
        assert_eq!(chosen.iter().filter(|id| !can(id)).count(), 4, "{chosen:?}");
    }
    let nothing = Capabilities::all();
    assert_eq!(
        meshkat_plan::chosen(&scenario, &cases, Coverage::Full, 0, &kind)
            .unwrap()
            .len(),
        cases.len(),
        "a case that is skipped is one all the same"
    );
    let pairs = meshkat_plan::chosen(&scenario, &cases, Coverage::Pairwise, 0, &nothing).unwrap();
    assert_eq!(pairs.len(), 16, "where all can run nothing is preferred");
}

/// What constraints over many axes allow is decided, or told at its place within a bound.
#[test]
fn constraints_over_many_axes() {
    let sum = |axes: usize| (0..axes).map(|axis| format!("a{axis}")).collect::<Vec<_>>().join(" + ");
    let scenario = read(&[2; 17], &format!("constraints:\n  - {} <= 4\n", sum(17)));
    let cases = all(&scenario).unwrap();
    assert_eq!(cases.len(), 1 + 17 + 136 + 680 + 2380);
    let ids = chosen(&scenario, Coverage::Pairwise, 0).unwrap();
    assert!(covers(&cases, &ids, 17, 2) && ids.len() < 60, "{} cases", ids.len());
    let (odd, even) = (format!("({}) % 2 == 1", sum(24)), format!("({}) % 2 == 0", sum(24)));
    let scenario = read(&[2; 24], &format!("constraints:\n  - {odd}\n  - {even}\n"));
    let told = meshkat_plan::expand_or_choose(&scenario, &Both::new(), Coverage::Pairwise, 0).unwrap_err();
    let told = told[0].to_string();
    let at_one = told.starts_with("s/all.yaml:29:") || told.starts_with("s/all.yaml:30:");
    assert!(at_one && told.contains("cannot be decided within"), "{told}");
}
