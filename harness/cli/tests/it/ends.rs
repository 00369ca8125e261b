//! Exit codes: a test that failed is never the environment's fault, and a broken environment is never a failed test.

use std::fs;

use crate::{
    lab::{Lab, names},
    permit::Permit,
};

const SHOP: &str = "routing/petshop[petstores=1,pets=1]";

/// Holds that a command left no trace of ever having started anything.
#[track_caller]
fn nothing_was_started(lab: &Lab) {
    assert_eq!(
        names(&lab.state()),
        [""; 0],
        "nothing is written before everything holds"
    );
    assert!(!lab.report().exists(), "there is no report of what did not run");
}

#[test]
fn all_passed_is_0() {
    let lab = Lab::new();
    let told = lab.run(&[SHOP]).exits(0).says(&["1 case: 1 passed"]);
    assert_eq!(told.out, "");
    assert_eq!(lab.verdicts(), [(SHOP.to_owned(), "passed")]);
    let results = lab.results();
    assert_eq!((results.totals.cases, results.totals.passed), (1, 1));
    assert!(
        results.totals.checks > 40 && results.totals.requests > 40,
        "{:?}",
        results.totals
    );
    assert_eq!(
        (results.run.runtime.as_str(), results.run.interrupted),
        ("process", false)
    );
    assert_eq!(
        names(&lab.report()),
        [
            "events.jsonl",
            "index.html",
            "junit.xml",
            "results.json",
            "summary.md",
            "times.json"
        ]
    );
}

#[test]
fn a_scenario_that_does_not_hold_is_2_and_starts_nothing_not_even_the_others() {
    let lab = Lab::new();
    lab.write(
        "scenarios/routing/slip.yaml",
        "promise: It answers.\nmesh: petshop\nsteps:\n  - get: /stores\n    statsu: 200\n",
    );
    let parts = [
        "scenarios/routing/slip.yaml:5:",
        "statsu",
        "did you mean `status`",
        "1 problem in 1 file",
    ];
    for words in [&[][..], &["routing"], &["routing/s*", SHOP]] {
        lab.run(words).exits(2).says(&parts);
    }
    nothing_was_started(&lab);
    // Whoever names another one has nothing to do with it.
    lab.tell(&["list", SHOP]).exits(0);
    lab.tell(&["explain", SHOP]).exits(0);
}

#[test]
fn a_mesh_that_does_not_hold_is_2() {
    let lab = Lab::new();
    lab.edit("scenarios/meshes/edge.yaml", "ingress.yaml", "ingres.yaml");
    for words in [&[][..], &["edge"]] {
        lab.run(words).exits(2).says(&[
            "scenarios/meshes/edge.yaml:4:",
            "ingres.yaml",
            "did you mean `ingress.yaml`",
        ]);
    }
    lab.tell(&["list", SHOP]).exits(0);
    lab.tell(&["up", "edge"]).exits(2).says(&["ingres.yaml"]);
    nothing_was_started(&lab);
}

#[test]
fn words_that_meshkat_does_not_know_are_2() {
    let lab = Lab::new();
    for (args, parts) in [
        (&["run", "--retrys", "1"][..], &["--retrys", "--retries"][..]),
        (&["run", "--jobs", "0"], &["neither `auto` nor a number from 1 to 64"]),
        (
            &["run", "--seed", "1.5"],
            &["a seed is a whole number from 0 to", "such as 7"],
        ),
        (&["up", "--ready-within", "soon"], &["such as 30 or 30s"]),
        (&["sync", "--within", "11m"], &["a time from 0 s to 600 s"]),
        (&["run", "--shard", "4/3"], &["`4/3` is not a shard"]),
        (&["rum"], &["rum", "run"]),
        (&["up", "petshp"], &["there is no mesh `petshp`", "petshop"]),
        (&["run", "--envoy", "9.99"], &["9.99"]),
        (
            &["explain", "routing/petshop"],
            &["`routing/petshop` has ", " cases", SHOP],
        ),
        (
            &["run", "--rerun", "failed"],
            &["there is no last run in reports/latest"],
        ),
    ] {
        lab.tell(args).exits(2).says(parts);
    }
    nothing_was_started(&lab);
}

#[test]
fn a_folder_outside_of_every_project_is_2() {
    let lab = Lab::new();
    for args in [&["run"][..], &["list"], &["lint"], &["explain", SHOP], &["up"]] {
        let mut command = lab.command(args);
        command.current_dir(lab.path("said"));
        lab.tell_command(command)
            .exits(2)
            .says(&["is not in a meshkat project", "scenarios/"]);
    }
    nothing_was_started(&lab);
    // A folder below is inside.
    let mut command = lab.command(&["list", SHOP]);
    command.current_dir(lab.project().join("scenarios/routing"));
    lab.tell_command(command).exits(0);
}

#[test]
fn an_envoy_that_is_not_there_is_3() {
    let lab = Lab::new();
    lab.run(&[SHOP, "--envoy", "/nonexistent"])
        .exits(3)
        .says(&["/nonexistent", "help: "]);
    let readme = lab.program("no-envoy", "#!/bin/sh\necho something else\n");
    lab.run(&[SHOP, "--envoy", &readme])
        .exits(3)
        .says(&["no-envoy", "something else", "help: "]);
    nothing_was_started(&lab);
}

#[test]
fn services_that_were_not_built_are_3() {
    let lab = Lab::new();
    let mut command = lab.run_command(&[SHOP]);
    command.env("MESHKAT_SERVICES", lab.path("tmp"));
    lab.tell_command(command)
        .exits(3)
        .says(&["there is no `", "cargo build --workspace"]);
    assert_eq!(lab.verdicts(), [(SHOP.to_owned(), "errored")]);
    assert_eq!(lab.case(SHOP).checks, 0);
}

/// A script that says that it is the real Envoy, and then does something else.
fn fake_envoy(lab: &Lab, does: &str) -> String {
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then\n  echo 'envoy  version: 1234567890123456789012345678901234567890/1.40.0/Clean/RELEASE/BoringSSL'\n  \
         exit 0\nfi\n{does}\n"
    );
    lab.program("fake-envoy", &script)
}

#[test]
fn an_envoy_that_ends_at_once_is_3_and_its_last_words_are_told() {
    let lab = Lab::new();
    let envoy = fake_envoy(&lab, "echo 'cannot allocate memory' >&2\nexit 71");
    lab.run(&[SHOP, "--envoy", &envoy])
        .exits(3)
        .says(&["exited with code 71", "cannot allocate memory"]);
    let failure = lab.failure(SHOP);
    assert_eq!(
        (failure.step.as_str(), failure.message.as_str()),
        ("start the mesh", "the mesh did not come up")
    );
    assert_eq!(lab.verdicts(), [(SHOP.to_owned(), "errored")]);
}

#[test]
fn an_envoy_that_never_answers_is_3_and_what_was_seen_last_is_told() {
    let lab = Lab::new();
    let envoy = fake_envoy(&lab, "exec sleep 1000");
    lab.run(&[SHOP, "--envoy", &envoy, "--ready-within", "1"])
        .exits(3)
        .says(&["the mesh did not become ready within 1s"]);
    let failure = lab.failure(SHOP);
    assert!(
        failure.actual.contains("its admin interface cannot be reached"),
        "{}",
        failure.actual
    );
    let _permit = Permit::one();
    lab.tell(&["up", "edge", "--envoy", &envoy, "--ready-within", "1"])
        .exits(3)
        .says(&["the mesh did not come up"]);
    lab.tell(&["up", "edge", "--detach", "--envoy", &envoy, "--ready-within", "1"])
        .exits(3)
        .says(&["the mesh did not come up"]);
}

#[test]
fn a_report_that_cannot_be_written_is_3() {
    let lab = Lab::new();
    lab.write("report", "a file is in the way");
    lab.run(&[SHOP]).exits(3).says(&["report"]);
    fs::remove_file(lab.report()).expect("the folder is the test's own");
}

#[test]
fn nothing_selected_is_4() {
    let lab = Lab::new();
    for (args, parts) in [
        (
            &["run", "routing/petshp"][..],
            &["no case matches `routing/petshp`", "routing/petshop"][..],
        ),
        (&["run", "nothing/*", SHOP], &["no case matches `nothing/*`"]),
        (&["run", "--tag", "slow"], &["no case matches `--tag slow`"]),
        (&["run", SHOP, "--shard", "2/2"], &["there is nothing in shard 2/2"]),
        (&["list", "eds/*", "--tag", "smoke"], &["nothing was selected"]),
        (&["explain", "routing/petshp"], &["there is no case `routing/petshp`"]),
        (
            &["list", "routing/petshop[pets=1,petstores=1]"],
            &["the axes of an id are in the order of the file", SHOP],
        ),
        (
            &["explain", "routing/petshop[pets=1,petstores=1]"],
            &["the axes of an id are in the order of the file", SHOP],
        ),
        (
            &["list", "routing/petshop[petstores=1]"],
            &["an id has a value for each axis", "`routing/petshop[*petstores=1*]`"],
        ),
        (&["down", "17"], &["no mesh `17`"]),
        (&["fault", "kill", "pet-1"], &["no mesh runs"]),
    ] {
        lab.tell(args).exits(4).says(parts);
    }
    nothing_was_started(&lab);
}
