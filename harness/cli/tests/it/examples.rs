//! The examples: each a project of its own, run where it lies and as a copy elsewhere.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    lab::{Lab, copy},
    permit::Permit,
};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// A lab with a copy of this example in the place of a project.
fn copied(name: &str) -> Lab {
    let lab = Lab::new();
    fs::remove_dir_all(lab.project()).expect("the folder is the test's own");
    copy(&examples().join(name), &lab.project());
    lab
}

#[test]
fn an_edge_with_tls_in_front_of_two_programs() {
    let lab = copied("tls-edge");
    lab.tell(&["lint"]).exits(0);
    lab.run(&[]).exits(0).says(&["3 cases: 3 passed"]);
    // Where it lies, too, and from a folder within it; what is written goes elsewhere.
    let _permit = Permit::one();
    let report = lab.path("report").display().to_string();
    let mut command = lab.command(&["run", "--jobs", "1", "--report-dir", &report]);
    command.current_dir(examples().join("tls-edge/scenarios"));
    lab.tell_command(command).exits(0).says(&["3 cases: 3 passed"]);
}

#[test]
fn a_control_plane_in_go_in_the_place_of_sds() {
    let lab = copied("go-control-plane");
    let folder = lab.project().join("control-plane");
    // What a person has built in the checkout is not what is tested.
    drop(fs::remove_file(folder.join("server")));
    let has_go = Command::new("go")
        .arg("version")
        .output()
        .is_ok_and(|told| told.status.success());
    if !has_go {
        let required = std::env::var_os("MESHKAT_TEST_GO").is_some_and(|word| word == "required");
        assert!(!required, "MESHKAT_TEST_GO=required, and there is no Go");
        drop(writeln!(
            std::io::stderr(),
            "SKIPPED: there is no Go, so the example go-control-plane is not run"
        ));
        return;
    }
    lab.tell(&["lint"])
        .exits(2)
        .says(&["there is no file `control-plane/server`"]);
    let built = Command::new("go")
        .args(["build", "-o", "server", "."])
        .current_dir(folder)
        .output();
    let built = built.expect("there is Go");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    lab.tell(&["lint"]).exits(0);
    lab.run(&[]).exits(0).says(&["1 case: 1 passed"]);
}

#[test]
fn each_has_a_short_readme_and_is_listed() {
    let listed = fs::read_to_string(examples().join("README.md")).expect("there is a list");
    let folders = fs::read_dir(examples()).expect("there are examples").flatten();
    let folders: Vec<PathBuf> = folders.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    assert!(folders.len() >= 2, "{folders:?}");
    for folder in folders {
        let name = folder
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        assert!(listed.contains(&format!("({name}/README.md)")), "{name} is not listed");
        let readme = fs::read_to_string(folder.join("README.md")).expect("it has a README");
        assert!(readme.lines().count() <= 6, "{name} has a long README");
        assert!(readme.contains("`meshkat run`"), "{name} does not say how it is run");
    }
}
