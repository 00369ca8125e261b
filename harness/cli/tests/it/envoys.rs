//! Several versions of Envoy, each real: as an axis from outside, as an axis of a file, and as a part of an id.

use std::{collections::BTreeSet, fs, path::PathBuf};

use meshkat_model::culprit::{Certainty, values};
use serde_json::Value;

use crate::lab::{Lab, fetch_envoys, names};

const OLD: (&str, &str) = ("1.38", "1.38.3");
const NEW: (&str, &str) = ("1.40", "1.40.0");
const BOTH: [&str; 4] = ["--envoy", OLD.0, "--envoy", NEW.0];

/// A project with one scenario, whose promise holds, and both Envoys in the cache.
fn lab(scenario: &str) -> Lab {
    fetch_envoys();
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write("scenarios/up/hello.yaml", scenario);
    lab.write("scenarios/axes.yaml", "envoys: [1.38, 1.40]\n");
    lab
}

/// Of a scenario without axes.
const PLAIN: &str = "promise: It answers.\nmesh: edge\nsteps:\n  - {get: /hello, host: foo.com, status: 200}\n";

/// With the axis in the file, and another.
const OWN: &str = "promise: It answers.\nmesh: edge\naxes: {envoy: $envoys, path: [hello, any]}\nsteps:\n  - {get: \"/${path}\", host: foo.com, status: 200}\n";

/// With the older Envoy, it fails.
const BROKEN: &str = "promise: It answers.\nmesh: edge\naxes: {path: [hello, any], envoy: $envoys}\nsteps:\n  - {get: \"/${path}\", host: foo.com, status: 200}\n  - {when: params.envoy == '1.38', get: /hello, host: foo.com, status: 418}\n";

fn ids(lab: &Lab, args: &[&str]) -> Vec<String> {
    let told = lab.tell(&[&["list", "--format", "json"], args].concat()).exits(0);
    let cases: Vec<Value> = serde_json::from_str(&told.out).expect("it is JSON, and an array");
    let ids = cases.iter().map(|case| case["id"].as_str().expect("a case has an id"));
    ids.map(str::to_owned).collect()
}

/// The versions that the Envoys of a case have told over their admin interfaces.
fn told_versions(lab: &Lab, id: &str) -> BTreeSet<String> {
    let bundle = lab.report().join("failures").join(id);
    let pods = names(&bundle)
        .into_iter()
        .map(|pod| bundle.join(pod).join("server_info.json"));
    let infos = pods.filter_map(|file| fs::read_to_string(file).ok());
    let version = |info: String| -> String {
        let info: Value = serde_json::from_str(&info).expect("it is JSON");
        let version = info["version"].as_str().expect("it tells its version");
        version.split('/').nth(1).expect("commit/version/…").to_owned()
    };
    infos.map(version).collect()
}

fn one(version: &str) -> BTreeSet<String> {
    BTreeSet::from([version.to_owned()])
}

/// The binary of a version.
fn binary(lab: &Lab, version: &str) -> PathBuf {
    let told = lab.tell(&["envoy", "path", "--envoy", version]).exits(0);
    PathBuf::from(told.out.trim())
}

/// A binary that says that it is of another version than any that is known, and is 1.38 otherwise.
fn own_build(lab: &Lab) -> String {
    let real = binary(lab, OLD.0).display().to_string();
    let banner = "envoy  version: 0/1.41.0-dev/Modified/DEBUG/BoringSSL";
    lab.program(
        "own/envoy",
        &format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{banner}'; exit; fi\nexec '{real}' \"$@\"\n"),
    )
}

/// Runs a line of a report as a person would who has no meshkat on the path.
#[track_caller]
fn reproduce(lab: &Lab, line: &str, code: i32) {
    let words: Vec<&str> = line.split(' ').map(|word| word.trim_matches('\'')).collect();
    let [program, "run", args @ ..] = words.as_slice() else {
        panic!("{line}")
    };
    assert!(program.ends_with("/meshkat"), "as it was begun: {line}");
    lab.run(&[args, &["--keep", "always"]].concat()).exits(code);
}

#[test]
fn each_case_runs_with_each_envoy_and_its_mesh_is_of_that_version() {
    let lab = lab(PLAIN);
    lab.run(&[&BOTH[..], &["--keep", "always"]].concat()).exits(0);
    assert_eq!(
        lab.verdicts(),
        [
            ("up/hello[envoy=1.38]".to_owned(), "passed"),
            ("up/hello[envoy=1.40]".to_owned(), "passed")
        ]
    );
    let results = lab.results();
    assert_eq!(results.run.envoy, [OLD.1, NEW.1]);
    for (case, (asked, version)) in results.cases.iter().zip([OLD, NEW]) {
        assert_eq!(case.params["envoy"], asked);
        assert_eq!(told_versions(&lab, &case.id), one(version), "{}", case.id);
    }
}

#[test]
fn what_a_report_prints_runs_one_case_with_its_envoy() {
    let lab = lab(BROKEN);
    lab.run(&["--culprit-within", "0"]).exits(1);
    let results = lab.results();
    let verdicts: Vec<(String, &str)> = lab.verdicts();
    for case in results.cases {
        let fails = case.params["envoy"] == "1.38";
        reproduce(&lab, &case.reproduce, i32::from(fails));
        let verdict = verdicts.iter().find(|(id, _)| *id == case.id).expect("it ran");
        assert_eq!(
            lab.verdicts().as_slice(),
            std::slice::from_ref(verdict),
            "the same as among all others"
        );
        assert_eq!(told_versions(&lab, &case.id), one(if fails { OLD.1 } else { NEW.1 }));
    }
}

#[test]
fn an_id_that_names_an_envoy_needs_no_flag_and_no_axis() {
    let lab = lab(PLAIN);
    let id = "up/hello[envoy=1.38]";
    for more in [&[][..], &["--envoy", "1.40"], &["--coverage", "each"]] {
        lab.run(&[&[id, "--keep", "always"], more].concat()).exits(0);
        assert_eq!(lab.verdicts(), [(id.to_owned(), "passed")]);
        assert_eq!(
            (told_versions(&lab, id), lab.results().run.envoy),
            (one(OLD.1), vec![OLD.1.to_owned()])
        );
    }
    let explained = lab.tell(&["explain", id]).exits(0).out;
    assert!(
        explained.contains("mesh edge, with Envoy 1.38\n") && explained.contains(id),
        "{explained}"
    );
    assert_eq!(
        ids(&lab, &[id, "up/hello"]),
        ["up/hello", id],
        "each is what was asked for"
    );
    assert_eq!(ids(&lab, &["up/*"]), ["up/hello"]);
    lab.tell(&["run", "up/hello[envoy=1.35]"]).exits(2).says(&[
        "there is no known Envoy 1.35",
        "1.36.4",
        "--envoy PATH",
    ]);
    lab.tell(&["run", "up/other[envoy=1.38]"]).exits(4);
    lab.tell(&["run", "*envoy=1.38]"])
        .exits(4)
        .says(&["`--envoy`, given several times"]);
}

#[test]
fn the_axis_of_a_file_has_its_values_until_others_are_given() {
    let lab = lab(OWN);
    let all = |versions: &[&str]| -> Vec<String> {
        let of = |version: &&str| ["hello", "any"].map(|path| format!("up/hello[envoy={version},path={path}]"));
        versions.iter().flat_map(of).collect()
    };
    assert_eq!(ids(&lab, &[]), all(&["1.38", "1.40"]));
    assert_eq!(ids(&lab, &["--envoy", "1.39"]), all(&["1.39"]));
    assert_eq!(
        ids(&lab, &["--envoy", "1.36.2", "--envoy", "1.37"]),
        all(&["1.36.2", "1.37"])
    );
    let other = "up/hello[envoy=1.39,path=any]";
    assert_eq!(ids(&lab, &[other]), [other]);
    assert_eq!(ids(&lab, &["--coverage", "each"]).len(), 2);
    let mut command = lab.command(&["list", "--format", "json"]);
    command.env("MESHKAT_ENVOY", "1.36");
    let told = lab.tell_command(command).exits(0);
    assert!(told.out.contains("up/hello[envoy=1.36,path=hello]"), "{}", told.out);
}

#[test]
fn one_envoy_is_no_axis() {
    let lab = lab(PLAIN);
    assert_eq!(ids(&lab, &["--envoy", "1.36"]), ["up/hello"]);
    let mut command = lab.run_command(&["--keep", "always"]);
    command.env("MESHKAT_ENVOY", OLD.0);
    let permit = crate::permit::Permit::one();
    lab.tell_command(command).exits(0);
    drop(permit);
    assert_eq!(told_versions(&lab, "up/hello"), one(OLD.1));
    assert_eq!(lab.results().run.envoy, [OLD.1]);
}

#[test]
fn what_is_listed_needs_no_envoy() {
    let lab = lab(OWN);
    let cache = lab.path("cache");
    for args in [
        &["list"][..],
        &["run", "--dry-run"],
        &["explain", "up/hello[envoy=1.37,path=any]"],
    ] {
        for more in [&[][..], &["--envoy", "1.36", "--envoy", "1.39"]] {
            let mut command = lab.command(&[args, more].concat());
            command.env("MESHKAT_CACHE", &cache).env("PATH", "");
            let told = lab.tell_command(command).exits(0);
            assert!(told.out.contains("envoy=1.3"), "{}", told.out);
        }
    }
    assert!(!cache.exists());
}

#[test]
fn an_envoy_that_cannot_be_had_ends_the_run_before_anything_starts() {
    let lab = lab(PLAIN);
    let mut command = lab.run_command(&["--envoy", "1.38", "--envoy", "1.37"]);
    command.env("MESHKAT_CACHE", lab.path("cache")).env("PATH", "");
    lab.tell_command(command)
        .exits(3)
        .says(&["failed to fetch Envoy 1.37.0"]);
    assert_eq!(names(&lab.state()), [""; 0]);
    assert!(!lab.report().exists());
}

#[test]
fn envoys_that_are_not_two_are_refused() {
    let lab = lab(PLAIN);
    let path = binary(&lab, OLD.0).display().to_string();
    for (one, other, says) in [
        ("1.38", "1.38", "--envoy 1.38 is there twice"),
        ("1.38", "1.38.3", "--envoy 1.38 and --envoy 1.38.3 are both 1.38.3"),
        ("1.38.3", &path, "would both be envoy=1.38.3 in ids"),
        ("1.40", "1.35", "there is no known Envoy 1.35"),
    ] {
        for command in ["run", "list"] {
            let told = lab
                .tell(&[command, "--envoy", one, "--envoy", other])
                .exits(2)
                .says(&[says, "help: "]);
            assert_eq!(told.out, "");
        }
    }
    lab.tell(&["list", "--envoy", "1.40", "--envoy", "/nonexistent"])
        .exits(3)
        .says(&["failed to run /nonexistent as Envoy"]);
    lab.write("scenarios/up/hello.yaml", &OWN.replace("$envoys", "[1.40, 1.4]"));
    lab.tell(&["lint", "scenarios"]).exits(2).says(&[
        "there is no known Envoy 1.4",
        "up/hello.yaml:3:22",
        "known are 1.36.2",
    ]);
    lab.tell(&["up", "--envoy", "1.38", "--envoy", "1.40"])
        .exits(2)
        .says(&["cannot be used multiple times"]);
}

#[test]
fn a_binary_has_the_version_that_it_says() {
    let lab = lab(PLAIN);
    let own = own_build(&lab);
    lab.run(&["--envoy", NEW.0, "--envoy", &own, "--keep", "always"])
        .exits(0);
    let id = "up/hello[envoy=1.41.0-dev]";
    assert_eq!(
        lab.verdicts(),
        [("up/hello[envoy=1.40]".to_owned(), "passed"), (id.to_owned(), "passed")]
    );
    assert_eq!(lab.results().run.envoy, [NEW.1, "1.41.0-dev"]);
    assert_eq!(told_versions(&lab, id), one(OLD.1), "it is 1.38 in disguise");
    let line = lab.case(id).reproduce;
    let end = format!("/meshkat run '{id}' --seed 0 --envoy {own}");
    assert!(line.ends_with(&end), "{line}");
    reproduce(&lab, &line, 0);
    assert_eq!(
        (lab.verdicts(), told_versions(&lab, id)),
        (vec![(id.to_owned(), "passed")], one(OLD.1))
    );
    lab.tell(&["run", id])
        .exits(2)
        .says(&["there is no known Envoy 1.41.0-dev", "--envoy PATH"]);
}

#[test]
fn the_envoy_that_breaks_it_is_named() {
    let lab = lab(BROKEN);
    lab.run(&[]).exits(1).says(&["both failures have envoy=1.38"]);
    let results = lab.results();
    let [culprit] = results.culprits.as_slice() else {
        panic!("{:?}", results.culprits)
    };
    let causes: Vec<String> = culprit.causes.iter().map(|cause| values(&cause.values)).collect();
    assert_eq!(
        (causes, culprit.certainty),
        (vec!["envoy=1.38".to_owned()], Certainty::Decided)
    );
}

#[test]
fn a_case_with_an_envoy_of_its_own_is_not_compared_with_those_without() {
    let only_any = "  - {when: params.path == 'any', get: /hello, host: foo.com, status: 418}\n";
    let lab = lab(&format!("{}{only_any}", OWN.replace("envoy: $envoys, ", "")));
    let any = "up/hello[path=any]";
    let own = ["up/hello[path=any,envoy=1.38]", "up/hello[path=any,envoy=1.40]"];
    lab.run(&[any, own[0], own[1], "up/hello[path=hello]"]).exits(1);
    let results = lab.results();
    assert_eq!(results.totals.failed, 3);
    let causes = results.culprits.iter().flat_map(|culprit| &culprit.causes);
    let causes: Vec<(String, u64)> = causes.map(|cause| (values(&cause.values), cause.failures)).collect();
    assert_eq!(causes, [("path=any".to_owned(), 1)]);
}

#[test]
fn what_failed_is_run_again_with_the_same_envoys() {
    let lab = lab(PLAIN);
    let route = "route: {cluster: local_service, timeout: 5s}";
    lab.edit("envoy-configs/echo.yaml", route, "direct_response: {status: 418}");
    lab.run(&[&BOTH[..], &["--culprit-within", "0"]].concat()).exits(1);
    let failed = lab.verdicts();
    lab.run(&["--rerun", "failed", "--culprit-within", "0"]).exits(1);
    assert_eq!(lab.verdicts(), failed, "their ids name their Envoys");
    lab.edit("envoy-configs/echo.yaml", "direct_response: {status: 418}", route);
    lab.run(&["--rerun", "failed"]).exits(0).says(&["2 passed"]);
}

#[test]
fn a_configuration_that_one_envoy_refuses_is_told_with_its_version() {
    let lab = lab(PLAIN);
    let own = own_build(&lab);
    let text = fs::read_to_string(&own).expect("it was written");
    let refuse = "case \"$*\" in *validate*) echo 'error initializing configuration: too new' >&2; exit 1;; esac";
    fs::write(&own, text.replace("exec ", &format!("{refuse}\nexec "))).expect("the file is the test's own");
    let config = "envoy-configs/echo.yaml";
    lab.tell(&["lint", config, "--envoy", NEW.0, "--envoy", OLD.0]).exits(0);
    lab.tell(&["lint", config, "--envoy", NEW.0, "--envoy", &own])
        .exits(2)
        .says(&["too new", "with Envoy 1.41.0-dev)", "1 problem in 1 file"]);
    // What every Envoy says is said once.
    lab.edit(config, "timeout: 5s", "timeowt: 5s");
    let told = lab.tell(&["lint", config, "--envoy", NEW.0, "--envoy", OLD.0]).exits(2);
    assert!(
        told.err.contains("1 problem in 1 file") && !told.err.contains("only with"),
        "{}",
        told.err
    );
}

#[test]
fn the_versions_that_scenarios_share_are_known() {
    let lab = Lab::new();
    lab.write(
        "scenarios/up/hello.yaml",
        &PLAIN.replace("steps:", "axes: {envoy: $envoys}\nsteps:"),
    );
    let shared = ids(&lab, &["up"]);
    let told = lab.tell(&["envoy", "list"]).exits(0);
    let minor = |line: &str| -> Option<String> { Some(line.rsplit_once('.')?.0.to_owned()) };
    let versions = told
        .out
        .lines()
        .filter_map(|line| minor(line.split(['\t', ' ']).next()?));
    let known: BTreeSet<String> = versions.map(|version| format!("up/hello[envoy={version}]")).collect();
    assert_eq!(shared.into_iter().collect::<BTreeSet<_>>(), known);
}
