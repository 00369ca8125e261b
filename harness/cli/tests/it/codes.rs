//! Exit codes: one meaning each, whatever the command.

use std::fs;

use crate::{lab::Lab, permit::Permit, process::Told};

const SHOP: &str = "routing/petshop[petstores=1,pets=1]";
const INGRESS: &str = "envoy-configs/ingress.yaml";
const SDS: &str = "{address: sds, port_value: 8080}";

/// Runs a case, and brings its mesh up in the foreground and in the background.
fn everywhere(lab: &Lab, id: &str, mesh: &str) -> [Told; 3] {
    let _permit = Permit::one();
    [
        lab.tell_command(lab.run_command(&[id, "--culprit-within", "0"])),
        lab.tell(&["up", mesh]),
        lab.tell(&["up", mesh, "--detach"]),
    ]
}

#[test]
fn an_envoy_that_refuses_its_configuration_is_1_in_run_and_in_up() {
    let lab = Lab::new();
    let routed = "route: {cluster_header: \":authority\", timeout: 3s}";
    lab.edit(
        "envoy-configs/petstore.yaml",
        routed,
        "route: {cluster: pets, timeout: 3s}",
    );
    for told in everywhere(&lab, SHOP, "petshop") {
        let told = told
            .exits(1)
            .says(&["refuses its configuration", "unknown cluster 'pets'"]);
        if !told.err.contains("FAILED") {
            assert!(told.err.contains("help: "), "{}", told.err);
        }
    }
    // Nobody is told where a mesh is that never came up.
    let _permit = Permit::one();
    for format in ["text", "url", "json"] {
        let told = lab.tell(&["up", "petshop", "--detach", "--format", format]).exits(1);
        assert_eq!(told.out, "");
    }
}

#[test]
fn a_discovery_service_that_is_looked_for_in_the_wrong_place_is_1_with_all_evidence() {
    let lab = Lab::new();
    lab.edit(INGRESS, SDS, "{address: sds, port_value: 8089}");
    for told in everywhere(&lab, SHOP, "petshop") {
        told.exits(1).says(&[
            "the Envoy of ingress cannot reach sds at 127.",
            ":8089: connection refused; sds listens at",
            "the cluster `sds`",
        ]);
    }
    let failure = lab.failure(SHOP);
    assert_eq!(
        failure.message,
        "an Envoy looks for its discovery service in the wrong place"
    );
    assert!(failure.file.ends_with(INGRESS), "{}", failure.file);
    assert_eq!(failure.line, lab.line_of(INGRESS, "port_value: 8089"));
    let bundle = lab.report().join("failures").join(SHOP);
    for part in [
        "failure.txt",
        "pods.txt",
        "sds/application.log",
        "ingress/envoy.log",
        "ingress/clusters.json",
        "ingress/config_dump.json",
        "petstore-1/stats.txt",
    ] {
        let text = fs::read_to_string(bundle.join(part));
        assert!(
            text.is_ok_and(|text| part.ends_with(".log") || !text.is_empty()),
            "{part}"
        );
    }
}

#[test]
fn so_it_is_over_grpc_and_where_something_else_listens() {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write(
        "scenarios/mine/grpc.yaml",
        "promise: It answers.\nmesh: {use: neighbours, overlays: xds-grpc}\nsteps:\n  - {get: /stores, status: 200}\n",
    );
    lab.edit(INGRESS, SDS, "{address: sds, port_value: 8090}");
    lab.run(&["mine/grpc"]).exits(1).says(&[":8090: connection refused"]);
    // `pet` takes the connection, and knows nothing of discovery.
    lab.edit(
        INGRESS,
        "{address: sds, port_value: 8090}",
        "{address: pet, port_value: 8080}",
    );
    lab.run(&["mine/grpc", "--ready-within", "3"])
        .exits(1)
        .says(&["cannot reach sds at 127.", ":8080: it is not there; sds listens at"]);
}

#[test]
fn every_code_is_in_the_table() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/command-line.md");
    let reference = fs::read_to_string(reference).expect("there is a reference");
    let (_, section) = reference.split_once("\n## Exit codes\n").expect("there is the section");
    let table = section.split("\n## ").next().unwrap_or_default();
    let codes = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse::<u8>().ok());
    assert_eq!(codes.collect::<Vec<_>>(), [0, 1, 2, 3, 4, 130]);
    let lab = Lab::new();
    // What is named and is not there is usage, and what is chosen from and is empty is nothing.
    let _permit = Permit::one();
    lab.tell(&["fault", "kill", "pet-1"]).exits(4);
    lab.tell(&["sync"]).exits(4);
    lab.tell(&["up", "neighbours", "--detach"]).exits(0);
    lab.tell(&["fault", "kill", "pet-7"])
        .exits(2)
        .says(&["there is no pod `pet-7`", "did you mean"]);
    lab.tell(&["sync", "pet-7"])
        .exits(2)
        .says(&["there is no pod `pet-7`", "did you mean"]);
    lab.tell(&["fault", "kill", "pet-1", "--mesh", "x"]).exits(4);
    lab.tell(&["sync", "--mesh", "x"]).exits(4);
    lab.tell(&["down"]).exits(0);
}
