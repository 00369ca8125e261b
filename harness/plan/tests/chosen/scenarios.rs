//! The cases that a coverage chooses of a scenario, held to the same check as any array: whatever a scenario says of its axes.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write as _,
};

use meshkat_cover::Kind;
use meshkat_model::{
    capability::{Capabilities, Capability},
    case::Case,
    scenario::{Scenario, SharedAxes},
    source::Source,
};
use meshkat_plan::{Coverage, chosen, expand, why_not};
use proptest::{prelude::*, sample::Index};

use crate::{
    check::{Spec, has},
    parts::{first_impossible, parts},
    support::Both,
};

type Row = Vec<u16>;

/// What a problem is as a scenario; a pet is killed in the cases of which any of `kills` is true.
fn scenario(spec: &Spec, kills: &[String]) -> Scenario {
    let mut text = "promise: p\nmesh: one\naxes:\n".to_owned();
    for (axis, levels) in spec.axes.iter().enumerate() {
        let values = levels.iter().enumerate().filter(|(_, (kind, _))| *kind != Kind::Extra);
        let values = values.map(|(value, (kind, weight))| match (kind, weight) {
            (Kind::Negative, 1) => format!("{{value: {value}, negative: true}}"),
            (Kind::Negative, _) => format!("{{value: {value}, negative: true, weight: {weight}}}"),
            (_, 1) => value.to_string(),
            _ => format!("{{weight: {weight}, value: {value}}}"),
        });
        let values: Vec<String> = values.collect();
        writeln!(text, "  a{axis}: [{}]", values.join(", ")).unwrap();
    }
    let list = |key: &str, items: Vec<String>| match items.is_empty() {
        true => String::new(),
        false => format!(
            "{key}:\n{}",
            items.iter().map(|item| format!("  - {item}\n")).collect::<String>()
        ),
    };
    let sum = |axes: &[usize]| {
        axes.iter()
            .map(|axis| format!("a{axis}"))
            .collect::<Vec<_>>()
            .join(" + ")
    };
    let sums = spec.sums.iter();
    text += &list(
        "constraints",
        sums.map(|(axes, rest)| format!("({}) % 3 != {rest}", sum(axes)))
            .collect(),
    );
    let given = |partial: &[Option<u16>]| {
        let set = partial.iter().enumerate();
        let set = set.filter_map(|(axis, level)| Some(format!("a{axis}: {}", (*level)?)));
        format!("{{{}}}", set.collect::<Vec<_>>().join(", "))
    };
    let rows = |rows: &[Vec<Option<u16>>]| {
        let set = rows.iter().filter(|row| row.iter().any(Option::is_some));
        set.map(|row| given(row)).collect()
    };
    let forbidden: Vec<Vec<Option<u16>>> = spec.forbidden.iter().map(|levels| partial(spec, levels)).collect();
    text += &list("exclude", rows(&forbidden));
    text += &list("include", rows(&spec.include));
    text += &list("seeds", rows(&spec.seeds));
    let stronger = spec.stronger.iter().map(|(axes, ways)| {
        let names: Vec<String> = axes.iter().map(|axis| format!("a{axis}")).collect();
        format!("{{axes: [{}], strength: {ways}}}", names.join(", "))
    });
    text += &list("stronger", stronger.collect());
    let path: String = (0..spec.axes.len()).map(|axis| format!("${{a{axis}}}")).collect();
    writeln!(text, "steps:\n  - {{get: \"/?{path}\", at: pet-1, status: 200}}").unwrap();
    for kill in kills {
        writeln!(text, "  - {{when: {kill}, kill: pet-2}}").unwrap();
    }
    let read = Scenario::read("s/all", Source::new("s/all.yaml", text.clone()), &SharedAxes::default());
    read.unwrap_or_else(|wrong| panic!("{}\n{text}", wrong[0]))
}

fn partial(spec: &Spec, levels: &[(usize, u16)]) -> Vec<Option<u16>> {
    let mut partial = vec![None; spec.axes.len()];
    for (axis, level) in levels {
        partial[*axis] = Some(*level);
    }
    partial
}

fn row(case: &Case) -> Row {
    case.params
        .values()
        .map(|value| value.as_u64().unwrap() as u16)
        .collect()
}

/// The rows of these cases, those first that are asked to be.
fn in_order(spec: &Spec, cases: &[Case], ids: &HashSet<String>) -> Vec<Row> {
    let chosen = cases.iter().filter(|case| ids.contains(&case.id));
    let mut rows: Vec<Row> = chosen.map(row).collect();
    let mut first: Vec<Row> = Vec::new();
    for seed in &spec.seeds {
        if !first.iter().any(|row| has(row, seed))
            && let Some(at) = rows.iter().position(|row| has(row, seed))
        {
            first.push(rows.remove(at));
        }
    }
    first.into_iter().chain(rows).collect()
}

const COVERAGES: [(Coverage, usize); 3] = [(Coverage::Each, 1), (Coverage::Pairwise, 2), (Coverage::ThreeWise, 3)];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn what_is_chosen_of_a_scenario_keeps_its_promises(parts in parts(), seed in 0_u64..4) {
        let spec = parts.spec();
        if first_impossible(&spec).is_some() {
            prop_assert!(expand(&scenario(&spec, &[]), &Both::new()).is_err(), "nothing is said of what is impossible");
            return Ok(());
        }
        let mut spec = parts.with_rows(spec);
        let scenario = scenario(&spec, &[]);
        let cases = expand(&scenario, &Both::new()).unwrap();
        // All that is allowed is a case, with one negative value at the most, and what is included is one besides.
        let rows: BTreeSet<Row> = cases.iter().map(row).collect();
        let mut all: BTreeSet<Row> = spec.product().into_iter().filter(|row| spec.holds(row, |_| true)).collect();
        all.extend(spec.include.iter().map(|row| row.iter().map(|level| level.unwrap()).collect()));
        prop_assert_eq!(&rows, &all);
        prop_assert_eq!(rows.len(), cases.len(), "a case is there twice");
        let full = chosen(&scenario, &cases, Coverage::Full, seed, &Capabilities::all()).unwrap();
        prop_assert_eq!(full.len(), cases.len());
        let stronger = std::mem::take(&mut spec.stronger);
        for (coverage, ways) in COVERAGES {
            let ids = chosen(&scenario, &cases, coverage, seed, &Capabilities::all()).unwrap();
            spec.ways = ways;
            // Each value once is each value once, whatever is to be stronger.
            spec.stronger = if ways == 1 { Vec::new() } else { stronger.clone() };
            let rows = in_order(&spec, &cases, &ids);
            prop_assert_eq!(rows.len(), ids.len(), "a chosen one is no case");
            prop_assert_eq!(spec.check(&rows), Ok(()), "{}", coverage);
        }
    }
}

/// Every combination of so many axes that one of these rows has.
fn combinations<'a>(sets: &[Vec<usize>], rows: impl Iterator<Item = &'a Row>) -> BTreeSet<(usize, Row)> {
    rows.flat_map(|row| {
        let of = |set: &Vec<usize>| set.iter().map(|axis| row[*axis]).collect();
        sets.iter().enumerate().map(move |(number, set)| (number, of(set)))
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// What any case has that can run is in a chosen one that can run, and what only others have is in one of those: as few
    /// as have it.
    #[test]
    fn what_can_run_is_covered_by_what_runs(
        parts in parts(),
        cannot in prop::collection::vec((any::<Index>(), prop::collection::vec(any::<bool>(), 6)), 1..3),
        seed in 0_u64..4,
    ) {
        let spec = parts.spec();
        if first_impossible(&spec).is_some() {
            return Ok(());
        }
        let mut spec = parts.with_rows(spec);
        let all = expand(&scenario(&spec, &[]), &Both::new()).unwrap();
        // Cases that have some values of one that there is kill a pet.
        let kills = cannot.iter().map(|(which, set)| {
            let params = which.get(&all).params.iter().zip(set).filter(|(_, set)| **set);
            let same = params.map(|((axis, value), _)| format!("params.{axis} == {value}"));
            let same = same.chain(["params.a0 == params.a0".to_owned()]);
            same.collect::<Vec<_>>().join(" && ")
        });
        let kills: Vec<String> = kills.collect();
        let scenario = scenario(&spec, &kills);
        let cases = expand(&scenario, &Both::new()).unwrap();
        let kind = Capabilities::all().without(Capability::Kill, "it is kind");
        let runs: BTreeMap<Row, bool> = cases.iter().map(|case| (row(case), why_not(case, &kind).is_none())).collect();
        let is_extra = |row: &Row| row.iter().zip(&spec.axes).any(|(level, axis)| axis[usize::from(*level)].0 == Kind::Extra);
        let stronger = std::mem::take(&mut spec.stronger);
        for (coverage, ways) in COVERAGES {
            let ids = chosen(&scenario, &cases, coverage, seed, &kind).unwrap();
            prop_assert_eq!(&ids, &chosen(&scenario, &cases, coverage, seed, &kind).unwrap(), "not the same again");
            spec.ways = ways;
            spec.stronger = if ways == 1 { Vec::new() } else { stronger.clone() };
            let chosen = in_order(&spec, &cases, &ids);
            prop_assert_eq!(spec.check(&chosen), Ok(()), "{}", coverage);
            let sets = spec.sets();
            for negatives in 0..2 {
                // A negative value hides nothing, among those that run either.
                let of_kind = |row: &&Row| spec.negatives(row) <= negatives;
                let can = runs.iter().filter(|(row, can)| **can && !is_extra(row)).map(|(row, _)| row);
                let can = combinations(&sets, can.filter(of_kind));
                let ran = combinations(&sets, chosen.iter().filter(|row| runs[*row]).filter(of_kind));
                prop_assert!(can.is_subset(&ran), "{}: {:?} only runs in cases that are not chosen", coverage, can.difference(&ran).next());
            }
            let asked = |row: &Row| spec.seeds.iter().chain(&spec.include).any(|partial| has(row, partial));
            for skipped in chosen.iter().filter(|row| !runs[*row] && !asked(row)) {
                // Without it something would be missing that no case that can run has.
                let others: Vec<Row> = chosen.iter().filter(|row| *row != skipped).cloned().collect();
                prop_assert!(spec.check(&others).is_err(), "{coverage}: {skipped:?} is skipped for nothing");
            }
        }
    }
}
