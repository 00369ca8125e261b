//! A machine that does not let meshkat do its part, and a mesh that breaks its promise beside one.

use std::{
    fs,
    time::{Duration, Instant},
};

use meshkat_model::results::Status;
use rustix::process::Signal;

use crate::{
    lab::Lab,
    permit::Permit,
    process::{Running, until},
};

const ID: &str = "shop/steady";

/// For so long the machine stands still: many requests of a load of 100 a second fall due meanwhile.
const STILL: Duration = Duration::from_millis(700);

fn lab(steps: &str) -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    let head = "promise: Nobody waits.\nmesh: {use: edge, replicas: {echo: 1}}\nsteps:\n";
    lab.write("scenarios/shop/steady.yaml", &format!("{head}{steps}"));
    lab
}

/// A load, and what is expected of two seconds of it.
const STEADY: &str = "  - {load: visitors, get: /hello, host: foo.com, rate: 100/s}\n  - {expect: visitors, for: 2s, errors: 0, max: < 400ms}\n";

/// Lets meshkat stand still in the middle of an attempt, as a machine does that has no time for it.
fn stands_still(lab: &Lab, run: &mut Running, attempt: usize) {
    let log = lab.report().join("events.jsonl");
    let begun = || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        let of_load = |line: &&str| line.contains("step-started") && line.contains("expect of visitors");
        log.lines().filter(of_load).count() == attempt
    };
    until("the load is judged", || {
        assert!(!run.has_ended(), "{}", run.err());
        begun()
    });
    run.signal(Signal::STOP);
    let since = Instant::now();
    until("it stood still for long enough", || since.elapsed() >= STILL);
    run.signal(Signal::CONT);
}

#[test]
fn what_the_machine_spoiled_is_told_and_made_again() {
    let lab = lab(STEADY);
    let permit = Permit::one();
    let mut run = lab.start(lab.run_command(&[]), "busy");
    stands_still(&lab, &mut run, 1);
    let told = run.end().exits(0);
    drop(permit);
    told.says(&["void     shop/steady", "1 case: 1 passed", "1 void)"]);
    let case = lab.case(ID);
    assert_eq!((case.status, case.attempts, case.voids.len()), (Status::Passed, 1, 1));
    let void = &case.voids[0];
    assert_eq!(void.line, 5, "{}", void.why);
    assert!(void.machine.timer_delay_max_ms > 500.0, "{:?}", void.machine);
    assert_eq!(lab.results().totals.voids, 1);
    for file in ["summary.md", "index.html", "junit.xml"] {
        let text = fs::read_to_string(lab.report().join(file)).expect("it is written");
        assert!(text.to_lowercase().contains("void"), "{file}");
    }
}

#[test]
fn a_machine_that_spoils_each_attempt_is_told_as_what_it_is() {
    let lab = lab(STEADY);
    let permit = Permit::one();
    let mut run = lab.start(lab.run_command(&[]), "busy");
    for attempt in 1..=3 {
        stands_still(&lab, &mut run, attempt);
    }
    let told = run.end().exits(3);
    drop(permit);
    told.says(&["too busy to judge the case, 3 times", "--jobs 1", "3 voids"]);
    let case = lab.case(ID);
    assert_eq!((case.status, case.voids.len()), (Status::Errored, 3));
}

#[test]
fn what_no_machine_can_have_made_has_failed_though_it_stood_still() {
    let lab = lab(
        "  - {load: visitors, get: /hello, host: foo.com, rate: 100/s}\n  - {expect: visitors, for: 2s, statuses: {404: 100%}}\n",
    );
    let permit = Permit::one();
    let mut run = lab.start(lab.run_command(&["--culprit-within", "0"]), "busy");
    stands_still(&lab, &mut run, 1);
    let told = run.end().exits(1);
    drop(permit);
    told.says(&["1 case: 0 passed, 1 failed"]);
    assert_eq!(lab.case(ID).voids.len(), 0);
}

#[test]
fn a_mesh_that_is_slow_or_loses_requests_has_failed_beside_busy_threads_too() {
    for (fault, expected) in [
        ("{fault: echo, delay: 300ms}", "errors: 0, p99: < 100ms"),
        ("{fault: echo, status: 503, probability: 0.1}", "errors: 0"),
        ("{kill: echo-1}", "within: 1s, errors: 0"),
    ] {
        let window = if expected.starts_with("within") {
            ""
        } else {
            "for: 1s, "
        };
        let lab = lab(&format!(
            "  - {fault}\n  - {{load: visitors, get: /hello, host: foo.com, rate: 200/s}}\n  - {{expect: visitors, {window}{expected}}}\n"
        ));
        let told = lab.run(&["--stress", "4", "--culprit-within", "0"]).exits(1);
        told.says(&["1 case: 0 passed, 1 failed"]);
        assert_eq!(lab.case(ID).voids.len(), 0, "{fault}");
    }
}

#[test]
fn lint_warns_of_races_with_a_timer_and_not_of_an_envoy_that_waits_for_ever() {
    let lab = Lab::new();
    lab.remove_scenarios();
    let scenario = |overlays: &str, because: &str| {
        format!(
            "promise: p\nmesh: {{use: petshop, replicas: {{petstore: 1}}, not-started: [sds, petstore, ingress]{overlays}}}\nsteps:\n  \
             - {{start: [petstore, ingress]}}\n  - {{envoy: ingress, ready: PRE_INITIALIZING{because}}}\n"
        )
    };
    let told = |overlays: &str, because: &str| {
        lab.write("scenarios/shop/race.yaml", &scenario(overlays, because));
        lab.tell(&["lint", "scenarios"]).exits(0).err
    };
    let race = "scenarios/shop/race.yaml:5:29: `PRE_INITIALIZING` of ingress ends by itself";
    let warned = told("", "");
    assert_eq!(warned.matches(race).count(), 1, "{warned}");
    assert!(warned.contains("`initial_fetch_timeout: 0s`"), "{warned}");
    for (overlays, because) in [(", overlays: waiting-edge", ""), ("", ", because: it is asked at once")] {
        let quiet = told(overlays, because);
        assert!(!quiet.contains("ends by itself"), "{overlays}{because}: {quiet}");
    }
    lab.write("scenarios/shop/race.yaml", &scenario("", ", because: ' '"));
    lab.tell(&["lint", "scenarios"]).exits(2).says(&["there is no reason"]);
}
