//! Two values of six axes that break a real mesh together: they are named, and nothing else is.

use meshkat_model::culprit::{Certainty, Why, values};

use crate::lab::Lab;

const SIX: &str = r#"promise: Whoever asks is answered.
mesh: {use: edge, replicas: {echo: 1}, overlays: ["xds-${xds}", "pair-${xds}-${lb}"]}
axes:
  xds: [rest, grpc]
  lb: [robin, ring]
  path: [hello, any]
  client: [ann, bob]
  times: [1, 3]
  trace: [none, full]
steps:
  - {get: "/${path}", host: foo.com, headers: {x-client: "${client}", x-trace: "${trace}"}, times: "${times}", status: 200}
"#;

/// Six of the 64 cases. Every pair of values is in one of them, and the broken pair in one alone.
const SOME: [&str; 6] = [
    "six/all[xds=rest,lb=robin,path=hello,client=ann,times=1,trace=none]",
    "six/all[xds=rest,lb=ring,path=any,client=bob,times=3,trace=none]",
    "six/all[xds=rest,lb=ring,path=hello,client=ann,times=3,trace=full]",
    "six/all[xds=grpc,lb=robin,path=any,client=bob,times=1,trace=full]",
    "six/all[xds=grpc,lb=robin,path=hello,client=ann,times=3,trace=none]",
    "six/all[xds=grpc,lb=ring,path=any,client=bob,times=1,trace=none]",
];
const BROKEN: &str = SOME[5];

/// A project in which the Envoys of one transport with one balancer have no endpoint that they may choose.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write("scenarios/six/all.yaml", SIX);
    for xds in ["rest", "grpc"] {
        for (lb, policy) in [("robin", "ROUND_ROBIN"), ("ring", "RING_HASH")] {
            let defect = match (xds, lb) {
                ("grpc", "ring") => {
                    "    lb_subset_config: {fallback_policy: NO_FALLBACK, subset_selectors: [{keys: [az]}]}\n"
                }
                _ => "",
            };
            let cluster = "static_resources.clusters[name=echo]";
            let text = format!(
                "about: How the edge balances.\nneeds: {cluster}\nchanges:\n- at: {cluster}\n  merge:\n    lb_policy: {policy}\n{defect}"
            );
            lab.write(&format!("envoy-configs/overlays/pair-{xds}-{lb}.yaml"), &text);
        }
    }
    lab
}

#[test]
fn the_two_values_that_break_a_mesh_together_are_named_exactly() {
    let lab = lab();
    let told = lab.run(&[&["--culprit-within", "50s"], &SOME[..]].concat()).exits(1);
    let results = lab.results();
    assert_eq!(
        (results.schema, results.cases.len(), results.totals.failed),
        (1, 6, 1),
        "{}",
        told.err
    );
    let [culprit] = results.culprits.as_slice() else {
        panic!("{}", told.err)
    };
    let causes: Vec<String> = culprit.causes.iter().map(|cause| values(&cause.values)).collect();
    assert_eq!(
        (causes.as_slice(), culprit.certainty),
        (&["xds=grpc and lb=ring".to_owned()][..], Certainty::Decided)
    );
    assert_eq!(
        (&culprit.trials[0].id, &culprit.trials[0].why),
        (&BROKEN.to_owned(), &Why::Confirm)
    );
    let smallest = culprit.smallest.as_ref().expect("something fails");
    let wanted = "six/all[xds=grpc,lb=ring,path=hello,client=ann,times=1,trace=none]";
    assert_eq!((smallest.id.as_str(), smallest.proven), (wanted, true));
    // Each report tells it, the terminal before the failures.
    let at = |part: &str| {
        told.err
            .find(part)
            .unwrap_or_else(|| panic!("`{part}` is not in\n{}", told.err))
    };
    assert!(at("CULPRIT six/all") < at(&culprit.sentence) && at(&culprit.sentence) < at(&format!("FAILED {BROKEN}")));
    assert!(
        told.err.contains("6 cases: 5 passed, 1 failed"),
        "what was tried is no case of the run: {}",
        told.err
    );
    for (file, heading) in [
        ("summary.md", "## What failures have in common"),
        ("index.html", "What failures have in common"),
    ] {
        let text = std::fs::read_to_string(lab.report().join(file)).expect("the report is written");
        assert!(
            text.contains(heading) && text.contains("grpc") && text.contains("one of the two, and none has both"),
            "{text}"
        );
    }
}

#[test]
fn without_time_nothing_more_is_run() {
    let lab = lab();
    lab.run(&[&["--culprit-within", "0"], &SOME[..]].concat())
        .exits(1)
        .says(&["CULPRIT six/all", "the evidence does not decide"]);
    let results = lab.results();
    assert_eq!((results.culprits.len(), results.culprits[0].trials.len()), (1, 0));
    lab.tell(&["run", "--culprit-within", "5"])
        .exits(2)
        .says(&["is a time without a unit"]);
}
