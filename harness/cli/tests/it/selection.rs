//! Which cases run, and how often.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink};

use serde_json::Value;

use crate::lab::{Lab, meshkat, names};

const HOPS: &str = "routing/only-through-envoy";
const SHOP: &str = "routing/petshop[petstores=1,pets=1]";

fn listed(lab: &Lab, args: &[&str]) -> Vec<Value> {
    let told = lab.tell(&[&["list", "--format", "json"], args].concat()).exits(0);
    serde_json::from_str(&told.out).expect("it is JSON, and an array")
}

fn ids(lab: &Lab, args: &[&str]) -> Vec<String> {
    listed(lab, args)
        .iter()
        .map(|case| case["id"].as_str().expect("a case has an id").to_owned())
        .collect()
}

/// A project with three scenarios of its own and no others.
fn catalogue() -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    let sizes = "mesh: {use: petshop, replicas: {petstore: \"${stores}\", pet: \"${pets}\"}}\naxes: {stores: [1, 2, 4], pets: [1, 2, 4]}";
    for (name, head) in [
        ("shop/sizes", format!("{sizes}\ntags: [smoke]")),
        ("shop/hops", "mesh: neighbours\ntags: [smoke]".to_owned()),
        ("eds/walk", "mesh: petshop\ntags: [discovery]".to_owned()),
    ] {
        let text = format!("promise: It answers.\n{head}\nsteps:\n  - {{get: /stores, status: 200}}\n");
        lab.write(&format!("scenarios/{name}.yaml"), &text);
    }
    lab
}

#[test]
fn a_list_tells_of_each_case_what_a_machine_wants_to_know() {
    let lab = catalogue();
    let all = listed(&lab, &[]);
    assert_eq!(all.len(), 11);
    for case in &all {
        let keys: Vec<&String> = case.as_object().expect("a case is an object").keys().collect();
        assert_eq!(
            keys,
            [
                "id",
                "scenario",
                "params",
                "tags",
                "mesh",
                "expected_ms",
                "shard",
                "skipped"
            ]
        );
    }
    let id = "shop/sizes[stores=1,pets=4]";
    let case = all.iter().find(|case| case["id"] == id).expect("it is listed");
    assert!(case["expected_ms"].is_u64(), "a guess where nothing has run");
    let expected = serde_json::json!({
        "id": id, "scenario": "shop/sizes", "params": {"stores": 1, "pets": 4}, "tags": ["smoke"], "mesh": "petshop",
        "expected_ms": case["expected_ms"], "shard": "1/1", "skipped": null,
    });
    assert_eq!(*case, expected);
    assert_eq!(ids(&lab, &[]), ids(&lab, &[]), "always in the same order");
}

#[test]
fn cases_are_selected_by_path_id_glob_and_tag() {
    let lab = catalogue();
    let expected = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&lab, &["scenarios/eds"]), expected(&["eds/walk"]));
    assert_eq!(ids(&lab, &["scenarios/shop/hops.yaml"]), expected(&["shop/hops"]));
    assert_eq!(
        ids(&lab, &["eds"]),
        expected(&["eds/walk"]),
        "a folder is all of its scenarios"
    );
    assert_eq!(ids(&lab, &["shop/"]).len(), 10);
    lab.tell(&["list", "sho"]).exits(4).says(&["no case matches `sho`"]);
    assert_eq!(ids(&lab, &["shop/sizes"]).len(), 9, "a scenario is all of its cases");
    assert_eq!(ids(&lab, &["*pets=4]", "--tag", "smoke"]).len(), 3);
    assert_eq!(ids(&lab, &["shop/*", "--tag", "smoke"]).len(), 10);
    assert_eq!(ids(&lab, &["--tag", "discovery"]), expected(&["eds/walk"]));
    let twice = "shop/sizes[stores=1,pets=1]";
    assert_eq!(
        ids(&lab, &[twice, twice, "shop/sizes[stores=1,*"]).len(),
        3,
        "nothing twice"
    );
}

#[test]
fn parts_make_the_whole_and_no_case_is_in_two() {
    let lab = Lab::new();
    // Two cases that share a mesh, and between them one that does not: the plan has another order than the files.
    for (name, step) in [
        ("a", "get: /stores, status: 200"),
        ("b", "kill: pet-1"),
        ("c", "get: /stores, status: 200"),
    ] {
        let more = if name == "b" {
            "  - {get: /stores, status: 200}\n"
        } else {
            ""
        };
        let text = format!("promise: It answers.\nmesh: neighbours\nsteps:\n  - {{{step}}}\n{more}");
        lab.write(&format!("scenarios/shared/{name}.yaml"), &text);
    }
    let all = listed(&lab, &["--shards", "4"]);
    let mut seen = BTreeSet::new();
    for part in 1..=4 {
        let shard = format!("{part}/4");
        let in_part = ids(&lab, &["--shard", &shard]);
        for id in &in_part {
            assert!(seen.insert(id.clone()), "{id} is in two parts");
        }
        let said: BTreeSet<&str> = all
            .iter()
            .filter(|case| case["shard"] == shard.as_str())
            .filter_map(|case| case["id"].as_str())
            .collect();
        assert_eq!(
            said,
            in_part.iter().map(String::as_str).collect(),
            "what `list` says is what `--shard` does"
        );
    }
    assert_eq!(seen.len(), all.len());
    let matrix = lab
        .tell(&["list", "--format", "github-matrix", "--shards", "2"])
        .exits(0);
    assert_eq!(matrix.out, "{\"include\":[{\"shard\":\"1/2\"},{\"shard\":\"2/2\"}]}\n");
}

#[test]
fn parts_are_run_and_merged_to_one_report() {
    let lab = Lab::new();
    let select = [
        "routing/petshop[petstores=1,pets=1]",
        "routing/petshop[petstores=1,pets=2]",
        HOPS,
    ];
    for (shard, dir, count) in [("1/2", "one", 1), ("2/2", "two", 2)] {
        let _permit = crate::permit::Permit::one();
        let args = [&["run", "--shard", shard, "--report-dir", dir], &select[..]].concat();
        lab.tell_command(lab.command(&args))
            .exits(0)
            .says(&[&format!("{count} passed")]);
    }
    lab.tell(&["report", "merge", "one", "two", "--report-dir", "report"])
        .exits(0);
    let merged: BTreeSet<(String, &str)> = lab.verdicts().into_iter().collect();
    assert_eq!(merged, select.map(|id| (id.to_owned(), "passed")).into());
    assert_eq!(lab.results().totals.passed, 3);
    // It is made of what happened in each, with the meshes of all.
    let log = std::fs::read_to_string(lab.report().join("events.jsonl")).expect("it is written");
    let meshes = |event: &str| log.lines().filter(|line| line.contains(event)).count();
    assert_eq!((meshes("\"mesh-ready\""), meshes("\"run-started\"")), (3, 1), "{log}");
}

#[test]
fn a_dry_run_tells_the_plan_and_starts_nothing() {
    let lab = Lab::new();
    let told = lab
        .tell(&["run", "--dry-run", SHOP, HOPS, "--envoy", "/nonexistent"])
        .exits(0);
    assert!(told.out.contains(SHOP) && told.out.contains(HOPS), "{}", told.out);
    assert!(
        told.err.starts_with("2 cases on 2 meshes; about ") && told.err.ends_with("a guess (~)\n"),
        "{}",
        told.err
    );
    assert_eq!(names(&lab.state()), [""; 0]);
    assert!(!lab.project().join("reports").exists());
}

const CONFIG: &str = "envoy-configs/petstore.yaml";
const ROUTE: &str = "route: {cluster: local_service, timeout: 5s}";
const NO_ROUTE: &str = "direct_response: {status: 418}";

/// Makes petstore's Envoy lose its inbound route.
fn lose_a_route(lab: &Lab) {
    lab.edit(CONFIG, ROUTE, NO_ROUTE);
}

fn mend(lab: &Lab) {
    lab.edit(CONFIG, NO_ROUTE, ROUTE);
}

#[test]
fn fail_fast_runs_nothing_after_the_first_failure() {
    let lab = Lab::new();
    lose_a_route(&lab);
    lab.run(&["--fail-fast", HOPS, SHOP]).exits(1).says(&["1 failed"]);
    assert_eq!(lab.verdicts(), [(HOPS.to_owned(), "failed")]);
    assert!(lab.results().run.interrupted, "not all that was asked for has run");
}

#[test]
fn what_failed_is_run_again_and_nothing_else() {
    let lab = Lab::new();
    lose_a_route(&lab);
    lab.run(&["edge/*", HOPS, SHOP]).exits(1);
    let both = |word| vec![(HOPS.to_owned(), word), (SHOP.to_owned(), word)];
    lab.run(&["--rerun", "failed"]).exits(1);
    assert_eq!(
        lab.verdicts(),
        both("failed"),
        "neither what passed nor what was not asked for"
    );
    mend(&lab);
    lab.run(&["--rerun", "failed"]).exits(0);
    assert_eq!(lab.verdicts(), both("passed"));
    lab.run(&["--rerun", "failed"])
        .exits(0)
        .says(&["there is nothing to run again"]);
    assert_eq!(lab.verdicts(), both("passed"), "the report is still there");
}

#[test]
fn what_failed_in_a_part_is_all_run_again() {
    let lab = Lab::new();
    lose_a_route(&lab);
    let shard = ["--shard", "2/2"];
    let select = [SHOP, "routing/petshop[petstores=1,pets=2]", HOPS];
    lab.run(&[&shard, &select[..]].concat()).exits(1).says(&["2 failed"]);
    mend(&lab);
    lab.run(&[&["--rerun", "failed"], &shard[..], &select].concat())
        .exits(0)
        .says(&["2 passed"]);
}

#[test]
fn what_a_run_did_not_come_to_is_run_again_too() {
    let lab = Lab::new();
    lose_a_route(&lab);
    lab.run(&["--fail-fast", HOPS, SHOP]).exits(1);
    mend(&lab);
    lab.run(&["--rerun", "failed", "routing/only*", SHOP]).exits(0);
    assert_eq!(
        lab.verdicts(),
        [(HOPS.to_owned(), "passed"), (SHOP.to_owned(), "passed")]
    );
}

/// The services of the build, but a `pet` that ends at once the first time that it is started.
fn clumsy_pet(lab: &Lab) -> String {
    let real = meshkat().parent().expect("a program is in a folder");
    let folder = lab.path("services");
    fs::create_dir(&folder).expect("the folder is the test's own");
    for service in ["petstore", "echo", "sds"] {
        symlink(real.join(service), folder.join(service)).expect("the folder is the test's own");
    }
    let (stumbled, pet) = (lab.path("stumbled"), real.join("pet"));
    let (stumbled, pet) = (stumbled.display(), pet.display());
    lab.program(
        "services/pet",
        &format!("#!/bin/sh\nif mkdir '{stumbled}' 2>/dev/null; then echo stumbled; exit 7; fi\nexec '{pet}' \"$@\"\n"),
    );
    folder.display().to_string()
}

#[test]
fn what_passes_only_the_second_time_is_flaky_and_says_why() {
    let lab = Lab::new();
    let mut command = lab.run_command(&[SHOP, "--retries", "2"]);
    command.env("MESHKAT_SERVICES", clumsy_pet(&lab));
    let permit = crate::permit::Permit::one();
    lab.tell_command(command)
        .exits(0)
        .says(&["retry", "attempt 2", "flaky"]);
    drop(permit);
    assert_eq!(lab.verdicts(), [(SHOP.to_owned(), "flaky")]);
    let case = lab.case(SHOP);
    assert_eq!((case.attempts, case.failure), (2, None));
    let [earlier] = &case.earlier_failures[..] else {
        panic!("{:?}", case.earlier_failures)
    };
    assert_eq!(earlier.message, "the mesh did not come up");
    assert!(
        earlier.actual.contains("exited with code 7") && earlier.actual.contains("stumbled"),
        "{}",
        earlier.actual
    );
}

#[test]
fn without_retries_the_first_time_is_the_last() {
    let lab = Lab::new();
    let mut command = lab.run_command(&[SHOP]);
    command.env("MESHKAT_SERVICES", clumsy_pet(&lab));
    let _permit = crate::permit::Permit::one();
    lab.tell_command(command)
        .exits(3)
        .says(&["exited with code 7", "stumbled"]);
    assert_eq!(lab.verdicts(), [(SHOP.to_owned(), "errored")]);
}
