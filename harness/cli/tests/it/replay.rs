//! The log of a run: what is shown of it, and what of a run that was killed.

use std::fs;

use rustix::process::Signal;

use crate::{lab::Lab, permit::Permit, process::until};

const CASE: &str = "routing/petshop[petstores=1,pets=1]";

#[test]
fn a_run_is_shown_once_more_as_it_was() {
    let lab = Lab::new();
    lab.edit(
        "envoy-configs/petstore.yaml",
        "route: {cluster: local_service, timeout: 5s}",
        "direct_response: {status: 418}",
    );
    let seen = lab.run(&[CASE, "--culprit-within", "0"]).exits(1).err;
    let log = fs::read_to_string(lab.report().join("events.jsonl")).expect("there was a run");
    for words in [
        &["replay", "report"][..],
        &["replay", "report", "--speed", "max"],
        &["replay", "report/events.jsonl"],
        &["replay", "report", "--speed", "1000"],
    ] {
        let told = lab.tell(words).exits(0);
        assert_eq!(told.err, seen, "{words:?}");
        assert_eq!(told.out, "");
    }
    assert_eq!(
        fs::read_to_string(lab.report().join("events.jsonl")).expect("it is there"),
        log,
        "nothing is written"
    );
    for (words, part) in [
        (&["replay", "scenarios"][..], "scenarios/events.jsonl is not there"),
        (
            &["replay", "report", "--speed", "0"],
            "a number from 0.01 to 1000, or `max`",
        ),
        (&["replay", "report/junit.xml"], "line 1"),
    ] {
        lab.tell(words).exits(2).says(&[part]);
    }
}

#[test]
fn a_run_that_was_killed_leaves_what_had_happened() {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write(
        "scenarios/mine/waits.yaml",
        "promise: It waits.\nmesh: neighbours\nsteps:\n  - {get: /stores/1, status: 200}\n  - {get: /stores/77, status: 200, within: 60s}\n",
    );
    let log = lab.report().join("events.jsonl");
    let _permit = Permit::one();
    let run = lab.start(lab.run_command(&["mine/waits"]), "run");
    until("its second step runs", || {
        fs::read_to_string(&log).is_ok_and(|log| log.matches("step-started").count() == 2)
    });
    run.signal(Signal::KILL);
    run.end().was_killed();
    let told = lab.tell(&["replay", "report"]).exits(0);
    assert!(told.err.contains("interrupted after 0 of 1 case"), "{}", told.err);
    lab.tell(&["report", "merge", "report", "--report-dir", "merged"])
        .exits(0);
    let merged = fs::read_to_string(lab.project().join("merged/events.jsonl")).expect("it is written");
    assert_eq!(merged.matches("step-started").count(), 2, "{merged}");
    assert!(merged.ends_with("\"interrupted\":true}\n"), "{merged}");
    lab.tell(&["clean"]).exits(0);
    lab.nothing_is_left();
}
