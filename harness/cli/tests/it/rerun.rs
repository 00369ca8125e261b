//! `--rerun failed` needs nothing that the last run was told: neither its words, nor its coverage, nor its shard.

use std::collections::BTreeSet;

use meshkat_model::results::Results;
use serde_json::Value;

use crate::lab::Lab;

const FILE: &str = "scenarios/shop/sizes.yaml";
const WELL: &str = "status: 200";
const BROKEN: &str = "status: 418";

/// A project with one scenario of 27 cases on one mesh, which all fail.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    let text = format!(
        "promise: It answers.\nmesh: {{use: edge, replicas: {{echo: 1}}}}\naxes: {{a: [1, 2, 3], b: [1, 2, 3], c: [1, 2, 3]}}\n\
         steps:\n  - {{get: \"/${{a}}/${{b}}/${{c}}\", host: foo.com, {BROKEN}}}\n"
    );
    lab.write(FILE, &text);
    lab
}

fn listed(lab: &Lab, args: &[&str]) -> BTreeSet<String> {
    let told = lab.tell(&[&["list", "--format", "json"], args].concat()).exits(0);
    let all: Vec<Value> = serde_json::from_str(&told.out).expect("it is JSON, and an array");
    let id = |case: &Value| case["id"].as_str().expect("a case has an id").to_owned();
    all.iter().map(id).collect()
}

fn ran(lab: &Lab) -> BTreeSet<String> {
    lab.results().cases.into_iter().map(|case| case.id).collect()
}

#[test]
fn what_a_run_chose_is_finished_without_saying_it_again() {
    let lab = lab();
    let chosen = ["--coverage", "pairwise", "--seed", "3"];
    lab.run(&[&["shop", "--fail-fast"], &chosen[..]].concat()).exits(1);
    let results = lab.results();
    let (first, left) = (results.cases.len(), &results.not_run);
    assert!(first >= 1 && first + left.len() == 9, "{first} and {left:?}");
    lab.edit(FILE, BROKEN, WELL);
    let told = lab.run(&["--rerun", "failed"]).exits(0);
    told.says(&["--coverage pairwise --seed 3, as in the last run"]);
    assert_eq!(
        ran(&lab),
        listed(&lab, &chosen),
        "what failed, and what it did not come to"
    );
    let results = lab.results();
    assert_eq!((results.run.coverage.as_str(), results.run.seed), ("pairwise", 3));
    assert_eq!(results.not_run, [""; 0]);
}

#[test]
fn what_is_said_is_taken_rather_than_what_was() {
    let lab = lab();
    lab.run(&["--fail-fast", "--coverage", "pairwise", "--seed", "3"])
        .exits(1);
    lab.edit(FILE, BROKEN, WELL);
    let told = lab.run(&["--rerun", "failed", "--seed", "4", "*c=1]"]).exits(0);
    assert!(!told.err.contains("--seed 3"), "{}", told.err);
    told.says(&["--coverage pairwise, as in the last run"]);
    let ids = ran(&lab);
    assert!(ids.len() == 3 && ids.iter().all(|id| id.ends_with("c=1]")), "{ids:?}");
    assert_eq!(lab.results().run.seed, 4);
}

#[test]
fn a_part_stays_the_part_and_several_merged_are_the_whole() {
    let lab = lab();
    let parts = ["1/2", "2/2"].map(|shard| {
        let dir = shard.replace('/', "-");
        let _permit = crate::permit::Permit::one();
        let args = ["run", "--fail-fast", "--shard", shard, "--report-dir", &dir];
        lab.tell_command(lab.command(&args)).exits(1);
        dir
    });
    lab.tell(&["report", "merge", &parts[0], &parts[1], "--report-dir", "report"])
        .exits(0);
    let merged = lab.results();
    assert_eq!(merged.cases.len() + merged.not_run.len(), 27, "{:?}", merged.not_run);
    lab.edit(FILE, BROKEN, WELL);
    let part = std::fs::read_to_string(lab.project().join(&parts[0]).join("results.json")).expect("there was a run");
    let part: Results = serde_json::from_str(&part).expect("it is a report");
    let all = part.cases.len() + part.not_run.len();
    assert!(all > 0 && all < 27, "{all}");
    let permit = crate::permit::Permit::one();
    let again = ["run", "--rerun", "failed", "--report-dir", &parts[0]];
    lab.tell_command(lab.command(&again))
        .exits(0)
        .says(&[&format!("{all} passed")]);
    drop(permit);
    lab.run(&["--rerun", "failed"]).exits(0).says(&["27 passed"]);
}
