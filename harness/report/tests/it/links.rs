//! What lies in the report folder decides about no other place; and what no run wrote is never removed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::model::{case, failure, finished, fixture, started};
use meshkat_model::event::{Artifact, Event, Logged};
use meshkat_model::results::{CaseResult, Status};
use meshkat_report::{ReportError, Reporters, events_of, read_results, read_times, replay, replay_log};
use tempfile::{TempDir, tempdir};

const REPORTS: [&str; 5] = ["events.jsonl", "results.json", "junit.xml", "summary.md", "index.html"];

fn report_into(dir: &Path) -> Result<(), ReportError> {
    replay(&failed("a/b", "seen"), &mut Reporters::for_files(dir)?)
}

/// A run whose one case failed, with a log.
fn failed(id: &str, log: &str) -> Vec<Event> {
    let mut case = case(id, Status::Failed);
    case.failure = Some(failure("wrong status", "200", "503"));
    of(&case, &[("pet-1/envoy.log", log)])
}

fn of(case: &CaseResult, files: &[(&str, &str)]) -> Vec<Event> {
    let file = |(path, text): &(&str, &str)| Artifact {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
    };
    let mut events = started(std::slice::from_ref(case));
    events.extend(finished(case, files.iter().map(file).collect()));
    events
}

/// A folder that is nobody's business, with what would be missed.
struct Precious(TempDir);

impl Precious {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        for name in [
            &REPORTS[..],
            &["times.json", "failures/a/b/failure.txt", "failures/mine.txt"],
        ]
        .concat()
        {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("precious {name}")).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    #[track_caller]
    fn is_whole(&self) {
        let names = [
            &REPORTS[..],
            &["times.json", "failures/a/b/failure.txt", "failures/mine.txt"],
        ]
        .concat();
        for name in &names {
            let text = fs::read_to_string(self.path(name)).ok();
            assert_eq!(text, Some(format!("precious {name}")), "{name}");
        }
        let count = |folder: &str| fs::read_dir(self.path(folder)).unwrap().count();
        assert_eq!((count("."), count("failures"), count("failures/a/b")), (7, 2, 1));
    }
}

#[test]
fn links_in_the_place_of_reports_are_replaced_and_never_followed() {
    let (dir, precious) = (tempdir().unwrap(), Precious::new());
    let names = [&REPORTS[..], &["times.json", ".results.json.tmp", ".meshkat-report"]].concat();
    for name in names {
        symlink(precious.path(REPORTS[0]), dir.path().join(name)).unwrap();
    }
    report_into(dir.path()).unwrap();
    precious.is_whole();
    for name in REPORTS {
        assert!(dir.path().join(name).symlink_metadata().unwrap().is_file(), "{name}");
    }
    assert_eq!(read_results(dir.path()).unwrap().totals.failed, 1);
}

#[test]
fn links_that_come_while_a_run_goes_on_are_replaced_too() {
    let (dir, precious) = (tempdir().unwrap(), Precious::new());
    let mut reporters = Reporters::for_files(dir.path()).unwrap();
    for name in [&REPORTS[..], &["times.json"]].concat() {
        let path = dir.path().join(name);
        symlink(precious.path(name), &path).unwrap();
    }
    replay(&failed("a/b", "seen"), &mut reporters).unwrap();
    precious.is_whole();
}

#[test]
fn a_hard_link_is_replaced_and_not_written_to() {
    let (dir, precious) = (tempdir().unwrap(), Precious::new());
    let mut reporters = Reporters::for_files(dir.path()).unwrap();
    fs::hard_link(precious.path("results.json"), dir.path().join("results.json")).unwrap();
    fs::hard_link(precious.path("times.json"), dir.path().join("times.json")).unwrap();
    replay(&failed("a/b", "seen"), &mut reporters).unwrap();
    precious.is_whole();
}

#[test]
fn a_bundle_is_written_through_no_link() {
    for link in ["failures", "failures/a", "failures/a/b", "failures/a/b/pet-1"] {
        let (dir, precious) = (tempdir().unwrap(), Precious::new());
        let mut reporters = Reporters::for_files(dir.path()).unwrap();
        let link = dir.path().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(precious.path("failures"), &link).unwrap();
        let told = replay(&failed("a/b", "seen"), &mut reporters).unwrap_err().to_string();
        assert!(told.contains("is a link"), "{told}");
        precious.is_whole();
    }
}

#[test]
fn a_report_folder_that_is_a_link_is_refused() {
    let (dir, precious) = (tempdir().unwrap(), Precious::new());
    let link = dir.path().join("latest");
    symlink(precious.path("."), &link).unwrap();
    let error = report_into(&link).unwrap_err();
    assert!(matches!(&error, ReportError::Link { path } if *path == link), "{error}");
    assert!(error.is_usage() && error.help().is_some());
    precious.is_whole();
    // One that leads nowhere, too: it would be made.
    fs::remove_file(&link).unwrap();
    symlink(precious.path("new"), &link).unwrap();
    assert!(matches!(report_into(&link), Err(ReportError::Link { .. })));
    precious.is_whole();
}

#[test]
fn what_no_run_wrote_is_never_removed() {
    let dir = tempdir().unwrap();
    report_into(dir.path()).unwrap();
    let mine = [
        "notes.txt",
        "failures/mine.txt",
        "failures/a/mine.txt",
        "failures/a/b/mine.txt",
        "failures/a/b/pet-1/mine.log",
        "failures/mine/failure.txt",
        ".meshkat-notes.tmp",
        ".meshkat-abc.tmp",
        ".results.json.tmp",
    ];
    for name in mine {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine").unwrap();
    }
    fs::create_dir(dir.path().join(".meshkat-folder.tmp")).unwrap();
    let elsewhere = Precious::new();
    symlink(elsewhere.path("failures"), dir.path().join("failures/link")).unwrap();

    drop(Reporters::for_files(dir.path()).unwrap());
    for name in mine {
        assert_eq!(
            fs::read_to_string(dir.path().join(name)).ok().as_deref(),
            Some("mine"),
            "{name}"
        );
    }
    assert!(dir.path().join(".meshkat-folder.tmp").is_dir());
    assert!(dir.path().join("failures/link").is_symlink());
    elsewhere.is_whole();
    for name in [
        "failures/a/b/failure.txt",
        "failures/a/b/pet-1/envoy.log",
        "results.json",
        "index.html",
    ] {
        assert!(!dir.path().join(name).exists(), "{name} is of the run before");
    }
}

#[test]
fn a_committed_report_removes_nothing() {
    // As on the word of a results.json in it; then with a list that somebody made up.
    for list in [None, Some("{\"meshkat-report\":1}\n")] {
        let (dir, precious) = (tempdir().unwrap(), Precious::new());
        fs::write(dir.path().join("results.json"), "{\"schema\":1,\"run\":{}}").unwrap();
        fs::create_dir_all(dir.path().join("failures/a")).unwrap();
        fs::write(dir.path().join("failures/a/mine.txt"), "mine").unwrap();
        fs::write(dir.path().join("mine.txt"), "mine").unwrap();
        symlink(precious.path("failures/a"), dir.path().join("failures/link")).unwrap();
        symlink(precious.path("failures/mine.txt"), dir.path().join("failures/file")).unwrap();
        if let Some(heading) = list {
            let up = "../".repeat(9);
            let paths = [
                precious.path("failures/mine.txt").display().to_string(),
                format!("{up}{}", precious.path("failures/mine.txt").display()),
                format!("failures/{up}{}", precious.path("failures/mine.txt").display()),
                "failures/link/b/failure.txt".to_owned(),
                "failures/file".to_owned(),
                "failures/file/".to_owned(),
                "failures".to_owned(),
                "failures/a".to_owned(),
                "mine.txt".to_owned(),
                "failures/../mine.txt".to_owned(),
                "failures/a\u{0}b".to_owned(),
            ];
            let lines: Vec<String> = paths
                .iter()
                .map(|path| serde_json::Value::from(path.as_str()).to_string())
                .collect();
            let list = format!("{heading}{}\nnot JSON\n[1]\n\"failures/a/b", lines.join("\n"));
            fs::write(dir.path().join(".meshkat-report"), list).unwrap();
        }
        drop(Reporters::for_files(dir.path()).unwrap());
        precious.is_whole();
        for name in ["failures/a/mine.txt", "mine.txt"] {
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), "mine", "{name}");
        }
    }
}

#[test]
fn somebody_elses_files_are_in_the_way_and_nothing_is_removed() {
    for name in [&REPORTS[..], &["times.json", ".meshkat-report"]].concat() {
        let dir = tempdir().unwrap();
        report_into(dir.path()).unwrap();
        let path = dir.path().join(name);
        fs::write(&path, "<title>The page of my project</title>").unwrap();
        let error = Reporters::for_files(dir.path()).err().unwrap();
        assert!(
            matches!(&error, ReportError::NotOurs { path: told } if *told == path),
            "{error}"
        );
        assert!(error.is_usage() && error.help().is_some());
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "<title>The page of my project</title>"
        );
        for other in REPORTS
            .iter()
            .filter(|other| **other != name)
            .chain(&["failures/a/b/failure.txt"])
        {
            assert!(
                dir.path().join(other).is_file(),
                "{other} was removed before {name} was seen"
            );
        }
        // So is a folder, whatever is in it.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(
            matches!(
                Reporters::for_files(dir.path()).err(),
                Some(ReportError::NotOurs { .. })
            ),
            "{name}"
        );
        assert!(path.is_dir());
    }
}

#[test]
fn a_report_of_ours_is_known_for_one_whatever_came_of_the_run() {
    for fixture in crate::model::fixtures() {
        let dir = tempdir().unwrap();
        replay(&fixture.events, &mut Reporters::for_files(dir.path()).unwrap()).unwrap();
        Reporters::for_files(dir.path()).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        let left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert!(
            left.iter().all(|name| name == "times.json"),
            "{}: {left:?}",
            fixture.name
        );
    }
}

#[test]
fn one_run_at_a_time_writes_to_a_folder() {
    let dir = tempdir().unwrap();
    let mut first = Reporters::for_files(dir.path()).unwrap();
    let events = failed("a/b", "seen");
    for event in &events {
        first.event(event);
        let error = Reporters::for_files(dir.path()).err().unwrap();
        assert!(
            matches!(error, ReportError::Busy { .. }) && error.help().is_some(),
            "{error}"
        );
    }
    first.finish().unwrap();
    assert_eq!(read_results(dir.path()).unwrap().totals.failed, 1);
    assert!(dir.path().join("failures/a/b/pet-1/envoy.log").is_file());
    Reporters::for_files(dir.path()).unwrap();
}

#[test]
fn a_run_that_was_killed_leaves_no_temporary_file_for_ever() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join(".meshkat-aB3dE6.tmp"), "half").unwrap();
    drop(Reporters::for_files(dir.path()).unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// A report that somebody sent.
fn sent(id: &str) -> TempDir {
    let dir = tempdir().unwrap();
    replay(&failed(id, "seen"), &mut Reporters::for_files(dir.path()).unwrap()).unwrap();
    dir
}

fn merged(dir: &Path) -> (Vec<Logged>, String) {
    let all = tempdir().unwrap();
    let events = events_of(&[dir.to_owned()]).unwrap();
    replay_log(&events, &mut Reporters::for_files(all.path()).unwrap()).unwrap();
    let mut text = String::new();
    let mut todo = vec![all.path().to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => todo.push(entry.path()),
                false => text.push_str(&fs::read_to_string(entry.path()).unwrap()),
            }
        }
    }
    (events, text)
}

#[test]
fn no_file_of_this_machine_comes_into_a_merged_report() {
    let precious = Precious::new();
    for (place, target) in [
        ("failures/a/b/log", "failures/mine.txt"),
        ("failures/a/b/pet-2", "failures"),
        ("failures/a/b", "failures/a/b"),
        ("failures/a", "failures/a"),
        ("failures", "failures"),
    ] {
        let dir = sent("a/b");
        let link = dir.path().join(place);
        if link.is_dir() {
            fs::remove_dir_all(&link).unwrap();
        }
        symlink(precious.path(target), &link).unwrap();
        let (events, text) = merged(dir.path());
        assert!(!text.contains("precious"), "{place}");
        let told =
            |logged: &Logged| matches!(&logged.event, Event::Warning { message } if message.contains("left out"));
        assert!(events.iter().any(told), "{place}: it is told");
    }
}

#[test]
fn a_report_that_is_a_pipe_a_link_or_without_end_is_told_of() {
    let precious = sent("a/b");
    type Make = fn(&Path, &Path);
    let make: [(&str, Make); 5] = [
        ("not a regular file", |path, _| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("it is a link", |path, real| symlink(real, path).unwrap()),
        ("it is a link", |path, _| symlink("/dev/zero", path).unwrap()),
        ("larger than", |path, _| {
            fs::File::create(path).unwrap().set_len(10 << 30).unwrap();
        }),
        ("is not a report of meshkat", |path, _| {
            fs::write(path, format!("{{\"x\":{}", "[".repeat(100_000))).unwrap();
        }),
    ];
    for (why, make) in make {
        let dir = tempdir().unwrap();
        let path = dir.path().join("results.json");
        make(&path, &precious.path().join("results.json"));
        let error = read_results(dir.path()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        make(&dir.path().join("events.jsonl"), &precious.path().join("results.json"));
        let error = events_of(&[dir.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        let times = dir.path().join("times.json");
        make(&times, &precious.path().join("times.json"));
        assert!(read_times(dir.path()).is_err(), "{why}");
    }
}

#[test]
fn a_bundle_without_end_is_told_of() {
    let dir = sent("a/b");
    let log = dir.path().join("failures/a/b/pet-1/envoy.log");
    fs::File::create(&log).unwrap().set_len(10 << 30).unwrap();
    let error = events_of(&[dir.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("512 MiB"), "{error}");
    fs::remove_file(&log).unwrap();
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    let (_, text) = merged(dir.path());
    assert!(text.contains("left out"));
    fs::create_dir_all(dir.path().join("failures/a/b").join("x/".repeat(100))).unwrap();
    let error = events_of(&[dir.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("as deep as this"), "{error}");
}

#[test]
fn ids_that_somebody_made_up_stay_below_the_folder() {
    for id in [
        "../../escaped",
        "/etc/escaped",
        "a/../../../escaped",
        "a\n/../escaped",
        "..",
        "",
        "a//b",
        &"a/".repeat(5_000),
        &"x".repeat(70_000),
    ] {
        let outer = tempdir().unwrap();
        let dir = outer.path().join("reports/one");
        let mut case = case("a/b", Status::Failed);
        case.id = id.to_owned();
        replay(
            &of(&case, &[("pet-1/envoy.log", "seen")]),
            &mut Reporters::for_files(&dir).unwrap(),
        )
        .unwrap();
        assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1, "{id:.40}");
        assert_eq!(
            fs::read_dir(outer.path().join("reports")).unwrap().count(),
            1,
            "{id:.40}"
        );
        // And all of it is known for ours again.
        drop(Reporters::for_files(&dir).unwrap());
        assert!(!dir.join("failures").exists(), "{id:.40}");
    }
}

#[test]
fn a_fixture_replaces_another_ones_bundles() {
    let dir = tempdir().unwrap();
    for name in ["one-failed", "every-status"] {
        let fixture = fixture(name);
        replay(&fixture.events, &mut Reporters::for_files(dir.path()).unwrap()).unwrap();
        for bundle in fixture.bundles {
            assert!(dir.path().join("failures").join(bundle).is_dir(), "{bundle}");
        }
    }
}
