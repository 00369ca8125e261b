//! Flakes that are looked for: rounds, and busy threads beside them.

use std::{fs, os::unix::fs::symlink, process::Command};

use meshkat_model::results::{Results, Status};
use rustix::process::Signal;

use crate::{
    lab::{Lab, meshkat, names},
    permit::Permit,
    process::{Running, command_line, send, until},
};

const ID: &str = "shop/turns";
const STEADY: &str = "shop/steady";

/// A project with a case that always passes, and one that fails in each second mesh: its `echo` is a `pet` then, which knows no
/// `/hello`.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write(
        "scenarios/shop/turns.yaml",
        "promise: It says hello.\nmesh: {use: edge, replicas: {echo: 1}}\nsteps:\n  - {get: /hello, host: foo.com, status: 200}\n",
    );
    lab.write(
        "scenarios/shop/steady.yaml",
        "promise: A store is there.\nmesh: petshop\nsteps:\n  - {get: /stores, status: 200}\n",
    );
    let real = meshkat().parent().expect("a program is in a folder");
    let folder = lab.path("services");
    fs::create_dir(&folder).expect("the folder is the test's own");
    for service in ["petstore", "pet", "sds"] {
        symlink(real.join(service), folder.join(service)).expect("the folder is the test's own");
    }
    let (turn, real) = (lab.path("turn"), real.display());
    let turn = turn.display();
    lab.program(
        "services/echo",
        &format!(
            "#!/bin/sh\nif mkdir '{turn}' 2>/dev/null; then exec '{real}/echo' \"$@\"; fi\nrmdir '{turn}'\nexec '{real}/pet' \"$1\" \"$2\" \"$3\" \"$4\"\n"
        ),
    );
    lab
}

fn run_command(lab: &Lab, args: &[&str]) -> Command {
    let mut command = lab.run_command(args);
    command.env("MESHKAT_SERVICES", lab.path("services"));
    command
}

/// How a case ended in each of its rounds.
fn rounds(results: &Results, id: &str) -> Vec<(u32, Status)> {
    let cases = results.cases.iter().filter(|case| case.id == id);
    let mut rounds: Vec<(u32, Status)> = cases
        .map(|case| (case.round.map_or(0, |round| round.number), case.status))
        .collect();
    rounds.sort_unstable_by_key(|(number, _)| *number);
    rounds
}

#[test]
fn a_case_that_fails_every_second_time_is_told_as_a_flake_and_fails_the_run() {
    let lab = lab();
    let permit = Permit::one();
    let told = lab
        .tell_command(run_command(&lab, &["--repeat", "4", "--jobs", "1"]))
        .exits(1);
    drop(permit);
    let lines: Vec<&str> = told.err.lines().rev().take(3).collect();
    let flake = "shop/turns: 2 passed, 2 failed: a flake";
    assert_eq!(lines[1..], ["", flake], "{}", told.err);
    assert!(
        lines[0].starts_with("8 cases in 4 rounds: 6 passed, 2 failed"),
        "{}",
        told.err
    );
    told.says(&["FAILED shop/turns, round 2 of 4", "FAILED shop/turns, round 4 of 4"]);
    let results = lab.results();
    let (passed, failed) = (Status::Passed, Status::Failed);
    assert_eq!(
        rounds(&results, ID),
        [(1, passed), (2, failed), (3, passed), (4, failed)]
    );
    assert_eq!(rounds(&results, STEADY), [1, 2, 3, 4].map(|number| (number, passed)));
    assert_eq!(results.flakes.len(), 1);
    assert!(
        results
            .cases
            .iter()
            .all(|case| case.reproduce.ends_with(" --seed 0 --repeat 4"))
    );
    assert_eq!(
        names(&lab.report().join("failures/shop")),
        ["turns~round-2", "turns~round-4"],
        "each failure is kept"
    );
    // What failed twice is run again once, and its echo has its turn.
    let permit = Permit::one();
    lab.tell_command(run_command(&lab, &["--rerun", "failed"]))
        .exits(0)
        .says(&["1 case: 1 passed"]);
    drop(permit);
    assert_eq!(lab.verdicts(), [(ID.to_owned(), "passed")]);
}

#[test]
fn until_one_fails_the_round_in_which_it_does_is_the_last() {
    let lab = lab();
    let permit = Permit::one();
    let told = lab
        .tell_command(run_command(&lab, &["--until-failure", "--jobs", "1"]))
        .exits(1);
    drop(permit);
    told.says(&[
        "until one fails, at most 1,000 rounds",
        "FAILED shop/turns, round 2 of 1000",
        "run 'shop/turns' --seed 0 --until-failure",
        "\n4 cases in 2 rounds: 3 passed, 1 failed",
    ]);
    let results = lab.results();
    assert_eq!(rounds(&results, ID), [(1, Status::Passed), (2, Status::Failed)]);
    assert!(!results.run.interrupted && results.not_run.is_empty());
    // One that never fails ends with the last round.
    let permit = Permit::one();
    lab.tell_command(run_command(&lab, &[STEADY, "--until-failure", "--repeat", "3"]))
        .exits(0)
        .says(&["3 cases in 3 rounds: 3 passed"]);
    drop(permit);
}

#[test]
fn parts_that_are_repeated_and_merged_are_all_rounds_of_the_whole() {
    let lab = lab();
    for (shard, dir) in [("1/2", "one"), ("2/2", "two")] {
        let _permit = Permit::one();
        let mut command = lab.command(&["run", "--repeat", "2", "--shard", shard, "--report-dir", dir]);
        command.env("MESHKAT_SERVICES", lab.path("services"));
        lab.tell_command(command);
    }
    lab.tell(&["report", "merge", "one", "two", "--report-dir", "report"])
        .exits(0);
    let results = lab.results();
    assert_eq!(rounds(&results, ID), [(1, Status::Passed), (2, Status::Failed)]);
    assert_eq!(rounds(&results, STEADY), [(1, Status::Passed), (2, Status::Passed)]);
    assert_eq!(results.flakes.len(), 1);
    assert_eq!(names(&lab.report().join("failures/shop")), ["turns~round-2"]);
}

/// A run that goes on until it is ended, beside three busy threads, and the process that has them.
fn stressed(lab: &Lab) -> (Running, u32) {
    let args = [STEADY, "--until-failure", "--repeat", "10000", "--stress", "3"];
    let run = lab.start(run_command(lab, &args), "stressed");
    let mut busy = None;
    until("the threads are busy and the run goes on", || {
        let is_busy = |pid: &u32| command_line(*pid).trim_end().ends_with(" busy 3");
        busy = lab.processes().into_iter().find(is_busy);
        busy.is_some() && lab.runs().len() == 1
    });
    (run, busy.expect("it was found"))
}

#[test]
fn the_busy_threads_end_with_the_run_however_it_ends() {
    let lab = lab();
    let _permit = Permit::one();
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let (run, busy) = stressed(&lab);
        let threads = fs::read_dir(format!("/proc/{busy}/task")).expect("it runs").count();
        assert_eq!(threads, 4, "three that are busy, and one that waits for the run's end");
        until("they have used the processor", || ticks(busy) > 0);
        if signal == Signal::KILL {
            // Not even if somebody stopped them.
            send(busy, Signal::STOP);
        }
        run.signal(signal);
        match signal {
            Signal::KILL => run.end().was_killed(),
            _ => drop(run.end().exits(130)),
        }
        lab.nothing_is_left();
    }
}

/// The processor time of a process, in ticks of its clock.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let user = after_name.split(' ').nth(11).and_then(|ticks| ticks.parse().ok());
    user.unwrap_or_default()
}

#[test]
fn a_run_that_is_not_stressed_as_it_says_tells_so() {
    let lab = lab();
    let _permit = Permit::one();
    let (run, busy) = stressed(&lab);
    send(busy, Signal::KILL);
    until("they are gone", || !lab.processes().contains(&busy));
    run.signal(Signal::TERM);
    run.end().exits(130).says(&[
        "beside 3 busy threads",
        "warning: the threads that were to be busy ended before the run did",
    ]);
    let results = lab.results();
    assert_eq!(results.run.stress, Some(3));
    let times = fs::read_to_string(lab.report().join("times.json")).unwrap_or_default();
    assert!(
        !times.contains(STEADY),
        "what a busy machine takes is not what is expected: {times}"
    );
}

#[test]
fn what_cannot_be_is_2_and_says_why() {
    let lab = Lab::new();
    for (args, parts) in [
        (&["--repeat", "0"][..], ["--repeat <N>", "0 is not in 1..=10000"]),
        (&["--repeat", "many"], ["--repeat <N>", "many"]),
        (&["--stress", "0"], ["--stress <N>", "0 is not in 1..=64"]),
        (&["--stress", "65"], ["--stress <N>", "65 is not in 1..=64"]),
        (
            &["--until-failure", "--shard", "1/2"],
            [
                "each part would end after another round",
                "`--repeat N` makes the same rounds in each part",
            ],
        ),
    ] {
        let told = lab.tell(&[&["run"], args].concat()).exits(2).says(&parts);
        assert_eq!(told.err.matches("error").count(), 1, "{}", told.err);
    }
    assert!(lab.runs().is_empty() && !lab.report().exists());
    // The last one counts, so that what a recipe says can be said otherwise.
    let args = [
        "run",
        "--dry-run",
        "routing/*",
        "--coverage",
        "full",
        "--repeat",
        "3",
        "--repeat",
        "5",
        "--coverage",
        "each",
    ];
    lab.tell(&args).exits(0).says(&["all of it: 5 rounds"]);
}
