//! The folders of runs: each has its own, the last is pointed to, and of the oldest only what a run wrote is removed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::model::{case, finished, started};
use meshkat_model::results::Status;
use meshkat_report::{KEPT, ReportError, Reporters, Runs, replay};
use tempfile::tempdir;

fn id(number: usize) -> String {
    format!("20261129T{number:06}Z-7")
}

/// A run, as the command line makes its report.
fn run(runs: &Runs, id: &str) -> Vec<String> {
    let folder = runs.make(id).unwrap();
    let mut reporters = Reporters::for_files(&folder).unwrap();
    let told = runs.publish(&folder);
    let case = case("a/b", Status::Failed);
    let mut events = started(std::slice::from_ref(&case));
    events.extend(finished(&case, Vec::new()));
    replay(&events, &mut reporters).unwrap();
    told
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_last_runs_are_kept_and_of_older_ones_what_a_run_wrote_is_removed() {
    let dir = tempdir().unwrap();
    let base = dir.path().join("reports");
    let runs = Runs::new(&base);
    assert_eq!(runs.latest().unwrap(), None);
    fs::create_dir_all(base.join("ci")).unwrap();
    fs::write(base.join("ci/results.json"), "{\"schema\":1,\"run\":{}}").unwrap();
    // Of the first, somebody has kept something; the second is no run's at all.
    run(&runs, &id(0));
    fs::write(base.join(id(0)).join("notes.txt"), "mine").unwrap();
    fs::create_dir(base.join(id(1))).unwrap();
    fs::write(base.join(id(1)).join("results.json"), "mine").unwrap();
    for number in 2..KEPT + 5 {
        assert_eq!(run(&runs, &id(number)), [""; 0]);
        assert_eq!(runs.latest().unwrap(), Some(base.join(id(number))));
        assert_eq!(fs::read_link(runs.link()).unwrap(), Path::new(&id(number)));
    }
    assert_eq!(names(&base.join(id(0))), ["notes.txt"], "what no run wrote stays");
    assert_eq!(
        fs::read_to_string(base.join(id(1)).join("results.json")).unwrap(),
        "mine"
    );
    assert!(!base.join(id(2)).exists() && base.join(id(KEPT + 4)).join("results.json").is_file());
    assert!(
        base.join("ci/results.json").is_file(),
        "a folder of another name is nobody's run"
    );
    let kept = names(&base).into_iter().filter(|name| name.starts_with("2026"));
    assert_eq!(kept.count(), KEPT + 2, "those of runs, and the two that stay");
}

#[test]
fn a_run_that_goes_on_is_never_removed() {
    let dir = tempdir().unwrap();
    let runs = Runs::new(dir.path());
    let held = runs.make(&id(0)).unwrap();
    let _reporters = Reporters::for_files(&held).unwrap();
    for number in 1..KEPT + 3 {
        run(&runs, &id(number));
    }
    assert!(held.is_dir());
    // Of the same id at the same time, each has a folder.
    assert_eq!(runs.make(&id(0)).unwrap(), dir.path().join(format!("{}-2", id(0))));
}

#[test]
fn a_link_to_elsewhere_is_never_followed_and_a_folder_of_links_is_refused() {
    let (dir, precious) = (tempdir().unwrap(), tempdir().unwrap());
    fs::write(precious.path().join("results.json"), "{\"schema\":1,\"run\":{}}").unwrap();
    let runs = Runs::new(dir.path().join("reports"));
    fs::create_dir(dir.path().join("reports")).unwrap();
    for target in [
        precious.path().to_owned(),
        format!("../{}", id(1)).into(),
        "ci".into(),
        "..".into(),
    ] {
        symlink(&target, runs.link()).unwrap();
        assert!(
            matches!(runs.latest(), Err(ReportError::Elsewhere { .. })),
            "{}",
            target.display()
        );
        fs::remove_file(runs.link()).unwrap();
    }
    // A run's name that is itself a link is no run's folder, neither to read nor to remove.
    symlink(precious.path(), dir.path().join("reports").join(id(0))).unwrap();
    symlink(id(0), runs.link()).unwrap();
    assert_eq!(runs.latest().unwrap(), None);
    for number in 1..KEPT + 3 {
        run(&runs, &id(number));
    }
    assert_eq!(names(precious.path()), ["results.json"]);
    assert!(dir.path().join("reports").join(id(0)).is_symlink());
}
