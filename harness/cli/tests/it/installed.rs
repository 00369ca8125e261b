//! `meshkat` as it is after `cargo install`: alone in its folder, and away from every checkout.

use std::{fs, process::Command};

use crate::{
    lab::{Lab, meshkat},
    permit::Permit,
};

/// The installed program with these arguments, in a folder of the lab.
fn installed(lab: &Lab, folder: &str, args: &[&str]) -> Command {
    let program = lab.path("bin/meshkat");
    if !program.exists() {
        // Somebody else's program of the same name as a service lies beside it.
        lab.program("bin/echo", "#!/bin/sh\necho this is not the service >&2\nexit 1\n");
        fs::copy(meshkat(), &program).expect("the folder is the test's own");
        fs::create_dir_all(lab.path(folder)).expect("the folder is the test's own");
    }
    let like = lab.command(&[]);
    let mut command = Command::new(program);
    command.args(args).current_dir(lab.path(folder));
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[test]
fn a_project_in_an_empty_folder_is_written_and_passes() {
    let lab = Lab::new();
    let _permit = Permit::one();
    let tell = |args: &[&str]| lab.tell_command(installed(&lab, "mine", args));
    tell(&["init"]).exits(0).says(&["run 'first/*'"]);
    tell(&["run", "--jobs", "1"]).exits(0).says(&["1 case: 1 passed"]);
    tell(&["doctor"]).says(&["the services are in meshkat itself"]);
    // A folder that is named has to have them.
    let mut named = installed(&lab, "mine", &["doctor"]);
    named.env("MESHKAT_SERVICES", lab.path("bin"));
    lab.tell_command(named).says(&["pet, petstore, sds"]);
}

#[test]
fn every_service_is_in_it() {
    let lab = Lab::new();
    let _permit = Permit::one();
    let services = ["pet", "petstore", "echo", "sds", "authz", "ratelimit", "collector"];
    let groups: String = services
        .map(|service| format!("  {service}: {{service: {service}}}\n"))
        .concat();
    lab.remove_scenarios();
    lab.write("scenarios/meshes/all.yaml", &format!("pods:\n{groups}"));
    let steps: String = services
        .map(|service| format!("  - {{get: /whoami, direct: {service}, status: 200, served-by: {service}}}\n"))
        .concat();
    lab.write(
        "scenarios/all.yaml",
        &format!("promise: All are there.\nmesh: all\nsteps:\n{steps}"),
    );
    lab.tell_command(installed(&lab, "project", &["run", "--jobs", "1"]))
        .exits(0)
        .says(&["1 case: 1 passed"]);
}

#[test]
fn a_service_has_its_own_flags_and_an_unknown_one_is_told() {
    let lab = Lab::new();
    let told = lab.tell(&["service", "petstore", "--help"]).exits(0);
    assert!(told.out.contains("--egress <URL>"), "{}", told.out);
    lab.tell(&["service", "pets"]).exits(2).says(&["did you mean `pet`"]);
    lab.tell(&["service"])
        .exits(2)
        .says(&["is followed by the name of a service"]);
}
