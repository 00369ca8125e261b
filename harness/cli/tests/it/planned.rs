//! Which meshes are shared, in what order, and that no verdict depends on either.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::{lab::Lab, permit::Permit};

/// A project of cases that need the same mesh: they look, or they harm it in some way that can be undone. Two fail wherever
/// they run, and one of those only by what it counts from the start of its Envoy.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    let whole = "  - envoy: petstore-1\n    endpoints: {pet: [pet-1, pet-2]}\n  - get: /stores/1\n    times: 12\n    status: 200\n    \
                 distinct: {pet: 2, petstore: 1}\n";
    let write = |name: &str, axes: &str, steps: &str| {
        let text = format!(
            "promise: It is as it was.\nmesh:\n  use: petshop\n  replicas: {{petstore: 1, pet: 2}}\n  overlays: xds-grpc\n{axes}steps:\n{whole}{steps}"
        );
        lab.write(&format!("scenarios/one/{name}.yaml"), &text);
    };
    let harms = [
        ("kills", "  - kill: pet-1\n"),
        ("kills-an-envoy", "  - kill: pet-2/envoy\n"),
        ("pauses", "  - pause: [pet-1, petstore-1/application]\n"),
        ("stops", "  - stop: petstore-1\n"),
        ("faults", "  - {fault: pet, status: 500}\n"),
        ("grows", "  - scale: {pet: 3}\n"),
        ("shrinks", "  - scale: {pet: 0}\n"),
        ("weighs", "  - register: {pet: {pet-1: 9, pet-2: 1}}\n"),
        ("empties", "  - register: {pet: []}\n"),
        ("withdraws", "  - unregister: pet\n"),
        (
            "loads",
            "  - {load: all, get: /stores/1, rate: 50/s}\n  - {expect: all, for: 200ms, errors: 0}\n",
        ),
    ];
    for (name, harm) in harms {
        write(name, "", harm);
    }
    write(
        "loses-discovery",
        "axes:\n  how: [killed, hung, cut, silent, garbage, empty, flapping]\n",
        "  - discovery: \"${how}\"\n",
    );
    write(
        "looks",
        "axes:\n  store: [1, 2]\n",
        "  - {get: \"/stores/${store}\", status: 200}\n",
    );
    // Others need other numbers of pods, and see whether they have them.
    let sizes = "promise: It has its pods.\nmesh:\n  use: petshop\n  replicas: {petstore: \"${stores}\", pet: \"${pets}\"}\n  overlays: \
                 xds-grpc\naxes:\n  stores: [1, 2]\n  pets: [1, 3]\nsteps:\n  - get: /stores/1\n    times: 24\n    status: 200\n    \
                 distinct: {pet: \"${pets}\", petstore: \"${stores}\"}\n";
    lab.write("scenarios/one/sized.yaml", sizes);
    lab.write("scenarios/one/sized-kills.yaml", &format!("{sizes}  - kill: pet-1\n"));
    write("fails", "", "  - kill: pet-1\n  - {get: /stores/7, status: 200}\n");
    // On a mesh that others have used before, it would have seen more requests than these twelve.
    write(
        "counts",
        "",
        "  - envoy: petstore-1\n    stats: {cluster.pet.upstream_rq_total: 12}\n  - {get: /stores/1, direct: petstore-1, status: 404}\n",
    );
    lab
}

/// The verdict of each case, and the line of the expectation that did not hold.
fn verdicts(lab: &Lab) -> BTreeMap<String, (&'static str, Option<usize>)> {
    let cases = lab.results().cases.into_iter();
    let verdict = |failure: Option<meshkat_model::results::Failure>| failure.map(|failure| failure.line);
    cases
        .map(|case| (case.id, (case.status.word(), verdict(case.failure))))
        .collect()
}

#[test]
fn sharing_and_order_never_change_a_verdict() {
    let lab = lab();
    // Nobody looks for a culprit here: that would run cases again.
    let run = |args: &[&str]| {
        // Several meshes at a time: then cases of other sizes share one, too.
        let told = lab
            .run(&[&["--culprit-within", "0", "--jobs", "4"], args].concat())
            .exits(1);
        (verdicts(&lab), told.err)
    };
    let (alone, told) = run(&["--share", "never"]);
    assert_eq!(alone.len(), 30, "{alone:#?}");
    assert!(told.contains("30 meshes)"), "{told}");
    let failed: Vec<&str> = alone
        .iter()
        .filter(|(_, verdict)| verdict.0 != "passed")
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(failed, ["one/counts", "one/fails"]);
    let (looks, _) = run(&["--share", "looks"]);
    assert_eq!(looks, alone);
    for order in [
        &["--order", "written"][..],
        &["--order", "random", "--seed", "1"],
        &["--order", "random", "--seed", "2"],
        &["--order", "random", "--seed", "3"],
        &[],
    ] {
        let (shared, told) = run(order);
        assert_eq!(shared, alone, "{order:?}");
        assert!(
            told.contains(" repairs, ") && told.contains(" scalings)") && !told.contains("in vain"),
            "{told}"
        );
    }
}

#[test]
fn a_plan_says_who_shares_what_and_what_it_is_expected_to_take() {
    let lab = lab();
    let told = lab.tell(&["list", "--jobs", "1"]).exits(0);
    assert!(
        told.err.contains("30 cases on 1 mesh, 17 repairs, 6 scalings; about "),
        "{}",
        told.err
    );
    assert!(told.err.contains("the time of 30 cases is a guess (~)"), "{}", told.err);
    let row = |id: &str| {
        told.out
            .lines()
            .find(|line| line.contains(id))
            .expect("it is in the plan")
            .to_owned()
    };
    let first = told.out.lines().nth(3).expect("there are rows");
    assert!(
        first.contains("one/counts"),
        "who asks for the past is the first: {first}"
    );
    assert!(
        row("one/kills ").contains("with 29 others, repaired after"),
        "{}",
        row("one/kills ")
    );
    assert!(row("one/looks[store=1").contains("with 29 others"));
    let told = lab.tell(&["list", "--share", "never"]).exits(0);
    assert!(told.err.contains("30 cases on 30 meshes; about "), "{}", told.err);
    let _permit = Permit::one();
    lab.tell(&["run", "one/looks", "one/kills"]).exits(0);
    // What has run is known, also after a run of others.
    lab.tell(&["run", "one/stops"]).exits(0);
    let told = lab.tell(&["list"]).exits(0);
    assert!(told.err.contains("the time of 26 cases is a guess (~)"), "{}", told.err);
    let (seen, guessed): (Vec<&str>, Vec<&str>) = told
        .out
        .lines()
        .filter(|line| line.contains("one/"))
        .partition(|line| !line.contains("~ "));
    assert_eq!((seen.len(), guessed.len()), (4, 26), "{}", told.out);
}

#[test]
fn times_are_taken_from_where_they_are_said_to_be() {
    let lab = lab();
    let all = |args: &[&str]| -> Vec<Value> {
        let told = lab.tell(&[&["list", "--format", "json"], args].concat()).exits(0);
        serde_json::from_str(&told.out).expect("it is JSON, and an array")
    };
    let expected = |cases: &[Value], id: &str| {
        let case = cases.iter().find(|case| case["id"] == id).expect("it is in the plan");
        case["expected_ms"].as_u64().expect("it is a number")
    };
    let times =
        r#"{"schema": 1, "runtimes": {"process": {"cases": {"one/kills": [7, 90000, 8], "one/stops": [50000]}}}}"#;
    lab.write("known/times.json", times);
    for path in ["known", "known/times.json"] {
        let cases = all(&["--times", path]);
        assert_eq!(
            (expected(&cases, "one/kills"), expected(&cases, "one/stops")),
            (8, 50_000)
        );
    }
    // By these, few are in the shard of the one that takes long: those that must be the first or the last, and those of other sizes.
    let parted = all(&["--times", "known", "--shards", "2"]);
    let shard_of = |id: &str| {
        parted
            .iter()
            .find(|case| case["id"] == id)
            .map(|case| case["shard"].clone())
    };
    let beside = parted
        .iter()
        .filter(|case| Some(case["shard"].clone()) == shard_of("one/stops"));
    assert!(beside.count() * 3 < parted.len(), "{parted:#?}");
    // A part is the same before and after a run, as another machine has not seen that.
    let parts = |args: &[&str]| {
        all(args)
            .into_iter()
            .map(|case| (case["id"].clone(), case["shard"].clone()))
            .collect::<Vec<_>>()
    };
    let by_id = |mut parts: Vec<(Value, Value)>| {
        parts.sort_by_key(|(id, _)| id.to_string());
        parts
    };
    let before = by_id(parts(&["--shards", "3"]));
    lab.write("reports/latest/times.json", times);
    assert_eq!(expected(&all(&[]), "one/stops"), 50_000);
    assert_eq!(by_id(parts(&["--shards", "3"])), before);
    for (wrong, parts) in [
        ("nothing", &["failed to read", "--times"][..]),
        ("meshkat.txt", &["does not hold the times of earlier runs", "--times"]),
    ] {
        fs::write(lab.project().join("meshkat.txt"), "no").expect("the folder is the test's own");
        lab.tell(&["list", "--times", wrong]).exits(2).says(parts);
        lab.tell(&["run", "--times", wrong, "--envoy", "/nonexistent"])
            .exits(2)
            .says(parts);
    }
    // What nobody named is no reason not to run.
    lab.write("reports/latest/times.json", "no");
    lab.tell(&["list"]).exits(0).says(&["warning", "times.json", "guessed"]);
}
