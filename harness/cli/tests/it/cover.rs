//! `meshkat cover`, and the coverages of `run` and `list`.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::lab::Lab;

const FILE: &str = "axes:
  os: [linux, mac, windows]
  browser: [firefox, chrome, safari]
  bits: [32, 64]
constraints:
  - browser != 'safari' || os == 'mac'
";

fn rows(lab: &Lab, args: &[&str]) -> Vec<Value> {
    let told = lab.tell(&[&["cover", "--format", "json"], args].concat()).exits(0);
    serde_json::from_str(&told.out).expect("it is JSON, and an array")
}

/// A project with one scenario of 27 cases.
fn sizes() -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write(
        "scenarios/shop/sizes.yaml",
        "promise: It answers.\nmesh: {use: petshop, replicas: {petstore: \"${stores}\", pet: \"${pets}\"}}\n\
         axes: {stores: [1, 2, 3], pets: [1, 2, 3], id: [1, 2, 3]}\n\
         steps:\n  - {get: \"/stores/${id}\", status: 200}\n",
    );
    lab
}

fn ids(lab: &Lab, args: &[&str]) -> BTreeSet<String> {
    let told = lab.tell(&[&["list", "--format", "json"], args].concat()).exits(0);
    let all: Vec<Value> = serde_json::from_str(&told.out).expect("it is JSON, and an array");
    all.iter()
        .map(|case| case["id"].as_str().expect("a case has an id").to_owned())
        .collect()
}

#[test]
fn an_array_is_objects_with_a_value_for_each_axis() {
    let lab = Lab::new();
    lab.write("axes.yaml", FILE);
    let all = rows(&lab, &["axes.yaml"]);
    for row in &all {
        let keys: Vec<&String> = row.as_object().expect("a row is an object").keys().collect();
        assert_eq!(keys, ["os", "browser", "bits"]);
        assert!(row["browser"] != "safari" || row["os"] == "mac");
        assert!(row["bits"].is_number());
    }
    // Of system and browser seven pairs are allowed, each with both of 32 and 64 bits or one of them.
    let pairs: BTreeSet<String> = all
        .iter()
        .map(|row| format!("{}{}", row["os"], row["browser"]))
        .collect();
    assert_eq!(pairs.len(), 7);
    assert_eq!(all, rows(&lab, &["axes.yaml"]), "the same file gives the same rows");
    assert!(rows(&lab, &["axes.yaml", "--strength", "3"]).len() == 14);
    assert!(rows(&lab, &["axes.yaml", "--strength", "full"]).len() == 14);
    assert!(rows(&lab, &["axes.yaml", "--strength", "1"]).len() == 3);
}

#[test]
fn a_table_is_for_people_and_the_count_is_no_part_of_it() {
    let lab = Lab::new();
    lab.write("axes.yaml", "axes: {a: [1, 2], b: [x, y]}\n");
    let told = lab.tell(&["cover", "axes.yaml"]).exits(0);
    assert!(
        told.out.contains("│ a │ b │") && told.out.lines().count() == 8,
        "{}",
        told.out
    );
    assert!(told.err.contains("4 rows"), "{}", told.err);
}

#[test]
fn what_does_not_hold_ends_with_code_2_and_its_place() {
    let lab = Lab::new();
    lab.write("axes.yaml", &format!("{FILE}  - os != 'mac'\n"));
    let told = lab.tell(&["cover", "axes.yaml"]).exits(2);
    assert!(told.out.is_empty());
    assert!(
        told.err.contains("axes.yaml:7:5") && told.err.contains("`mac` of the axis `os`"),
        "{}",
        told.err
    );
    lab.write("axes.yaml", "axes: {a: 1}\n");
    assert!(
        lab.tell(&["cover", "axes.yaml"])
            .exits(2)
            .err
            .contains("axes.yaml:1:11")
    );
    assert!(
        lab.tell(&["cover", "none.yaml"])
            .exits(2)
            .err
            .contains("failed to read none.yaml")
    );
    lab.tell(&["cover", "axes.yaml", "--strength", "0"]).exits(2);
}

#[test]
fn pairwise_lists_some_of_the_same_ids_and_a_whole_id_is_always_there() {
    let lab = sizes();
    let full = ids(&lab, &[]);
    assert_eq!(full.len(), 27);
    let pairs = ids(&lab, &["--coverage", "pairwise"]);
    assert!(pairs.len() == 9 && pairs.is_subset(&full), "{pairs:?}");
    assert_eq!(pairs, ids(&lab, &["--coverage", "pairwise"]));
    assert_eq!(ids(&lab, &["--coverage", "each"]).len(), 3);
    assert_eq!(ids(&lab, &["--coverage", "3-wise"]), full);
    let other = full.difference(&pairs).next().expect("not all are chosen");
    let alone = ids(&lab, &[other, "--coverage", "pairwise"]);
    assert_eq!(alone, BTreeSet::from([other.clone()]));
    let with = ids(&lab, &["shop", other, "--coverage", "pairwise"]);
    assert_eq!(with.len(), 10);
    // A pattern is no whole id.
    let none = format!("{}*", &other[..other.len() - 1]);
    let told = lab.tell(&["list", &none, "--coverage", "pairwise"]).exits(4);
    assert!(told.err.contains("--coverage pairwise"), "{}", told.err);
    let seeds: BTreeSet<_> = ["1", "2", "3"]
        .map(|seed| ids(&lab, &["--coverage", "pairwise", "--seed", seed]))
        .into();
    assert!(seeds.len() > 1, "the seed decides which");
}

#[test]
fn what_this_runtime_can_run_is_covered_by_what_it_runs() {
    let lab = sizes();
    lab.write(
        "scenarios/shop/sizes.yaml",
        "promise: It answers.\nmesh: {use: petshop, replicas: {petstore: \"${stores}\", pet: \"${pets}\"}}\n\
         axes: {stores: [1, 2, 3], pets: [1, 2, 3], network: [whole, black-holed, refusing]}\n\
         steps:\n  - {when: params.network != 'whole', network: \"${network}\", of: pet-1}\n  \
         - {when: params.network == 'whole', get: /stores/1, status: 200}\n  \
         - {when: params.network != 'whole', get: /stores/1, within: 5s, status: [200, 503]}\n",
    );
    let told = lab
        .tell(&["list", "--format", "json", "--coverage", "pairwise"])
        .exits(0);
    let all: Vec<Value> = serde_json::from_str(&told.out).expect("it is JSON, and an array");
    let (runs, skipped): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|case| case["skipped"].is_null());
    let pairs: BTreeSet<String> = runs
        .iter()
        .map(|case| format!("{}{}", case["params"]["stores"], case["params"]["pets"]))
        .collect();
    assert_eq!((pairs.len(), runs.len()), (9, 9), "each pair runs: {all:?}");
    assert!(runs.iter().all(|case| case["params"]["network"] == "whole"), "{runs:?}");
    // Two ways to cut, each with three numbers of stores and of pets.
    assert_eq!(skipped.len(), 6, "{skipped:?}");
    for how in ["black-holed", "refusing"] {
        let of_one = skipped.iter().filter(|case| case["params"]["network"] == how);
        assert_eq!(
            of_one.map(|case| &case["params"]["pets"]).collect::<HashSet<_>>().len(),
            3
        );
    }
    assert!(skipped.iter().all(|case| {
        case["skipped"]
            .as_str()
            .is_some_and(|why| why.contains("this runtime cannot"))
    }));
}

#[test]
fn a_scenario_says_which_values_weigh_more_and_which_are_to_be_refused() {
    let lab = sizes();
    lab.write(
        "scenarios/shop/sizes.yaml",
        "promise: It answers.\nmesh: {use: petshop, replicas: {petstore: \"${stores}\", pet: \"${pets}\"}}\n\
         axes:\n  stores: [1, 2, 3]\n  pets: [1, {value: 0, negative: true}]\n  id: [1, {value: 99, negative: true}, {value: 2, weight: 5}]\n\
         steps:\n  - {get: \"/stores/${id}\", status: [200, 404, 503]}\n",
    );
    let full = ids(&lab, &[]);
    assert_eq!(full.len(), 3 * 2 + 3 * 2 + 3, "{full:?}");
    assert!(!full.iter().any(|id| id.contains("pets=0,id=99")), "{full:?}");
    let pairs = ids(&lab, &["--coverage", "pairwise"]);
    assert!(pairs.is_subset(&full), "{pairs:?}");
    assert_eq!(
        pairs
            .iter()
            .filter(|id| id.ends_with("id=2]") && id.contains("pets=0"))
            .count(),
        2,
        "of the three cases without pets, one has to have the lighter value: {pairs:?}"
    );
    lab.edit("scenarios/shop/sizes.yaml", "weight: 5", "weight: five");
    for command in ["lint", "list"] {
        let told = lab.tell(&[command]).exits(2);
        told.says(&["scenarios/shop/sizes.yaml:6:59", "`weight` is a whole number"]);
    }
}

#[test]
fn a_run_reports_its_coverage_and_what_it_says_reproduces() {
    let lab = sizes();
    lab.run(&["shop", "--coverage", "each"]).exits(0);
    let results = lab.results();
    assert_eq!(results.run.coverage, "each");
    assert_eq!(results.cases.len(), 3);
    let reproduce = results.cases[0].reproduce.clone();
    let id = reproduce.split('\'').nth(1).expect("it has the id in quotes");
    assert_eq!(id, results.cases[0].id);
    lab.run(&[id, "--seed", "0", "--coverage", "pairwise"]).exits(0);
    assert_eq!(lab.results().cases.len(), 1);
}

/// Whatever a file asks for, it has an answer within a bound: rows, or what is too much of it, at its place.
#[test]
fn a_file_that_asks_for_much_has_an_answer() {
    let lab = Lab::new();
    let axes = |number: usize| -> String { (0..number).map(|axis| format!("  f{axis}: [0, 1]\n")).collect() };
    let sum = |number: usize| {
        (0..number)
            .map(|axis| format!("f{axis}"))
            .collect::<Vec<_>>()
            .join(" + ")
    };
    lab.write(
        "most.yaml",
        &format!("axes:\n{}constraints:\n  - {} <= 4\n", axes(17), sum(17)),
    );
    let rows = rows(&lab, &["most.yaml"]);
    let ones = |row: &Value| {
        row.as_object()
            .map_or(0, |row| row.values().filter_map(Value::as_u64).sum())
    };
    assert!(!rows.is_empty() && rows.iter().all(|row| ones(row) <= 4), "{rows:?}");
    let (odd, even) = (format!("({}) % 2 == 1", sum(24)), format!("({}) % 2 == 0", sum(24)));
    lab.write(
        "parity.yaml",
        &format!("axes:\n{}constraints:\n  - {odd}\n  - {even}\n", axes(24)),
    );
    let told = lab.tell(&["cover", "parity.yaml"]).exits(2);
    told.says(&["parity.yaml:28:5", "cannot be decided within", "--effort high"]);
    let many: Vec<String> = (0..316).map(|value| value.to_string()).collect();
    let ones: String = (0..20).map(|axis| format!("  c{axis}: [1]\n")).collect();
    let many = many.join(", ");
    lab.write(
        "cells.yaml",
        &format!("strength: full\naxes:\n  a: [{many}]\n  b: [{many}]\n{ones}"),
    );
    let told = lab.tell(&["cover", "cells.yaml"]).exits(2);
    told.says(&["cells.yaml:2:1", "2,196,832 values in all rows", "at most 1,000,000"]);
}
