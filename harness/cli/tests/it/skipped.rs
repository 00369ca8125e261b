//! Cases that the process runtime cannot run: told before anything starts, and no failure.

use serde_json::Value;

use crate::lab::{Lab, names};

const REASON: &str =
    "which this runtime cannot: its pods share the machine's loopback interface, where only root can drop packets";
const LOOK: &str = "shop/look";

/// A project of two scenarios: one only looks, the other cuts a pod off, in two ways.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    let look = "promise: It answers.\nmesh: neighbours\nsteps:\n  - {get: /healthz, direct: pet, status: 200}\n";
    let cut = "promise: It is gone, and comes back.\nmesh: neighbours\naxes: {cut: [black-holed, refusing]}\nsteps:\n  \
               - network: \"${cut}\"\n    of: pet\n  - network: restored\n  - {get: /healthz, direct: pet, status: 200}\n";
    lab.write("scenarios/shop/look.yaml", look);
    lab.write("scenarios/shop/cut.yaml", cut);
    lab
}

/// As it is said of all of them at once.
fn cause() -> String {
    format!("needs to cut the network between pods, {REASON}")
}

/// As it is said of one case.
fn why() -> String {
    format!("needs to cut the network between pods (scenarios/shop/cut.yaml:5), {REASON}")
}

#[test]
fn what_will_be_skipped_is_listed_with_its_reason() {
    let lab = lab();
    for args in [
        &["list"][..],
        &["list", "--runtime", "process"],
        &["run", "--dry-run", "--envoy", "/nonexistent"],
    ] {
        let told = lab.tell(args).exits(0);
        let row = told.out.lines().find(|line| line.contains("shop/cut[cut=refusing]"));
        assert!(row.is_some_and(|row| row.contains("skipped")), "{}", told.out);
        let row = told.out.lines().find(|line| line.contains(LOOK));
        assert!(row.is_some_and(|row| row.contains("neighbours")), "{}", told.out);
        assert!(
            told.err.starts_with("1 case on 1 mesh, 2 skipped; about "),
            "{}",
            told.err
        );
        let reasons = format!("\nskipped 2 cases: {}\n", cause());
        assert!(
            told.err.ends_with(&reasons) && told.err.lines().count() == 2,
            "one reason is told once: {}",
            told.err
        );
    }
    let told = lab.tell(&["list", "--format", "json", "--shards", "2"]).exits(0);
    let all: Vec<Value> = serde_json::from_str(&told.out).expect("it is JSON, and an array");
    let skipped = |case: &Value| (case["id"].clone(), case["skipped"].clone());
    let expected = [
        ("shop/look", Value::Null),
        ("shop/cut[cut=black-holed]", why().into()),
        ("shop/cut[cut=refusing]", why().into()),
    ];
    let expected = expected.map(|(id, skipped)| (Value::from(id), skipped));
    assert_eq!(all.iter().map(skipped).collect::<Vec<_>>(), expected);
    assert!(
        all.iter()
            .all(|case| case["mesh"] == "neighbours" && case["shard"].is_string())
    );
    lab.tell(&["list", "--runtime", "moon"]).exits(2).says(&["process"]);
}

#[test]
fn a_case_is_explained_with_why_it_would_be_skipped() {
    let lab = lab();
    let cut = lab.tell(&["explain", "shop/cut[cut=refusing]"]).exits(0);
    assert!(cut.out.contains(&format!("\nskipped\n  {}\n", why())), "{}", cut.out);
    assert!(
        cut.out
            .contains("1. network refusing of pet   (scenarios/shop/cut.yaml:5)"),
        "{}",
        cut.out
    );
    let look = lab.tell(&["explain", LOOK]).exits(0);
    assert!(!look.out.contains("skipped"), "{}", look.out);
}

#[test]
fn skipped_beside_passed_is_a_success_and_nothing_to_run_again() {
    let lab = lab();
    let told = lab
        .run(&[])
        .exits(0)
        .says(&["3 cases: 1 passed, 2 skipped", &format!("skipped 2 cases: {}", cause())]);
    assert_eq!(told.err.matches(REASON).count(), 1, "{}", told.err);
    let results = lab.results();
    assert_eq!(
        (results.totals.cases, results.totals.passed, results.totals.skipped),
        (3, 1, 2)
    );
    assert_eq!(lab.case("shop/cut[cut=black-holed]").skipped, Some(why()));
    let first = names(&lab.report());
    for file in ["results.json", "junit.xml", "index.html", "summary.md"] {
        assert!(first.iter().any(|name| name == file), "{first:?}");
    }
    assert!(!first.iter().any(|name| name == "failures"), "{first:?}");
    lab.run(&["--rerun", "failed"])
        .exits(0)
        .says(&["there is nothing to run again"]);
    lab.tell(&["report", "merge", "report", "--report-dir", "merged"])
        .exits(0);
    let merged = std::fs::read_to_string(lab.project().join("merged/results.json")).expect("it was merged");
    let merged: Value = serde_json::from_str(&merged).expect("it is a report");
    assert_eq!(merged["totals"]["skipped"], 2);
}

#[test]
fn where_everything_is_skipped_the_code_is_4_and_it_says_why() {
    let lab = lab();
    lab.run(&["shop/cut"]).exits(4).says(&[
        &format!("every case was skipped: it {}", cause()),
        "2 cases: 0 passed, 2 skipped",
    ]);
    assert_eq!(lab.results().totals.skipped, 2, "the report has them all the same");
    assert!(lab.runs().is_empty(), "no mesh was started");
}
