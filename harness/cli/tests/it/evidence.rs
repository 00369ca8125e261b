//! What is kept of a case to look at.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::lab::{Lab, names};

const SHOP: &str = "routing/petshop[petstores=1,pets=1]";

fn bundle(lab: &Lab) -> PathBuf {
    lab.report().join("failures").join(SHOP)
}

#[test]
fn a_case_that_failed_keeps_what_every_pod_and_envoy_said() {
    let lab = Lab::new();
    lab.edit("envoy-configs/petstore.yaml", "  - name: pet\n", "  - name: pets\n");
    lab.run(&[SHOP]).exits(1);
    let folder = bundle(&lab);
    assert_eq!(
        names(&folder),
        ["failure.txt", "ingress", "pet-1", "petstore-1", "pods.txt", "sds"]
    );
    let of_an_envoy = [
        "access.log",
        "clusters.json",
        "config_dump.json",
        "envoy.log",
        "server_info.json",
        "stats.txt",
    ];
    assert_eq!(names(&folder.join("ingress")), of_an_envoy);
    let mut of_a_pod = [&["application.log"], &of_an_envoy[..]].concat();
    of_a_pod.sort_unstable();
    assert_eq!(names(&folder.join("petstore-1")), of_a_pod);
    assert_eq!(names(&folder.join("sds")), ["application.log"]);

    let read = |file: &str| fs::read_to_string(folder.join("petstore-1").join(file)).expect("it is there");
    let dump: Value = serde_json::from_str(&read("config_dump.json")).expect("it is JSON");
    assert!(dump["configs"].as_array().is_some_and(|configs| configs.len() > 3));
    let clusters: Value = serde_json::from_str(&read("clusters.json")).expect("it is JSON");
    let named = |name: &str| {
        clusters["cluster_statuses"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["name"] == name))
    };
    assert!(named("pets") && !named("pet"), "{clusters}");
    assert!(read("stats.txt").contains("http.egress_mesh_http.no_cluster: 1\n"));
    let refused: Vec<Value> = read("access.log")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of the access log is JSON"))
        .filter(|line: &Value| line["response_flags"] == "NC")
        .collect();
    assert_eq!(refused.len(), 1, "the request that failed is in the log already");
    assert_eq!(
        (&refused[0]["listener"], &refused[0]["authority"]),
        (&"egress_mesh_http".into(), &"pet".into())
    );
    let explained = fs::read_to_string(folder.join("failure.txt")).expect("it is there");
    assert!(explained.contains("cluster_not_found"), "{explained}");
}

#[test]
fn evidence_is_kept_of_everybody_of_those_that_failed_or_of_nobody() {
    let lab = Lab::new();
    lab.run(&[SHOP, "--keep", "always"]).exits(0);
    assert_eq!(
        names(&bundle(&lab)),
        ["ingress", "pet-1", "petstore-1", "pods.txt", "sds"]
    );
    lab.run(&[SHOP, "--keep", "failed"]).exits(0);
    assert!(
        !lab.report().join("failures").exists(),
        "what an earlier run kept is gone"
    );
    lab.edit("envoy-configs/petstore.yaml", "  - name: pet\n", "  - name: pets\n");
    lab.run(&[SHOP, "--keep", "never"]).exits(1);
    assert_eq!(names(&bundle(&lab)), ["failure.txt"], "the explanation alone");
}
