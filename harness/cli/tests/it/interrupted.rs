//! Runs that a person ends.

use std::fs::{self, OpenOptions};

use meshkat_model::results::Results;
use rustix::{
    fs::{FlockOperation, flock},
    process::Signal,
};

use crate::{lab::Lab, permit::Permit, process::until};

const FIRST: &str = "edge/host-routing";
const LONG: &str = "failover/pet-down[how=killed]";

/// The report as it is now, which is valid at every moment.
fn results(lab: &Lab) -> Option<Results> {
    let text = fs::read_to_string(lab.report().join("results.json")).ok()?;
    Some(serde_json::from_str(&text).expect("a report that is being written is a whole one all the same"))
}

#[test]
fn a_run_that_is_told_to_end_keeps_what_it_had_and_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let lab = Lab::new();
        let _permit = Permit::one();
        let run = lab.start(
            lab.run_command(&["--order", "written", FIRST, LONG, "routing/*"]),
            "run",
        );
        until("the first case has ended and the next has a mesh", || {
            results(&lab).is_some_and(|results| results.cases.len() == 1) && lab.runs().len() == 1
        });
        run.signal(signal);
        run.end().exits(130).says(&[
            "stopping in order; Ctrl-C once more stops at once",
            "interrupted",
            "1 passed",
        ]);
        assert_eq!(lab.verdicts(), [(FIRST.to_owned(), "passed")]);
        let results = lab.results();
        assert!(results.run.interrupted && results.run.duration_ms > 0);
        assert_eq!(results.totals.cases, 1);
        lab.nothing_is_left();
    }
}

#[test]
fn a_report_that_is_being_written_calls_the_run_interrupted() {
    let lab = Lab::new();
    let _permit = Permit::one();
    let run = lab.start(lab.run_command(&[LONG]), "run");
    until("there is a report", || results(&lab).is_some());
    assert!(results(&lab).is_some_and(|results| results.run.interrupted && results.cases.is_empty()));
    run.signal(Signal::TERM);
    run.end().exits(130);
}

#[test]
fn told_twice_it_ends_at_once() {
    let lab = Lab::new();
    // Whoever starts or removes a mesh waits for this lock: nothing ends in order while it is held.
    fs::create_dir(lab.state()).expect("the folder is the test's own");
    let lock = lab.state().join("lock");
    let held = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(lock)
        .expect("the folder is the test's own");
    flock(&held, FlockOperation::LockExclusive).expect("nobody else has it");
    let _permit = Permit::one();
    let mut run = lab.start(lab.run_command(&[LONG]), "run");
    until("the run has begun", || results(&lab).is_some());
    run.signal(Signal::INT);
    run.until_it_says("stopping in order; Ctrl-C once more stops at once");
    assert!(!run.has_ended(), "it waits for the mesh");
    run.signal(Signal::INT);
    run.end().exits(130);
    assert!(lab.results().run.interrupted);
}

/// An Envoy that never gets ready.
fn slow_envoy(lab: &Lab) -> String {
    let banner = "envoy  version: 1234567890123456789012345678901234567890/1.40.0/Clean/RELEASE/BoringSSL";
    let script =
        format!("#!/bin/sh\nif [ \"$1\" = --version ]; then\n  echo '{banner}'\n  exit 0\nfi\nexec sleep 1000\n");
    lab.program("slow-envoy", &script)
}

#[test]
fn a_mesh_that_is_still_coming_up_ends_too() {
    let lab = Lab::new();
    let envoy = slow_envoy(&lab);
    let _permit = Permit::one();
    for command in [
        lab.run_command(&[FIRST, "--envoy", &envoy]),
        lab.command(&["up", "edge", "--envoy", &envoy]),
        // Whoever waits for a mesh in the background and goes away does not leave it to itself.
        lab.command(&["up", "edge", "--detach", "--envoy", &envoy]),
    ] {
        let run = lab.start(command, "slow");
        until("the mesh is coming up", || lab.runs().len() == 1);
        run.signal(Signal::INT);
        run.end().exits(130);
        lab.nothing_is_left();
    }
}

#[test]
fn a_mesh_that_is_still_coming_up_is_for_down_to_end() {
    let lab = Lab::new();
    let _permit = Permit::one();
    let up = lab.start(lab.command(&["up", "edge", "--envoy", &slow_envoy(&lab)]), "slow");
    until("it is known as what it is", || {
        lab.tell(&["status"]).exits(0).out.contains("mesh edge, started by up")
    });
    lab.tell(&["down"]).exits(0).says(&["ended "]);
    up.end().exits(130);
}
