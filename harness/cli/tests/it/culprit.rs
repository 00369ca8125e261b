//! Two values of six axes that break a real mesh together: a run of as many cases as have every pair names them, and nothing
//! else.

use meshkat_model::{
    culprit::{Certainty, Culprit, Why, values},
    results::{Results, Status},
};

use crate::lab::Lab;

const SIX: &str = r#"promise: Whoever asks is answered.
mesh: {use: edge, replicas: {echo: 1}, overlays: ["lb-${lb}", "xds-${xds}"]}
axes:
  xds: [rest, delta-grpc, delta-ads]
  lb: [round-robin, least-request, random, maglev, ring-hash]
  client: [ann, bob, eve]
  path: [hello, any]
  times: [1, 3]
  trace: [none, full]
steps:
  - {get: "/${path}", host: foo.com, headers: {x-client: "${client}", x-trace: "${trace}"}, times: "${times}", status: 200}
"#;

/// How many cases it has.
const ALL: usize = 3 * 5 * 3 * 2 * 2 * 2;

/// A ring of those endpoints that a request asks for, and of any where it asks for none.
const RING: &str = "about: Clusters choose an endpoint by a hash, of those that a request asks for.
needs: static_resources.clusters[type=EDS]
changes:
- at: static_resources.clusters[type=EDS]
  merge:
    lb_policy: RING_HASH
    lb_subset_config: {fallback_policy: ANY_ENDPOINT, subset_selectors: [{keys: [az]}]}
";

const MAGLEV: &str = "about: Clusters choose an endpoint by a hash, of all.
needs: static_resources.clusters[type=EDS]
changes:
- at: static_resources.clusters[type=EDS]
  merge: {lb_policy: MAGLEV}
";

/// Without subsets it does nothing. After [`RING`] no request has an endpoint.
const STRICT: &str = "- at: static_resources.clusters[type=EDS]
  merge: {lb_subset_config: {fallback_policy: NO_FALLBACK}}
";

/// A project in which a balancer works with every transport but one.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write("scenarios/six/all.yaml", SIX);
    lab.write("envoy-configs/overlays/lb-ring-hash.yaml", RING);
    lab.write("envoy-configs/overlays/lb-maglev.yaml", MAGLEV);
    let transport = "envoy-configs/overlays/xds-delta-grpc.yaml";
    let text = std::fs::read_to_string(lab.project().join(transport)).expect("there is such a transport");
    lab.write(transport, &format!("{text}{STRICT}"));
    lab
}

#[test]
fn the_two_values_that_break_a_mesh_together_are_named_exactly_by_pairs_of_values() {
    let lab = lab();
    for seed in ["0", "1", "2"] {
        let told = lab.run(&["--coverage", "pairwise", "--seed", seed]).exits(1);
        let results = lab.results();
        let culprit = only(&results);
        assert_eq!(
            (causes(culprit), culprit.certainty),
            (vec!["xds=delta-grpc and lb=ring-hash".to_owned()], Certainty::Decided),
            "{}",
            told.err
        );
        assert_eq!(culprit.trials[0].why, Why::Confirm, "{}", told.err);
        let (cases, trials) = (results.cases.len(), culprit.trials.len());
        assert!((cases + trials) * 5 < ALL, "{cases} cases and {trials} trials of {ALL}");
        assert!(
            culprit.sentence.contains("have xds=delta-grpc and lb=ring-hash; "),
            "{}",
            culprit.sentence
        );
        told.says(&["CULPRIT six/all", &culprit.sentence]);
    }
}

#[test]
fn every_report_tells_what_failures_have_in_common_and_counts_none_of_what_was_tried() {
    let lab = lab();
    let told = lab.run(&["--coverage", "pairwise"]).exits(1);
    let results = lab.results();
    let culprit = only(&results);
    let smallest = culprit.smallest.as_ref().expect("something fails");
    let wanted = "six/all[xds=delta-grpc,lb=ring-hash,client=ann,path=hello,times=1,trace=none]";
    assert_eq!((smallest.id.as_str(), smallest.proven), (wanted, true));
    // The terminal has it before the failures.
    let at = |part: &str| {
        told.err
            .find(part)
            .unwrap_or_else(|| panic!("`{part}` is not in\n{}", told.err))
    };
    assert!(at("CULPRIT six/all") < at(&culprit.sentence) && at(&culprit.sentence) < at("FAILED six/all["));
    let totals = results.totals;
    let counted = format!(
        "{} cases: {} passed, {} failed",
        totals.cases, totals.passed, totals.failed
    );
    assert_eq!(totals.cases, 15, "{}", told.err);
    told.says(&[&counted]);
    for (file, heading) in [
        ("summary.md", "## What failures have in common"),
        ("index.html", "What failures have in common"),
    ] {
        let text = std::fs::read_to_string(lab.report().join(file)).expect("the report is written");
        assert!(
            text.contains(heading) && text.contains("delta-grpc") && text.contains("one of the two, and none has both"),
            "{text}"
        );
    }
}

#[test]
fn parts_that_are_merged_are_reasoned_about_as_one() {
    let lab = lab();
    for (shard, dir) in [("1/2", "one"), ("2/2", "two")] {
        let _permit = crate::permit::Permit::one();
        let args = ["run", "--coverage", "pairwise", "--shard", shard, "--report-dir", dir];
        let told = lab.tell_command(lab.command(&args));
        let text = std::fs::read_to_string(lab.project().join(dir).join("results.json")).expect("there was a run");
        let part: Results = serde_json::from_str(&text).expect("it is a report");
        assert!(part.culprits.len() < 2 && part.cases.len() < 15, "{}", told.err);
    }
    lab.tell(&["report", "merge", "one", "two", "--report-dir", "report"])
        .exits(0);
    let results = lab.results();
    assert_eq!(results.cases.len(), 15);
    let culprit = only(&results);
    assert_eq!(
        (causes(culprit), culprit.certainty),
        (vec!["xds=delta-grpc and lb=ring-hash".to_owned()], Certainty::Decided),
        "{}",
        culprit.sentence
    );
    // Passing cases of both parts speak for it.
    let passed = results.cases.iter().filter(|case| case.status == Status::Passed);
    let one_of_two = passed.filter(|case| case.params["xds"] == "delta-grpc" || case.params["lb"] == "ring-hash");
    assert!(
        culprit.causes[0].near_misses as usize >= one_of_two.count(),
        "{}",
        culprit.sentence
    );
    assert!(culprit.smallest.as_ref().is_some_and(|smallest| smallest.proven));
}

#[test]
fn without_time_nothing_more_is_run() {
    let lab = lab();
    lab.run(&["--coverage", "pairwise", "--culprit-within", "0"])
        .exits(1)
        .says(&["CULPRIT six/all", "the evidence does not decide"]);
    assert_eq!(only(&lab.results()).trials.len(), 0);
    lab.tell(&["run", "--culprit-within", "5"])
        .exits(2)
        .says(&["is a time without a unit"]);
}

/// What was found out about the one scenario that there is.
#[track_caller]
fn only(results: &Results) -> &Culprit {
    let [culprit] = results.culprits.as_slice() else {
        panic!("{} and not one", results.culprits.len())
    };
    culprit
}

/// The causes, each in words.
fn causes(culprit: &Culprit) -> Vec<String> {
    culprit.causes.iter().map(|cause| values(&cause.values)).collect()
}
