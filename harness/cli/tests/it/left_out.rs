//! A file that is invalid keeps nobody from running what has nothing to do with it.

use std::{fs, os::unix::fs::symlink};

use crate::{lab::Lab, permit::Permit};

const SHOP: &str = "routing/petshop[petstores=1,pets=1]";
const HOSTS: &str = "edge/host-routing";
const HALF: &str = "scenarios/wip/half.yaml";

/// A project in which a scenario is not finished.
fn with_half() -> Lab {
    let lab = Lab::new();
    lab.write(HALF, "promise: x\n");
    lab
}

#[test]
fn an_unfinished_scenario_stops_only_who_means_it() {
    let lab = with_half();
    let warning =
        "warning: left out, as it is invalid: scenarios/wip/half.yaml:1: the key `mesh` is missing (and 1 more)";
    for words in [
        &["routing/petshop"][..],
        &[SHOP],
        &["*petshop*"],
        &["routing"],
        &["scenarios/routing/petshop.yaml"],
        &["*[*petstores=2*]"],
        &["--tag", "smoke"],
    ] {
        lab.tell(&[&["list"], words].concat()).exits(0).says(&[warning]);
        lab.tell(&[&["run", "--dry-run"], words].concat())
            .exits(0)
            .says(&[warning]);
    }
    lab.tell(&["explain", SHOP]).exits(0).says(&[warning]);
    for words in [
        &[][..],
        &["wip"],
        &["wip/half"],
        &["wip/*"],
        &["scenarios/wip"],
        &[HALF],
        &["*half", "routing"],
    ] {
        lab.tell(&[&["list"], words].concat())
            .exits(2)
            .says(&["the key `mesh` is missing", "2 problems in 1 file"]);
    }
    lab.run(&[SHOP]).exits(0).says(&[warning, "1 passed"]);
    lab.tell(&["doctor"]).exits(2).says(&[
        "error 1 file of the project in",
        "is invalid: scenarios/wip/half.yaml:1: the key `mesh` is missing",
        "`meshkat lint` tells all of it",
    ]);
}

/// Runs and starts what has nothing to do with a file that is invalid, and holds that it is told of.
#[track_caller]
fn others_go_on(lab: &Lab, told: &str) {
    lab.tell(&["list", HOSTS]).exits(0).says(&["warning: left out", told]);
    lab.tell(&["explain", HOSTS])
        .exits(0)
        .says(&["warning: left out", told]);
    let _permit = Permit::one();
    lab.tell(&["up", "edge", "--detach"]).exits(0).says(&[told]);
    lab.tell(&["down"]).exits(0);
}

#[test]
fn a_broken_mesh_stops_only_who_uses_it() {
    let lab = Lab::new();
    lab.edit("scenarios/meshes/petshop.yaml", "petstore.yaml", "petstor.yaml");
    others_go_on(
        &lab,
        "scenarios/meshes/petshop.yaml:5: there is no Envoy configuration `petstor.yaml`",
    );
    for args in [
        &["run", SHOP][..],
        &["list", "routing/petshop"],
        &["explain", SHOP],
        &["up", "petshop"],
    ] {
        lab.tell(args).exits(2).says(&[
            "scenarios/meshes/petshop.yaml:5",
            "did you mean `petstore.yaml`",
            "1 problem in 1 file",
        ]);
    }
    // Nor does it hide what is wrong with a scenario that uses it.
    lab.edit("scenarios/routing/petshop.yaml", "get: /stores\n", "gett: /stores\n");
    lab.tell(&["lint", "scenarios/routing", "scenarios/meshes"])
        .exits(2)
        .says(&["petstor.yaml", "`gett`", "2 problems in 2 files"]);
}

#[test]
fn a_mesh_that_is_no_yaml_and_one_that_leads_nowhere_stop_only_who_use_them() {
    let lab = Lab::new();
    lab.write("scenarios/meshes/petshop.yaml", "pods: {sds: {service: sds}\n");
    others_go_on(&lab, "scenarios/meshes/petshop.yaml:");
    lab.tell(&["run", SHOP])
        .exits(2)
        .says(&["scenarios/meshes/petshop.yaml:"]);
    let lab = Lab::new();
    let path = lab.project().join("scenarios/meshes/lost.yaml");
    symlink(lab.path("nowhere"), path).expect("the folder is the test's own");
    fs::write(lab.project().join("scenarios/meshes/latin.yaml"), b"about: caf\xe9\n")
        .expect("the folder is the test's own");
    others_go_on(&lab, "scenarios/meshes/latin.yaml:1: the file is not UTF-8");
    lab.tell(&["up", "latin"]).exits(2).says(&["not UTF-8"]);
}

#[test]
fn a_broken_overlay_and_a_broken_list_of_values_stop_only_who_use_them() {
    let lab = Lab::new();
    lab.write("envoy-configs/overlays/xds-grpc.yaml", "about: x\nchange: []\n");
    lab.tell(&["list", HOSTS]).exits(0);
    lab.tell(&["list", "eds/walkthrough"]).exits(0);
    lab.tell(&["run", "eds/disconnect"]).exits(2).says(&["xds-grpc.yaml"]);
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write("scenarios/axes.yaml", "good: [1, 3]\nbad: 7\n");
    for name in ["good", "bad"] {
        let text = format!(
            "promise: It answers.\nmesh: edge\naxes: {{n: ${name}}}\nsteps:\n  - {{get: \"/${{n}}\", host: foo.com, status: 200}}\n"
        );
        lab.write(&format!("scenarios/mine/{name}.yaml"), &text);
    }
    lab.tell(&["list", "mine/good"]).exits(0).says(&[
        "warning: left out",
        "scenarios/axes.yaml:2: the axis `bad` needs a list of values",
    ]);
    lab.tell(&["list", "mine/bad"]).exits(2).says(&[
        "scenarios/axes.yaml:2:6",
        "the axis `bad` needs a list of values",
        "1 problem in 1 file",
    ]);
}

#[test]
fn two_files_of_one_name_stop_only_who_mean_them() {
    let lab = Lab::new();
    let text = fs::read_to_string(lab.project().join("scenarios/edge/host-routing.yaml")).expect("it is there");
    lab.write("scenarios/edge/host-routing.yml", &text);
    lab.tell(&["list", SHOP])
        .exits(0)
        .says(&["scenarios/edge/host-routing.yml", "are both `edge/host-routing`"]);
    lab.tell(&["list", HOSTS])
        .exits(2)
        .says(&["scenarios/edge/host-routing.yml", "rename one of them"]);
}

#[test]
fn what_a_run_uses_is_checked_as_lint_does() {
    let lab = Lab::new();
    let inbound = "  - name: inbound\n    address: {socket_address: {address: 0.0.0.0, port_value: 10000}}";
    lab.edit("envoy-configs/pet.yaml", inbound, &inbound.replace("10000", "8080"));
    let told = "envoy-configs/pet.yaml:";
    for args in [&["run", SHOP][..], &["up", "petshop"]] {
        lab.tell(args).exits(2).says(&[told, "port 8080 is the application's"]);
    }
    lab.tell(&["lint", "envoy-configs/pet.yaml"])
        .exits(2)
        .says(&[told, "port 8080 is the application's"]);
    assert_eq!(lab.runs(), [""; 0], "nothing was started");
    // Who has nothing to do with it runs.
    lab.run(&[HOSTS]).exits(0);
}
