//! Every report, held to the model of the run that it is about.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model::{Buffer, Fixture, case, failure, finished, fixture, fixtures, started};
use meshkat_model::event::Event;
use meshkat_model::results::{Status, Totals};
use meshkat_model::round::Rounds;
use meshkat_report::{Documents, Look, Record, Reporter as _, Reporters, Terminal, read_results, replay, replay_log};

/// The files' folder, for one fixture.
fn files(fixture: &Fixture) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    replay(&fixture.events, &mut Reporters::for_files(dir.path()).unwrap()).unwrap();
    dir
}

fn terminal(fixture: &Fixture, look: Look) -> String {
    let buffer = Buffer::default();
    let mut terminal = Terminal::new(Box::new(buffer.clone()), look, Path::new("reports/latest"), None);
    for event in &fixture.events {
        terminal.event(event).unwrap();
    }
    terminal.finish().unwrap();
    buffer.text()
}

const PLAIN: Look = Look {
    color: false,
    width: 110,
    wraps: false,
};

fn read(dir: &tempfile::TempDir, name: &str) -> String {
    fs::read_to_string(dir.path().join(name)).unwrap()
}

/// The folders below `failures/` that explain something.
fn bundles(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![dir.join("failures")];
    while let Some(folder) = todo.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        if paths.iter().any(|path| path.ends_with("failure.txt")) {
            found.push(
                folder
                    .strip_prefix(dir.join("failures"))
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        todo.extend(paths.into_iter().filter(|path| path.is_dir()));
    }
    found.sort();
    found
}

#[test]
fn the_record_counts_as_the_model_says() {
    for fixture in fixtures() {
        let mut record = Record::default();
        fixture.events.iter().for_each(|event| record.see(event));
        assert_eq!(record.totals(), fixture.totals, "{}", fixture.name);
        assert_eq!(record.closing_line(), fixture.closing, "{}", fixture.name);
    }
}

#[test]
fn json_is_what_the_model_says() {
    for fixture in fixtures() {
        let results = read_results(files(&fixture).path()).unwrap();
        assert_eq!(results.schema, 1);
        assert_eq!(results.totals, fixture.totals, "{}", fixture.name);
        assert_eq!(results.run.interrupted, fixture.interrupted, "{}", fixture.name);
        assert_eq!(results.cases.len() as u64, fixture.totals.cases, "{}", fixture.name);
    }
}

#[test]
fn what_failures_have_in_common_is_in_the_json_as_it_was_told_and_survives_a_merge() {
    let fixture = fixture("culprits");
    let told = fixture.events.iter().filter_map(|event| match event {
        Event::Culprit { culprit } => Some((**culprit).clone()),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    let dir = files(&fixture);
    assert_eq!(read_results(dir.path()).unwrap().culprits, told);
    let merged = tempfile::tempdir().unwrap();
    let events = meshkat_report::events_of(&[dir.path().to_owned()]).unwrap();
    replay_log(&events, &mut Reporters::for_files(merged.path()).unwrap()).unwrap();
    assert_eq!(read_results(merged.path()).unwrap().culprits, told);
}

#[test]
fn each_round_is_a_case_of_its_own_and_who_does_not_always_end_alike_is_told() {
    let fixture = fixture("rounds");
    let dir = files(&fixture);
    let flake = "2 passed, 1 failed: a flake";
    let results = read_results(dir.path()).unwrap();
    let flakes: Vec<_> = results
        .flakes
        .iter()
        .map(|flake| (flake.id.as_str(), flake.told()))
        .collect();
    assert_eq!(flakes, [("a/mixed", flake.to_owned())]);
    assert_eq!(
        (results.run.rounds.map(|rounds| rounds.of), results.run.stress),
        (Some(3), Some(4))
    );
    let rounds = results.cases.iter().map(|case| case.round.map(|round| round.number));
    let rounds: Vec<_> = rounds.collect();
    assert_eq!(rounds, [None, Some(1), Some(1), Some(2), Some(2), Some(3), Some(3)]);
    let text = terminal(&fixture, PLAIN);
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    assert_eq!(last, [fixture.closing, "", &format!("a/mixed: {flake}")]);
    for (file, part) in [
        ("summary.md", format!("- `a/mixed`: {flake}")),
        ("index.html", format!("<code>a/mixed</code>: {flake}")),
        ("junit.xml", "name=\"a/mixed, round 3 of 3\"".to_owned()),
    ] {
        assert!(read(&dir, file).contains(&part), "{file}: {part}");
    }
    // Neither what a busy machine takes, nor what is in no round, is known of the next run.
    let times = meshkat_report::read_times(&dir.path().join("times.json")).unwrap();
    assert!(times.runtimes.is_empty(), "{times:?}");
}

#[test]
fn until_one_fails_so_many_cases_were_to_run_as_rounds_have_begun() {
    let mut fixture = fixture("rounds");
    if let Event::RunStarted { run, .. } = &mut fixture.events[0] {
        run.rounds = Some(Rounds {
            of: 1_000,
            until_failure: true,
        });
    }
    let text = terminal(&fixture, PLAIN);
    assert!(
        text.contains("until one fails, at most 1,000 rounds, beside 4 busy threads"),
        "{text}"
    );
    assert_eq!(text.lines().last(), Some(fixture.closing));
}

#[test]
fn junit_is_what_the_model_says() {
    for fixture in fixtures() {
        let seen = crate::model::junit::count(&read(&files(&fixture), "junit.xml"));
        let Totals {
            cases,
            failed,
            errored,
            skipped,
            flaky,
            ..
        } = fixture.totals;
        let wanted = crate::model::junit::Counts {
            cases,
            failures: failed,
            errors: errored,
            skipped,
            flaky,
        };
        assert_eq!(seen, wanted, "{}", fixture.name);
    }
}

#[test]
fn the_terminal_says_what_the_model_says() {
    for fixture in fixtures() {
        let text = terminal(&fixture, PLAIN);
        assert_eq!(text.lines().last(), Some(fixture.closing), "{}", fixture.name);
        let explained: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("FAILED ").or(line.strip_prefix("ERRORED ")))
            .map(|line| line.split_once("  after ").unwrap().0)
            .collect();
        assert_eq!(explained, fixture.explained, "{}", fixture.name);
        let wide: Vec<_> = text.lines().filter(|line| line.starts_with(['╭', '│', '╰'])).collect();
        assert!(
            wide.iter().all(|line| line.chars().count() <= PLAIN.width),
            "{}: {wide:#?}",
            fixture.name
        );
        assert!(!text.contains('\u{1b}'), "{}: {text}", fixture.name);
    }
}

#[test]
fn markdown_and_html_say_what_the_model_says() {
    for fixture in fixtures() {
        let dir = files(&fixture);
        assert!(
            read(&dir, "summary.md").contains(&format!("**{}**", fixture.closing)),
            "{}",
            fixture.name
        );
        let html = read(&dir, "index.html");
        assert!(
            html.contains(&format!("<p class=\"closing\">{}</p>", fixture.closing)),
            "{}",
            fixture.name
        );
        for outside in ["http://", "https://", "<script", "src="] {
            assert!(!html.contains(outside), "{}: {outside}", fixture.name);
        }
    }
}

#[test]
fn bundles_are_those_of_the_model() {
    for fixture in fixtures() {
        let dir = files(&fixture);
        assert_eq!(bundles(dir.path()), fixture.bundles, "{}", fixture.name);
    }
    let dir = files(&fixture("one-failed"));
    let bundle = dir.path().join("failures/eds/outage[outage=hung,pets=3]");
    assert_eq!(
        fs::read_to_string(bundle.join("petstore-1/envoy.log")).unwrap(),
        "warming\n"
    );
    insta::assert_snapshot!(
        "bundle-one-failed",
        fs::read_to_string(bundle.join("failure.txt")).unwrap()
    );
}

#[test]
fn the_terminal_reads_well() {
    for fixture in fixtures() {
        let mut text = terminal(&fixture, PLAIN);
        if fixture.name == "many" {
            // The line for each case is in the others.
            text = text.split_once("\n\n").unwrap().1.to_owned();
        }
        insta::assert_snapshot!(format!("terminal-{}", fixture.name), text);
    }
}

#[test]
fn failed_and_errored_differ_in_colour() {
    let text = terminal(
        &fixture("every-status"),
        Look {
            color: true,
            width: 110,
            wraps: false,
        },
    );
    insta::assert_snapshot!("terminal-in-colour", text.replace('\u{1b}', "ESC"));
}

#[test]
fn a_narrow_terminal_has_no_room_for_promises() {
    let text = terminal(
        &fixture("all-passed"),
        Look {
            color: false,
            width: 60,
            wraps: true,
        },
    );
    insta::assert_snapshot!("terminal-narrow", text);
}

#[test]
fn a_report_fits_its_terminal() {
    for width in [60, 80] {
        let look = Look {
            color: false,
            width,
            wraps: true,
        };
        for fixture in fixtures() {
            let text = terminal(&fixture, look);
            let (_, end) = text.split_once("\n\n").unwrap_or_default();
            for line in end.lines() {
                let columns = line.chars().count();
                // A word that is longer, and what is copied, stay whole; so do the lines of a case that ended before.
                let text = line.get(13..).unwrap_or_default().trim();
                let is_whole = !text.contains(' ')
                    || ["  reproduce  ", "  bundle     "]
                        .iter()
                        .any(|label| line.starts_with(label));
                let is_table = line.starts_with(['╭', '│', '├', '╰']);
                let is_field = line.starts_with("  ") && !is_whole;
                assert!(
                    columns <= width || !(is_table || is_field),
                    "{}: {columns} columns: {line}",
                    fixture.name
                );
            }
        }
    }
}

#[test]
fn the_files_read_well() {
    for name in [
        "every-status",
        "nothing-started",
        "hostile",
        "skipped",
        "culprits",
        "rounds",
    ] {
        let dir = files(&fixture(name));
        insta::assert_snapshot!(format!("markdown-{name}"), read(&dir, "summary.md"));
        insta::assert_snapshot!(format!("junit-{name}"), read(&dir, "junit.xml"));
    }
    insta::assert_snapshot!(
        "json-every-status",
        read(&files(&fixture("every-status")), "results.json")
    );
    insta::assert_snapshot!("json-culprits", read(&files(&fixture("culprits")), "results.json"));
    insta::assert_snapshot!("html-hostile", read(&files(&fixture("hostile")), "index.html"));
}

#[test]
fn one_reason_of_many_cases_is_told_once() {
    let reason = "which this runtime cannot: its pods share the machine";
    let fixture = fixture("skipped");
    let dir = files(&fixture);
    let counted = |text: &str| text.matches(reason).count();
    assert_eq!(counted(&terminal(&fixture, PLAIN)), 1);
    assert_eq!(counted(&read(&dir, "summary.md")), 1);
    let html = read(&dir, "index.html");
    let (heads, cases) = html.split_once("<h2>Cases</h2>").unwrap();
    assert_eq!(
        (counted(heads), counted(cases)),
        (1, 12),
        "once as a whole, and at each case"
    );
    assert_eq!(
        counted(&read(&dir, "junit.xml")),
        12,
        "a test case says by itself why it was skipped"
    );
}

#[test]
fn a_summary_stays_small() {
    for letter in ['x', '`', '*', '\u{1f43e}', '\u{1}'] {
        let long = |size: usize| std::iter::repeat_n(letter, size).collect::<String>();
        let cases = (0..90).map(|n| {
            let mut case = case(
                &format!("s{n}/{}[n={n}]", long(400)),
                [Status::Failed, Status::Flaky][n % 2],
            );
            case.promise = long(1_000);
            case.failure = Some(failure(&format!("{n}{}", long(3_000)), &long(9_000), &long(9_000)));
            case.earlier_failures.extend(case.failure.clone());
            case
        });
        let cases: Vec<_> = cases.collect();
        let dir = tempfile::tempdir().unwrap();
        let mut documents = Documents::new(dir.path());
        let ended = cases.iter().flat_map(|case| finished(case, vec![]));
        for event in started(&cases).into_iter().chain(ended) {
            documents.event(&event).unwrap();
        }
        documents.finish().unwrap();
        let text = read(&dir, "summary.md");
        assert!(text.len() < 512 * 1024, "{letter:?}: {}", text.len());
        assert!(text.contains(" more in the report's `failures` folder."), "{letter:?}");
    }
}
