//! The commands around: doctor, schema, completions, envoy, lint, explain.

use std::path::Path;

use serde_json::Value;

use crate::lab::Lab;

#[test]
fn the_doctor_finds_nothing_where_everything_is_well() {
    let lab = Lab::new();
    let told = lab.tell(&["doctor"]).exits(0);
    let lines: Vec<&str> = told.err.lines().collect();
    assert_eq!(lines.len(), 10, "{}", told.err);
    assert!(lines[..7].iter().all(|line| line.starts_with("ok    ")), "{}", told.err);
    // What holds everywhere, and is nothing to mend.
    assert!(
        lines[8].starts_with("note  whoever can log in to this machine"),
        "{}",
        told.err
    );
    // Whether there is Docker is no matter of this runtime.
    assert!(lines[9].contains("--runtime docker"), "{}", told.err);
    assert!(
        lines[4].contains("open files") && lines[5].contains("free in"),
        "{}",
        told.err
    );
    assert!(lines[0].starts_with("ok    Envoy "), "{}", told.err);
    assert!(
        lines[7].contains("lint has Envoy judge configurations in a sandbox"),
        "{}",
        told.err
    );
}

/// A child writes: what this process has open for writing while another thread forks could not be run.
fn shell(lab: &Lab, script: &str, args: &[&str]) {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script, "sh"]).args(args);
    lab.tell_command(shell).exits(0);
}

#[test]
fn the_doctor_tells_an_envoy_that_nobody_knows() {
    let lab = Lab::new();
    let real = lab.tell(&["envoy", "path", "--envoy", "1.40.0"]).exits(0).out;
    let real = real.trim_end();
    lab.tell(&["doctor", "--envoy", real])
        .exits(0)
        .says(&["a known release"]);
    let wrapper = lab.program("wrapper", &format!("#!/bin/sh\nexec '{real}' \"$@\"\n"));
    lab.tell(&["doctor", "--envoy", &wrapper])
        .exits(0)
        .says(&["not one of the known releases"]);
    // A copy that differs in one byte more at its end still runs.
    let copy = lab.path("copy").display().to_string();
    shell(&lab, r#"cp "$1" "$2" && printf x >> "$2""#, &[real, &copy]);
    lab.tell(&["doctor", "--envoy", &copy])
        .exits(0)
        .says(&["not one of the known releases"]);
}

#[test]
fn a_changed_binary_in_the_cache_is_refused_and_fetched_again_by_force() {
    let lab = Lab::new();
    let real = lab.tell(&["envoy", "path", "--envoy", "1.40.0"]).exits(0).out;
    let place = lab.path("cache/envoy/1.40.0/envoy").display().to_string();
    shell(
        &lab,
        r#"mkdir -p "${2%/*}" && cp "$1" "$2""#,
        &[real.trim_end(), &place],
    );
    let command = |args: &[&str]| {
        let mut command = lab.command(args);
        command.env("MESHKAT_CACHE", lab.path("cache"));
        command
    };
    let path = ["envoy", "path", "--envoy", "1.40.0"];
    lab.tell_command(command(&path)).exits(0);
    shell(&lab, r#"printf x >> "$2""#, &["", &place]);
    lab.tell_command(command(&path)).exits(3).says(&[
        "it is not the Envoy 1.40.0 that was fetched",
        "meshkat envoy fetch --force 1.40.0",
    ]);
    lab.tell_command(command(&["envoy", "fetch", "--force", "1.40.0"]))
        .exits(0);
    lab.tell_command(command(&path)).exits(0);
}

#[test]
fn the_doctor_tells_every_problem_at_once_each_with_its_way_out() {
    let lab = Lab::new();
    lab.write("a-file", "");
    let mut command = lab.command(&["doctor", "--envoy", "/nonexistent"]);
    command
        .current_dir(lab.path("said"))
        .env("MESHKAT_SERVICES", lab.path("said"));
    command.env("MESHKAT_STATE_DIR", lab.project().join("a-file/state"));
    let told = lab.tell_command(command).exits(3);
    let parts = [
        "error: 4 problems in the way of a run",
        "/nonexistent",
        "pet, petstore, echo, sds, authz, ratelimit, collector missing in",
        "cargo build --workspace",
        "a-file/state cannot be written",
        "set MESHKAT_STATE_DIR",
        "is not in a meshkat project",
        "ok    the four ports",
    ];
    let told = told.says(&parts);
    let (errors, ways_out) = (
        told.err.matches("\nerror ").count(),
        told.err.matches("      help: ").count(),
    );
    assert_eq!((errors + 1, ways_out), (4, 4), "{}", told.err);
}

#[test]
fn schemas_are_json() {
    let lab = Lab::new();
    for (args, key) in [
        (&["schema"][..], "promise"),
        (&["schema", "scenario"], "steps"),
        (&["schema", "mesh"], "pods"),
        (&["schema", "overlay"], "changes"),
        (&["schema", "cover"], "axes"),
    ] {
        let told = lab.tell(args).exits(0);
        let schema: Value = serde_json::from_str(&told.out).expect("it is JSON");
        assert!(schema["properties"][key].is_object(), "{key} in {schema}");
        assert_eq!(told.err, "");
    }
}

#[test]
fn completions_know_the_commands() {
    let lab = Lab::new();
    let told = lab.tell(&["completions", "bash"]).exits(0);
    for part in ["_meshkat()", "--report-dir", "doctor", "complete -F _meshkat"] {
        assert!(told.out.contains(part), "{part}");
    }
    lab.program("completions.bash", &told.out);
    let mut bash = std::process::Command::new("bash");
    bash.arg("-n").arg(lab.path("completions.bash"));
    lab.tell_command(bash).exits(0);
    lab.tell(&["completions", "dosh"]).exits(2).says(&["bash"]);
}

#[test]
fn the_envoy_that_a_run_would_use_is_told() {
    let lab = Lab::new();
    let path = lab.tell(&["envoy", "path"]).exits(0).out;
    let path = path.strip_suffix('\n').expect("it is a line");
    assert!(Path::new(path).is_absolute() && Path::new(path).is_file(), "{path}");
    assert_eq!(
        lab.tell(&["envoy", "path", "--envoy", path]).exits(0).out,
        format!("{path}\n")
    );
    lab.tell(&["envoy", "path", "--envoy", "/nonexistent"])
        .exits(3)
        .says(&["/nonexistent"]);
    let list = lab.tell(&["envoy", "list"]).exits(0).out;
    assert!(
        list.lines().any(|line| line.starts_with("1.40.0 (default)\t")),
        "{list}"
    );
}

#[test]
fn the_project_s_own_files_hold() {
    let lab = Lab::new();
    let cases = lab.tell(&["list", "--format", "json"]).exits(0).out;
    let cases: Vec<Value> = serde_json::from_str(&cases).expect("it is JSON, and an array");
    let cases = cases.len();
    lab.tell(&["lint"]).exits(0).says(&[&format!(", with {cases} cases\n")]);
    lab.tell(&["lint", "scenarios/edge", "envoy-configs/pet.yaml"])
        .exits(0)
        .says(&["nothing is wrong in 7 files, with 7 cases"]);
    lab.tell(&["lint", "scenarios/nowhere.yaml"])
        .exits(2)
        .says(&["nowhere.yaml"]);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let lab = Lab::new();
    lab.edit("scenarios/edge/host-routing.yaml", "mesh: edge\n", "mesh: edeg\n");
    lab.edit(
        "envoy-configs/pet.yaml",
        "connect_timeout: 0.25s\n    load_assignment:\n      cluster_name: local_service",
        "connect_tiemout: 0.25s\n    load_assignment:\n      cluster_name: local_service",
    );
    let line = lab.line_of("scenarios/edge/host-routing.yaml", "mesh: edeg");
    lab.tell(&["lint"]).exits(2).says(&[
        &format!("scenarios/edge/host-routing.yaml:{line}:7"),
        "there is no mesh `edeg`",
        "did you mean `edge`",
        "connect_tiemout",
        "2 problems in 2 files",
    ]);
    // An overlay that fits nowhere is told beside them, and hides neither them nor how many there are.
    lab.write(
        "envoy-configs/overlays/nowhere.yaml",
        "about: a\nneeds: static_resources.clusters[name=nobody]\nchanges:\n- {at: 'static_resources.clusters[name=nobody].connect_timeout', set: 1s}\n",
    );
    lab.write(
        "scenarios/own/nowhere.yaml",
        "promise: p\nmesh: {use: petshop, overlays: nowhere}\nsteps: [{get: /stores/1, status: 200}]\n",
    );
    lab.tell(&["lint", "scenarios/edge", "scenarios/own"]).exits(2).says(&[
        "there is no mesh `edeg`",
        "nowhere.yaml: it changes no Envoy of the mesh `petshop`",
        "1 problem in 1 file",
    ]);
}

#[test]
fn a_case_is_explained_as_it_would_run() {
    let lab = Lab::new();
    let id = "routing/petshop[petstores=2,pets=1]";
    let told = lab.tell(&["explain", id]).exits(0);
    let line = lab.line_of("scenarios/routing/petshop.yaml", "times: 40") - 1;
    for part in [
        "Every store and every pet that is there takes its part of the work.",
        "  petstores = 2\n  pets = 1\n",
        "petstore-1, petstore-2: petstore and its Envoy",
        &format!("3. get /stores/1 40 times   (scenarios/routing/petshop.yaml:{line})"),
        "cluster_header: :authority",
        &format!("meshkat run '{id}'"),
    ] {
        assert!(told.out.contains(part), "`{part}` is not in\n{}", told.out);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let lab = Lab::new();
    let script = format!("'{}' list | head -n 1", crate::lab::meshkat().display());
    let mut shell = std::process::Command::new("bash");
    shell.args(["-o", "pipefail", "-c", &script]).current_dir(lab.project());
    lab.tell_command(shell).exits(0);
}

#[test]
fn colours_are_for_who_wants_them() {
    let lab = Lab::new();
    let escape = '\u{1b}';
    assert!(!lab.tell(&["run", "nothing/*"]).exits(4).err.contains(escape));
    assert!(
        lab.tell(&["--color", "always", "run", "nothing/*"])
            .exits(4)
            .err
            .contains(escape)
    );
}
