//! Each run has a folder of its own, `reports/latest` points to the last, and old ones go.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use meshkat_model::results::Results;

use crate::{
    lab::{Lab, names},
    permit::Permit,
    process::Told,
};

const HOSTS: &str = "edge/host-routing";
const HOPS: &str = "routing/only-through-envoy";
const PETSTORE: &str = "envoy-configs/petstore.yaml";

/// A run whose report goes where reports go.
#[track_caller]
fn run(lab: &Lab, args: &[&str]) -> Told {
    let _permit = Permit::one();
    lab.tell_command(lab.command(&[&["run"], args].concat()))
}

fn reports(lab: &Lab) -> PathBuf {
    lab.project().join("reports")
}

/// The folders of runs, the oldest first.
fn folders(lab: &Lab) -> Vec<String> {
    let mut all = names(&reports(lab));
    all.retain(|name| name != "latest" && name != "README.md");
    all
}

#[track_caller]
fn results(folder: &Path) -> Results {
    let text = fs::read_to_string(folder.join("results.json")).expect("there was a run");
    serde_json::from_str(&text).expect("it is a report")
}

#[test]
fn a_later_run_takes_nothing_from_an_earlier_one() {
    let lab = Lab::new();
    lab.edit(PETSTORE, "service_name: pet\n", "service_name: pett\n");
    run(&lab, &[HOPS]).exits(1).says(&["bundle     reports/2"]);
    let first = folders(&lab).remove(0);
    assert!(
        reports(&lab)
            .join(&first)
            .join("failures")
            .join(HOPS)
            .join("failure.txt")
            .is_file()
    );
    run(&lab, &[HOSTS]).exits(0);
    let all = folders(&lab);
    assert_eq!(all.len(), 2, "{all:?}");
    let link = fs::read_link(reports(&lab).join("latest")).expect("it is a link");
    assert_eq!(link, Path::new(&all[1]));
    assert!(
        reports(&lab)
            .join(&first)
            .join("failures")
            .join(HOPS)
            .join("failure.txt")
            .is_file()
    );
    assert_eq!(results(&reports(&lab).join("latest")).run.id, all[1]);
    assert!(names(&reports(&lab)).iter().all(|name| !name.contains("tmp")));
    // What the runs took is known to the next, from folder to folder.
    let times = fs::read_to_string(reports(&lab).join("latest/times.json")).expect("it is there");
    assert!(times.contains(HOSTS) && times.contains("meshes"), "{times}");
    // The link that was named means a folder of its own all the same.
    run(&lab, &[HOSTS, "--report-dir", "reports/latest"]).exits(0);
    assert_eq!(folders(&lab).len(), 3);
    // Another folder that was named is that folder, and nobody's last run.
    run(&lab, &[HOSTS, "--report-dir", "elsewhere"]).exits(0);
    assert!(lab.project().join("elsewhere/results.json").is_file());
    assert_eq!(folders(&lab).len(), 3);
}

#[test]
fn two_runs_at_once_have_their_own() {
    let lab = Lab::new();
    lab.edit(PETSTORE, "service_name: pet\n", "service_name: pett\n");
    let _permit = Permit::two();
    let both = [HOPS, "routing/petshop[petstores=1,pets=1]"].map(|id| {
        (
            id,
            lab.start(lab.command(&["run", id]), id.split('/').next_back().expect("a name")),
        )
    });
    for (_, run) in both {
        run.end().exits(1);
    }
    let mut seen: Vec<String> = folders(&lab)
        .into_iter()
        .map(|folder| {
            let results = results(&reports(&lab).join(&folder));
            assert!(
                reports(&lab)
                    .join(folder)
                    .join("failures")
                    .join(&results.cases[0].id)
                    .is_dir()
            );
            results.cases[0].id.clone()
        })
        .collect();
    seen.sort();
    assert_eq!(seen, [HOPS, "routing/petshop[petstores=1,pets=1]"]);
}

#[test]
fn from_a_folder_below_it_is_the_projects() {
    let lab = Lab::new();
    lab.edit(PETSTORE, "service_name: pet\n", "service_name: pett\n");
    let below = |args: &[&str]| {
        let _permit = Permit::one();
        let mut command = lab.command(&[&["run"], args].concat());
        command.current_dir(lab.project().join("scenarios/routing"));
        lab.tell_command(command)
    };
    below(&[HOPS, HOSTS]).exits(1);
    assert_eq!(folders(&lab).len(), 1);
    assert!(!lab.project().join("scenarios/routing/reports").exists());
    lab.edit(PETSTORE, "service_name: pett\n", "service_name: pet\n");
    below(&["--rerun", "failed"]).exits(0).says(&["1 case: 1 passed"]);
    run(&lab, &["--rerun", "failed"])
        .exits(0)
        .says(&["nothing failed in the last run"]);
}

#[test]
fn a_link_of_a_checkout_leads_nowhere_else() {
    for target in ["../elsewhere", "/etc", "a/b", "not-a-run"] {
        let lab = Lab::new();
        lab.write("elsewhere/results.json", "{\"schema\":1,\"run\":{}}");
        lab.write("elsewhere/mine.txt", "mine");
        lab.write("reports/not-a-run/mine.txt", "mine");
        symlink(target, reports(&lab).join("latest")).expect("the folder is the test's own");
        lab.tell(&["run", "--rerun", "failed"]).exits(2).says(&[
            "reports/latest is a link to something else than the folder of a run",
            "remove the link",
        ]);
        run(&lab, &[HOSTS]).exits(0);
        let link = fs::read_link(reports(&lab).join("latest")).expect("it is a link");
        assert!(reports(&lab).join(link).join("results.json").is_file());
        assert_eq!(names(&lab.project().join("elsewhere")), ["mine.txt", "results.json"]);
        assert_eq!(names(&reports(&lab).join("not-a-run")), ["mine.txt"]);
    }
}

#[test]
fn what_earlier_versions_left_in_the_place_of_the_link_is_kept_under_its_own_name() {
    let lab = Lab::new();
    run(&lab, &[HOSTS, "--report-dir", "old"]).exits(0);
    fs::create_dir_all(reports(&lab)).expect("the folder is the test's own");
    fs::rename(lab.project().join("old"), reports(&lab).join("latest")).expect("the folder is the test's own");
    run(&lab, &["--rerun", "failed"])
        .exits(0)
        .says(&["nothing failed in the last run"]);
    run(&lab, &[HOSTS]).exits(0);
    assert_eq!(folders(&lab).len(), 2);
    // A folder that no run wrote stays, and that is told.
    let lab = Lab::new();
    lab.write("reports/latest/mine.txt", "mine");
    run(&lab, &[HOSTS]).exits(0).says(&[
        "warning: failed to make reports/latest point to this run",
        "its report is in reports/2",
    ]);
    assert_eq!(names(&reports(&lab).join("latest")), ["mine.txt"]);
}

#[test]
fn a_line_that_reproduces_a_case_begins_as_the_run_was_begun() {
    let lab = Lab::new();
    lab.edit(PETSTORE, "service_name: pet\n", "service_name: pett\n");
    let told = run(&lab, &[HOPS]).exits(1);
    let path = crate::lab::meshkat().display().to_string();
    told.says(&[&format!("reproduce  {path} run '{HOPS}' --seed 0")]);
    let mut command = lab.command(&["explain", HOPS]);
    command.env("MESHKAT_CALLED_AS", "just meshkat");
    let told = lab.tell_command(command).exits(0);
    assert!(
        told.out.contains(&format!("\n  just meshkat run '{HOPS}'\n")),
        "{}",
        told.out
    );
}
