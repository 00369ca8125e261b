//! Meshes that were broken on purpose: the right scenarios fail, and only these, and say what is wrong.

use crate::lab::Lab;

const HOSTS: &str = "edge/host-routing";
const HOPS: &str = "routing/only-through-envoy";
const SHOP: &str = "routing/petshop[petstores=1,pets=1]";

const PETSTORE: &str = "envoy-configs/petstore.yaml";

/// Runs three scenarios on a broken mesh and holds which of them fail.
#[track_caller]
fn failing(lab: &Lab, wanted: &[&str]) -> String {
    let told = lab.run(&[HOSTS, HOPS, SHOP]).exits(1);
    let expected: Vec<(String, &str)> = [HOSTS, HOPS, SHOP]
        .into_iter()
        .map(|id| (id.to_owned(), if wanted.contains(&id) { "failed" } else { "passed" }))
        .collect();
    assert_eq!(lab.verdicts(), expected, "{}", told.err);
    assert_eq!(told.out, "", "what people read goes to standard error");
    told.err
}

/// Holds a failure's step and place, and that one of its hints has `part`.
#[track_caller]
fn fails_at(lab: &Lab, id: &str, step: &str, line: (&str, &str), hint: &str) {
    let failure = lab.failure(id);
    assert_eq!(failure.step, step);
    assert_eq!(
        (failure.file.as_str(), failure.line),
        (line.0, lab.line_of(line.0, line.1)),
        "{failure:?}"
    );
    assert!(
        failure.hints.iter().any(|told| told.contains(hint)),
        "`{hint}` is not in {:?}",
        failure.hints
    );
}

#[test]
fn a_cluster_that_was_renamed() {
    let lab = Lab::new();
    lab.edit(PETSTORE, "  - name: pet\n", "  - name: pets\n");
    let err = failing(&lab, &[HOPS, SHOP]);
    let hint =
        "the Envoy of petstore-1 (egress_mesh_http) answered GET /whoami for pet with 503: cluster_not_found, flags NC";
    let line = ("scenarios/routing/only-through-envoy.yaml", "    host: pet");
    let failure = lab.failure(HOPS);
    assert_eq!(
        (failure.step.as_str(), failure.expected.lines().next()),
        ("get /whoami for pet from petstore", Some("(1) status 200"))
    );
    assert!(failure.actual.starts_with("(1) 503: "), "{}", failure.actual);
    assert_eq!(failure.line, lab.line_of(line.0, line.1) + 1);
    assert!(
        failure.hints.iter().any(|told| told.starts_with(hint)),
        "{:?}",
        failure.hints
    );
    let failure = lab.failure(SHOP);
    assert_eq!(failure.step, "get /stores/1");
    assert!(failure.actual.contains("pet cannot be reached"), "{}", failure.actual);
    assert!(
        failure.hints.iter().any(|told| told.contains("cluster_not_found")),
        "{:?}",
        failure.hints
    );
    assert!(err.contains(hint), "{err}");
    for part in ["FAILED routing/only-through-envoy", "3 cases: 1 passed, 2 failed"] {
        assert!(err.contains(part), "{err}");
    }
    assert!(err.contains(&format!("meshkat run '{SHOP}' --seed 0")), "{err}");
}

#[test]
fn a_service_whose_name_is_misspelt() {
    let lab = Lab::new();
    lab.edit(PETSTORE, "service_name: pet\n", "service_name: pett\n");
    let err = failing(&lab, &[HOPS, SHOP]);
    let hint = "the Envoy of petstore-1 asks for the endpoints of `pett` (cluster `pet`), a service that the registry does not have; it has";
    for id in [HOPS, SHOP] {
        let failure = lab.failure(id);
        assert!(failure.actual.contains("no healthy upstream"), "{}", failure.actual);
        assert!(
            failure.hints.first().is_some_and(|told| told.starts_with(hint)),
            "{:?}",
            failure.hints
        );
    }
    assert_eq!(lab.failure(SHOP).step, "get /stores/1");
    assert!(err.contains(hint), "{err}");
}

#[test]
fn a_route_that_was_removed() {
    let lab = Lab::new();
    let route = "              - match: {prefix: /}\n                route: {cluster: local_service, timeout: 5s}\n";
    lab.edit(PETSTORE, route, "");
    let err = failing(&lab, &[HOPS, SHOP]);
    let hint = "with 404: route_not_found, flags NR";
    fails_at(
        &lab,
        SHOP,
        "get /stores",
        ("scenarios/routing/petshop.yaml", "    status: 200"),
        hint,
    );
    let failure = lab.failure(SHOP);
    assert_eq!(
        (
            failure.message.as_str(),
            failure.expected.as_str(),
            failure.actual.as_str()
        ),
        (
            "2 expectations do not hold: (1) wrong status; (2) served by somebody else",
            "(1) status 200\n(2) served by petstore",
            "(1) 404: \n(2) 404: "
        )
    );
    assert_eq!(lab.failure(HOPS).step, "get /stores");
    let told = "the Envoy of petstore-1 (ingress_http) answered GET /stores for ";
    assert!(err.contains(told) && err.contains(hint), "{err}");

    // A case that is selected alone gives the verdict that it gives among all others.
    lab.run(&[SHOP]).exits(1);
    let alone = lab.failure(SHOP);
    assert_eq!(
        (&alone.step, &alone.file, alone.line),
        (&failure.step, &failure.file, failure.line)
    );
    assert_eq!(
        (&alone.message, &alone.expected, &alone.actual),
        (&failure.message, &failure.expected, &failure.actual)
    );
}

#[test]
fn a_configuration_that_envoy_refuses_fails_the_mesh_and_not_the_environment() {
    let lab = Lab::new();
    lab.edit(
        PETSTORE,
        "route: {cluster_header: \":authority\", timeout: 3s}",
        "route: {cluster: pets, timeout: 3s}",
    );
    let err = failing(&lab, &[HOPS, SHOP]);
    for id in [HOPS, SHOP] {
        let failure = lab.failure(id);
        assert_eq!(
            (failure.step.as_str(), failure.message.as_str()),
            ("start the mesh", "an Envoy refuses its configuration")
        );
        assert!(failure.file.ends_with(PETSTORE), "{}", failure.file);
        assert_eq!(failure.line, lab.line_of(PETSTORE, "cluster: pets,"));
        let actual = format!(
            "the Envoy of petstore-1 refuses its configuration {}: route: unknown cluster 'pets'",
            failure.file
        );
        assert_eq!(failure.actual, actual);
    }
    assert!(err.contains("route: unknown cluster 'pets'"), "{err}");
    // It can be known before anything starts.
    lab.tell(&["lint", PETSTORE])
        .exits(2)
        .says(&["unknown cluster 'pets'", "petstore.yaml"]);
}

#[test]
fn a_host_that_is_routed_to_somebody_else() {
    let lab = Lab::new();
    lab.edit(
        "envoy-configs/ingress.yaml",
        "route: {cluster: echo, timeout: 5s}",
        "route: {cluster: petstore, timeout: 5s}",
    );
    let err = failing(&lab, &[HOSTS, HOPS]);
    let hint = "the Envoy of ingress asks for the endpoints of `petstore` (cluster `petstore`), a service that the registry does not have; it has echo";
    fails_at(
        &lab,
        HOSTS,
        "get /hello for foo.com 40 times",
        ("scenarios/edge/host-routing.yaml", "    status: 200"),
        hint,
    );
    assert!(
        lab.failure(HOSTS)
            .actual
            .starts_with("request 1 of 40: (1) 503: no healthy upstream\n(2) "),
        "{}",
        lab.failure(HOSTS).actual
    );
    // In the other mesh there is a petstore, and the answer says that it came from there.
    let failure = lab.failure(HOPS);
    assert_eq!(failure.step, "get /anything for foo.com");
    assert!(
        failure.actual.starts_with("(1) 404, served by petstore-1: "),
        "{}",
        failure.actual
    );
    assert!(err.contains("404, served by petstore-1: "), "{err}");
}
