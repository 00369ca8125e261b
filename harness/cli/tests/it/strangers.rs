//! Configurations that strangers wrote, as files of a pull request: what `lint` makes of them, and what it does not let them do.

use std::{
    fs,
    path::{Path, PathBuf},
};

use meshkat_envoy::Sandbox;
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::lab::Lab;

const CONFIG: &str = "envoy-configs/pet.yaml";
const STDOUT: &str = "\"@type\": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
const FILE: &str = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";

/// A file outside of the project, and what it holds.
fn outside(lab: &Lab) -> PathBuf {
    let file = lab.path("home/.bashrc");
    fs::create_dir_all(lab.path("home")).expect("the folder is the test's own");
    fs::write(&file, "alias ls=ls\n").expect("the folder is the test's own");
    file
}

fn pipe(path: &Path) {
    mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).expect("the folder is the test's own");
}

/// Changes the first place where `from` is in the configuration: it has two listeners.
fn change(lab: &Lab, from: &str, to: &str) {
    let text = fs::read_to_string(lab.project().join(CONFIG)).expect("it is there");
    assert!(text.contains(from), "{from}");
    lab.write(CONFIG, &text.replacen(from, to, 1));
}

fn logs_to(lab: &Lab, path: &Path) {
    let log = format!("\"@type\": {FILE}\n              path: {}", path.display());
    change(lab, STDOUT, &log);
}

#[test]
fn what_a_configuration_logs_to_is_not_opened() {
    let lab = Lab::new();
    let file = outside(&lab);
    logs_to(&lab, &file);
    lab.tell(&["lint", CONFIG]).exits(0);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "alias ls=ls\n");

    // Nor made, where it is not there.
    let lab = Lab::new();
    let new = outside(&lab).with_file_name("new");
    logs_to(&lab, &new);
    lab.tell(&["lint", CONFIG]).exits(0);
    assert!(!new.exists());

    // One that could not be opened is no matter: in a run it goes to standard output.
    let lab = Lab::new();
    logs_to(&lab, &lab.path("nowhere/log"));
    lab.tell(&["lint", CONFIG]).exits(0);
}

#[test]
fn a_log_that_is_a_pipe_keeps_nobody_waiting() {
    let lab = Lab::new();
    pipe(&lab.path("pipe"));
    logs_to(&lab, &lab.path("pipe"));
    lab.tell(&["lint", CONFIG]).exits(0);
}

/// Envoy takes a message in a wrapping, which nobody but Envoy looks into.
#[test]
fn a_log_in_disguise_is_not_written_to() {
    let lab = Lab::new();
    let file = outside(&lab);
    let wrapped = format!(
        "name: x\n            typed_config:\n              \"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n              \
         type_url: {FILE}\n              value: {{path: {}}}\n          - name: envoy.access_loggers.stdout",
        file.display()
    );
    change(&lab, "name: envoy.access_loggers.stdout", &wrapped);
    lab.tell(&["lint", CONFIG])
        .exits(2)
        .says(&["unable to open file", ".bashrc", "--readable PATH"]);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "alias ls=ls\n");
}

#[test]
fn a_file_that_never_ends_keeps_nobody() {
    let lab = Lab::new();
    pipe(&lab.project().join("pipe"));
    let name = lab.project().join("pipe");
    change(
        &lab,
        "direct_response: {status: 404}",
        &format!(
            "direct_response: {{status: 404, body: {{filename: {}}}}}",
            name.display()
        ),
    );
    // Where Envoy may not read what is no regular file it is told at once, elsewhere after the time.
    let way_out = if Sandbox::Landlock.is_offered() {
        "--readable PATH"
    } else {
        "--validate-within 60s"
    };
    let lint = ["lint", CONFIG, "--validate-within", "2s"];
    lab.tell(&lint).exits(2).says(&["pet.yaml", way_out]);
}

#[test]
fn a_configuration_that_is_a_pipe_or_a_device_is_told() {
    let lab = Lab::new();
    pipe(&lab.project().join("envoy-configs/pipe.yaml"));
    lab.tell(&["lint", "envoy-configs/pipe.yaml"])
        .exits(2)
        .says(&["pipe.yaml"]);
    let lab = Lab::new();
    std::os::unix::fs::symlink("/dev/zero", lab.project().join("envoy-configs/zero.yaml"))
        .expect("the folder is the test's own");
    lab.tell(&["lint", "envoy-configs/zero.yaml"])
        .exits(2)
        .says(&["zero.yaml"]);
}

/// `python3 -m pip` runs a `pip.py` of the folder that it starts in.
#[test]
fn fetching_envoy_runs_nothing_of_the_checkout() {
    let lab = Lab::new();
    let python = lab.program(
        "bin/python3",
        "#!/bin/sh\nPATH=/usr/bin:/bin:$PATH\nfor found in /usr/bin/python3 /usr/local/bin/python3 \"$HOME/.pyenv/shims/python3\"; do\n  \
         [ -x \"$found\" ] && exec \"$found\" \"$@\"\ndone\nexit 1\n",
    );
    let bin = Path::new(&python).parent().expect("it is in a folder").to_owned();
    let marker = lab.path("ran");
    let script = format!(
        "open({:?}, 'w').close()\nraise SystemExit(1)\n",
        marker.display().to_string()
    );
    for name in ["pip.py", "pip/__main__.py", "pip/__init__.py"] {
        lab.write(name, &script);
    }
    // And a program of the checkout is not taken for one of the machine.
    lab.program(
        "project/tools/envoy",
        &format!("#!/bin/sh\ntouch '{}'\n", marker.display()),
    );
    let mut command = lab.command(&["envoy", "path"]);
    command
        .env("PATH", format!("tools:{}", bin.display()))
        .env("MESHKAT_CACHE", lab.path("cache"))
        .env("PIP_NO_INDEX", "1")
        .env_remove("MESHKAT_ENVOY")
        .env_remove("PIP_FIND_LINKS");
    lab.tell_command(command).exits(3).says(&["failed to fetch Envoy"]);
    assert!(!marker.exists(), "a file of the checkout was run");
}
