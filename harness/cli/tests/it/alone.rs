//! Runs side by side, and cases among others.

use crate::{lab::Lab, permit::Permit};

const SHOP: &str = "routing/petshop[petstores=2,pets=2]";
const HOPS: &str = "routing/only-through-envoy";

#[test]
fn two_runs_side_by_side_do_not_meet() {
    let (one, two) = (Lab::new(), Lab::new());
    let _permit = Permit::two();
    let first = one.start(one.run_command(&[SHOP, HOPS]), "run");
    let second = two.start(two.run_command(&[SHOP, HOPS]), "run");
    for (lab, run) in [(&one, first), (&two, second)] {
        run.end().exits(0);
        assert_eq!(
            lab.verdicts(),
            [(HOPS.to_owned(), "passed"), (SHOP.to_owned(), "passed")]
        );
    }
}

#[test]
fn two_runs_with_the_same_state_folder_do_not_meet_either() {
    let lab = Lab::new();
    let _permit = Permit::two();
    let start = |name: &str| {
        let command = lab.command(&["run", "--report-dir", name, SHOP, HOPS, "edge/*"]);
        lab.start(command, name)
    };
    let (first, second) = (start("first"), start("second"));
    for run in [first, second] {
        run.end().exits(0).says(&["9 cases: 9 passed"]);
    }
}

#[test]
fn two_meshes_of_one_run_do_not_meet() {
    let lab = Lab::new();
    let _permit = Permit::two();
    let cases = ["routing/petshop[petstores=1,pets=1]", SHOP, HOPS, "edge/*"];
    lab.tell_command(lab.run_command(&[&["--jobs", "2"], &cases[..]].concat()))
        .exits(0)
        .says(&["10 cases: 10 passed"]);
}

/// Two cases that only look share their mesh with a third one that fails: none of them notices.
#[test]
fn a_case_gives_the_verdict_that_it_gives_alone() {
    let lab = Lab::new();
    let case = |status: u16, path: &str| {
        format!("promise: It answers.\nmesh: neighbours\nsteps:\n  - {{get: {path}, status: {status}}}\n")
    };
    lab.write("scenarios/shared/a.yaml", &case(200, "/stores"));
    lab.write("scenarios/shared/b.yaml", &case(500, "/stores/1"));
    lab.write("scenarios/shared/c.yaml", &case(200, "/stores/1"));
    lab.run(&["shared/*"])
        .exits(1)
        .says(&["3 cases on 1 mesh", "3 cases: 2 passed, 1 failed"]);
    let together = lab.verdicts();
    assert_eq!(
        together,
        [
            ("shared/a".to_owned(), "passed"),
            ("shared/b".to_owned(), "failed"),
            ("shared/c".to_owned(), "passed")
        ]
    );
    for (id, verdict) in together {
        lab.run(&[&id]).exits(i32::from(verdict != "passed"));
        assert_eq!(lab.verdicts(), [(id, verdict)]);
    }
}
