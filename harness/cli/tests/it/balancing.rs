//! Splits of requests that real Envoys make, and that a mesh which was broken on purpose does not.

use crate::lab::Lab;

const WEIGHTED: &str = "balancing/weighted[lb=round-robin]";
const EVEN: &str = "balancing/even[lb=round-robin]";

#[test]
fn weights_are_kept_to() {
    let lab = Lab::new();
    lab.run(&[WEIGHTED]).exits(0).says(&["1 case: 1 passed"]);
}

/// A balancer that knows no weights, where one was asked for that does.
#[test]
fn a_balancer_that_passes_over_weights_is_found_out() {
    let lab = Lab::new();
    lab.edit(
        "envoy-configs/overlays/lb-round-robin.yaml",
        "lb_policy: ROUND_ROBIN",
        "lb_policy: RANDOM",
    );
    lab.run(&["--culprit-within", "0", WEIGHTED]).exits(1);
    let failure = lab.failure(WEIGHTED);
    assert_eq!(failure.message, "the requests were not split as they should be");
    let file = "scenarios/balancing/weighted.yaml";
    assert_eq!(failure.line, lab.line_of(file, "    split: {echo-1: 90, echo-2: 10}"));
    assert!(
        failure
            .expected
            .starts_with("of 2800 requests echo-1 90% (2439 to 2594), echo-2 10% (206 to 361); "),
        "{failure:?}"
    );
    assert!(
        failure.actual.starts_with("of 2800 requests echo-1 1"),
        "about half each: {failure:?}"
    );
}

#[test]
fn a_pod_that_is_forgotten_is_named() {
    let lab = Lab::new();
    lab.edit(
        "scenarios/balancing/even.yaml",
        "steps:\n",
        "steps:\n  - register: {echo: 3}\n",
    );
    lab.run(&["--culprit-within", "0", EVEN]).exits(1);
    assert_eq!(lab.failure(EVEN).message, "`echo-4` served nothing");
}

#[test]
fn a_window_with_too_few_requests_does_not_pass() {
    let lab = Lab::new();
    lab.edit("scenarios/balancing/even.yaml", "rate: 400/s", "rate: 50/s");
    lab.run(&["--culprit-within", "0", EVEN]).exits(1);
    let failure = lab.failure(EVEN);
    assert_eq!(failure.message, "too few requests to judge the split");
    assert!(failure.actual.starts_with("needs 14"), "{failure:?}");
    assert!(failure.actual.contains(" requests, had 2"), "{failure:?}");
}

#[test]
fn a_mirror_that_takes_too_much_is_found_out() {
    let lab = Lab::new();
    lab.edit(
        "envoy-configs/overlays/mirror-foo-to-pet.yaml",
        "numerator: 25",
        "numerator: 40",
    );
    lab.run(&["balancing/mirrored"]).exits(1);
    let failure = lab.failure("balancing/mirrored");
    assert_eq!(
        failure.message,
        "the requests were not split as they should be (the Envoy of ingress)"
    );
    assert!(
        failure
            .actual
            .contains("of 2200 requests cluster.pet.upstream_rq_total "),
        "{failure:?}"
    );
}
