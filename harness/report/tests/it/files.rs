//! The report folder: what is removed, what stays, what is there after a kill, and what happens when something is in the
//! way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::model::{case, finished, fixture, fixtures, planned, run, started};
use meshkat_model::event::{Artifact, Event};
use meshkat_model::results::Status;
use meshkat_report::{ReportError, Reporter, Reporters, events_of, read_events, read_results, replay, replay_log};

/// Every file below `dir`, with its content.
fn tree(dir: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                let mut text = fs::read_to_string(&path).unwrap();
                if name == "events.jsonl" {
                    text = what_happened(dir);
                }
                files.insert(name, text);
            }
        }
    }
    files
}

/// The events of a log, without their times.
fn what_happened(dir: &Path) -> String {
    let log = read_events(dir).unwrap();
    let lines = log.iter().map(|logged| serde_json::to_string(&logged.event).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_replay_writes_what_the_run_wrote() {
    for fixture in fixtures() {
        let (live, replayed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut reporters = Reporters::for_files(live.path()).unwrap();
        for event in &fixture.events {
            reporters.event(event);
        }
        reporters.finish().unwrap();

        let kept: Vec<String> = fixture
            .events
            .iter()
            .map(|event| serde_json::to_string(event).unwrap())
            .collect();
        let events: Vec<Event> = kept.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        replay(&events, &mut Reporters::for_files(replayed.path()).unwrap()).unwrap();
        assert_eq!(tree(live.path()), tree(replayed.path()), "{}", fixture.name);
    }
}

#[test]
fn what_is_made_of_a_log_is_what_the_run_wrote() {
    for fixture in fixtures() {
        let (live, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        replay(&fixture.events, &mut Reporters::for_files(live.path()).unwrap()).unwrap();
        let events = events_of(&[live.path().to_owned()]).unwrap();
        replay_log(&events, &mut Reporters::for_files(again.path()).unwrap()).unwrap();
        let (mut live, mut again) = (tree(live.path()), tree(again.path()));
        // One whose end was not told ends here.
        if fixture
            .events
            .iter()
            .any(|event| matches!(event, Event::RunFinished { .. }))
        {
            assert_eq!(live, again, "{}", fixture.name);
        } else {
            for files in [&mut live, &mut again] {
                files.retain(|name, _| name.starts_with("failures/"));
            }
            assert_eq!(live, again, "{}", fixture.name);
        }
    }
}

#[test]
fn a_log_has_all_that_had_happened_when_a_run_is_killed() {
    for fixture in fixtures() {
        let dir = tempfile::tempdir().unwrap();
        let mut reporters = Reporters::for_files(dir.path()).unwrap();
        for (index, event) in fixture.events.iter().enumerate() {
            reporters.event(event);
            assert_eq!(read_events(dir.path()).unwrap().len(), index + 1, "{}", fixture.name);
        }
        drop(reporters);
        // In the middle of a line.
        let path = dir.path().join("events.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 2]).unwrap();
        let events = events_of(&[dir.path().to_owned()]).unwrap();
        let over = fixture
            .events
            .iter()
            .any(|event| matches!(event, Event::RunFinished { .. }));
        assert!(
            matches!(
                events.last().unwrap().event,
                Event::RunFinished { interrupted: true, .. }
            ) || !over,
            "{}",
            fixture.name
        );
    }
}

#[test]
fn what_is_no_log_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let error = read_events(dir.path()).unwrap_err();
    assert!(error.to_string().contains("events.jsonl is not there") && error.help().is_some());
    replay(
        &fixture("one-failed").events,
        &mut Reporters::for_files(dir.path()).unwrap(),
    )
    .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let first = text.lines().next().unwrap();
    for (content, why) in [
        (String::new(), "no event is in it"),
        ("{}\n".to_owned(), "line 1: missing field `at_ms`"),
        (
            format!("{text}{first}\n"),
            "a run starts with its first event, and once",
        ),
        (
            text.lines().skip(1).map(|line| format!("{line}\n")).collect(),
            "line 1: a run starts",
        ),
        (
            text.replacen("\"schema\":1", "\"schema\":2", 1),
            "line 1: its schema is 2",
        ),
        (
            text.replacen("mesh-starting", "mesh-stirring", 1),
            "unknown variant `mesh-stirring`",
        ),
    ] {
        fs::write(&path, content).unwrap();
        let error = read_events(dir.path()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(events_of(&[dir.path().to_owned()]).is_err());
    }
}

#[test]
fn numbers_that_no_run_has_end_no_merge() {
    let dir = tempfile::tempdir().unwrap();
    replay(
        &fixture("one-failed").events,
        &mut Reporters::for_files(dir.path()).unwrap(),
    )
    .unwrap();
    let path = dir.path().join("events.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let mut most = text;
    for key in ["meshes", "checks", "requests", "at_ms", "duration_ms", "mesh", "index"] {
        let mut rest = most.as_str();
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once(&format!("\"{key}\":")) {
            let digits = after.chars().take_while(char::is_ascii_digit).count();
            let number = if digits == 0 {
                String::new()
            } else {
                u64::MAX.to_string()
            };
            out.push_str(&format!("{before}\"{key}\":{number}"));
            rest = &after[digits..];
        }
        out.push_str(rest);
        most = out;
    }
    assert!(most.matches(&u64::MAX.to_string()).count() > 10);
    fs::write(&path, most).unwrap();
    let dirs = [dir.path().to_owned(), dir.path().to_owned()];
    let events = events_of(&dirs).unwrap();
    let all = tempfile::tempdir().unwrap();
    replay_log(&events, &mut Reporters::for_files(all.path()).unwrap()).unwrap();
    assert_eq!(read_results(all.path()).unwrap().totals.checks, u64::MAX);
}

#[test]
fn a_run_that_is_killed_leaves_what_it_had_finished() {
    for fixture in fixtures() {
        let dir = tempfile::tempdir().unwrap();
        let mut reporters = Reporters::for_files(dir.path()).unwrap();
        let mut ended = Vec::new();
        let mut over = false;
        for event in &fixture.events {
            reporters.event(event);
            match event {
                Event::CaseFinished { case } => ended.push((**case).clone()),
                Event::RunFinished { .. } => over = true,
                _ => {}
            }
            let results = read_results(dir.path()).unwrap();
            assert_eq!(results.cases, ended);
            assert_eq!(results.totals.cases, ended.len() as u64);
            assert!(results.run.interrupted || over, "{}", fixture.name);
        }
    }
}

#[test]
fn thousands_of_cases_are_all_there_at_the_end() {
    let cases: Vec<_> = (0..3_000)
        .map(|n| case(&format!("eds/s[n={n}]"), Status::Passed))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let mut reporters = Reporters::for_files(dir.path()).unwrap();
    reporters.event(&Event::RunStarted {
        run: run(),
        cases: cases.iter().map(planned).collect(),
        meshes: 1,
    });
    for case in &cases {
        reporters.event(&Event::CaseFinished {
            case: Box::new(case.clone()),
        });
    }
    assert!(read_results(dir.path()).unwrap().cases.len() >= 500);
    reporters.finish().unwrap();
    assert_eq!(read_results(dir.path()).unwrap().cases, cases);
}

#[test]
fn only_an_earlier_report_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    replay(
        &fixture("one-failed").events,
        &mut Reporters::for_files(dir.path()).unwrap(),
    )
    .unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    assert!(dir.path().join("failures/eds").is_dir());

    Reporters::for_files(dir.path()).unwrap();
    let left: Vec<String> = tree(dir.path()).into_keys().collect();
    assert_eq!(left, ["notes.txt", "times.json"], "what runs took is for the next one");
    assert!(!dir.path().join("failures").exists());
}

#[test]
fn somebody_elses_failures_stay() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("failures")).unwrap();
    fs::write(dir.path().join("failures/mine.txt"), "mine").unwrap();
    Reporters::for_files(dir.path()).unwrap();
    assert_eq!(tree(dir.path()).len(), 1);
}

#[test]
fn a_folder_that_is_a_file_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("latest");
    fs::write(&path, "").unwrap();
    let error = Reporters::for_files(&path).err().unwrap().to_string();
    assert!(
        error.starts_with(&format!("failed to prepare the report folder {}: ", path.display())),
        "{error}"
    );
}

struct Broken;

impl Reporter for Broken {
    fn event(&mut self, _event: &Event) -> Result<(), ReportError> {
        Err(ReportError::Terminal(std::io::Error::other("gone")))
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        Ok(())
    }
}

#[test]
fn one_that_fails_starves_nobody_and_is_told_of_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut reporters = Reporters::new();
    reporters.add(Broken);
    reporters.add(meshkat_report::Json::new(dir.path()));
    let fixture = fixture("all-passed");
    let error = replay(&fixture.events, &mut reporters).unwrap_err();
    assert_eq!(error.to_string(), "failed to write to the terminal: gone");
    assert_eq!(read_results(dir.path()).unwrap().totals, fixture.totals);
}

#[test]
fn artifacts_stay_in_their_folder() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("reports/latest");
    let failed = case("a/b", Status::Failed);
    let file = |path: &str| Artifact {
        path: path.to_owned(),
        text: "x".to_owned(),
    };
    let mut events = started(std::slice::from_ref(&failed));
    let paths = [
        "../../../../escaped",
        "/tmp/../escaped",
        "pet-1/../../c",
        "pet-1/envoy.log",
    ];
    events.extend(finished(&failed, paths.map(file).to_vec()));
    let error = replay(&events, &mut Reporters::for_files(&inner).unwrap()).unwrap_err();
    let ReportError::Several(errors) = error else {
        panic!("{error}")
    };
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(
        errors
            .iter()
            .all(|error| matches!(error, ReportError::ArtifactPath { id, .. } if id == "a/b"))
    );

    let written: Vec<String> = tree(dir.path())
        .into_keys()
        .filter(|name| name.contains("failures"))
        .collect();
    let folder = "reports/latest/failures/a/b";
    assert_eq!(
        written,
        [format!("{folder}/failure.txt"), format!("{folder}/pet-1/envoy.log")]
    );
}

#[test]
fn a_case_that_ran_anywhere_is_not_skipped_in_the_whole() {
    let dirs: [tempfile::TempDir; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let statuses = [Status::Skipped, Status::Failed, Status::Skipped];
    for (dir, status) in dirs.iter().zip(statuses) {
        let mut cases = [case("a/both", status), case("a/nowhere", Status::Skipped)];
        for case in cases.iter_mut().filter(|case| case.status == Status::Skipped) {
            case.skipped = Some("needs to fly".to_owned());
        }
        let ended = cases.iter().flat_map(|case| finished(case, vec![]));
        let events: Vec<Event> = started(&cases).into_iter().chain(ended).collect();
        replay(&events, &mut Reporters::for_files(dir.path()).unwrap()).unwrap();
    }
    let events = events_of(&dirs.each_ref().map(|dir| dir.path().to_owned())).unwrap();
    let all = tempfile::tempdir().unwrap();
    replay_log(&events, &mut Reporters::for_files(all.path()).unwrap()).unwrap();
    let merged = read_results(all.path()).unwrap();
    let told = merged
        .cases
        .iter()
        .map(|case| (case.id.as_str(), case.status, case.skipped.as_deref()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("a/both", Status::Failed, None),
            ("a/nowhere", Status::Skipped, Some("needs to fly"))
        ]
    );
}

#[test]
fn rounds_stay_apart_in_the_whole_and_the_last_report_of_each_counts() {
    let dirs: [tempfile::TempDir; 2] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let fixture = fixture("rounds");
    // In the second, one that did not run in the first has run, and one is skipped that did.
    let mut later = fixture.events.clone();
    for event in &mut later {
        if let Event::CaseFinished { case } = event {
            (case.status, case.failure) = match case.id.as_str() {
                "a/steady" => (Status::Skipped, None),
                "b/skipped" => (Status::Passed, None),
                _ => (Status::Passed, None),
            };
        }
    }
    for (dir, events) in dirs.iter().zip([&fixture.events, &later]) {
        replay(events, &mut Reporters::for_files(dir.path()).unwrap()).unwrap();
    }
    let events = events_of(&dirs.each_ref().map(|dir| dir.path().to_owned())).unwrap();
    let all = tempfile::tempdir().unwrap();
    replay_log(&events, &mut Reporters::for_files(all.path()).unwrap()).unwrap();
    let merged = read_results(all.path()).unwrap();
    let totals = merged.totals;
    assert_eq!((totals.cases, totals.passed, totals.skipped), (7, 7, 0));
    let mut meshes = Vec::new();
    for logged in &events {
        if let Event::MeshStarting { mesh, .. } = logged.event {
            meshes.push(mesh);
        }
    }
    meshes.sort_unstable();
    assert_eq!(meshes, [0, 1, 2, 3, 4, 5], "each mesh has a number of its own");
}

#[test]
fn shards_become_one_report() {
    let (one, two, all) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    replay(
        &fixture("one-failed").events,
        &mut Reporters::for_files(one.path()).unwrap(),
    )
    .unwrap();
    replay(
        &fixture("every-status").events,
        &mut Reporters::for_files(two.path()).unwrap(),
    )
    .unwrap();

    let events = events_of(&[one.path().to_owned(), two.path().to_owned()]).unwrap();
    replay_log(&events, &mut Reporters::for_files(all.path()).unwrap()).unwrap();
    let results = read_results(all.path()).unwrap();
    assert_eq!(
        (results.totals.cases, results.totals.passed, results.totals.failed),
        (7, 2, 2)
    );
    assert_eq!(results.run.duration_ms, 65_000);

    let (from, to) = (tree(one.path()), tree(all.path()));
    for (name, content) in from.iter().filter(|(name, _)| name.starts_with("failures/")) {
        assert_eq!(to.get(name), Some(content), "{name}");
    }
    assert_eq!(from.keys().filter(|name| name.starts_with("failures/")).count(), 3);
}

#[test]
fn what_is_no_report_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(read_results(dir.path()), Err(ReportError::Read { .. })));
    fs::write(dir.path().join("results.json"), "{}").unwrap();
    assert!(matches!(read_results(dir.path()), Err(ReportError::NotAReport { .. })));
}
