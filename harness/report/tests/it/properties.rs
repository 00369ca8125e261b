//! What holds for any run at all.

use std::fs;
use std::path::Path;

use crate::model::{Buffer, case, finished, started};
use meshkat_model::event::Event;
use meshkat_model::results::{CaseResult, Failure, Status, Totals};
use meshkat_report::{Look, Reporter as _, Reporters, Terminal, bundle_folder, read_results, replay};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn statuses() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Passed),
        Just(Status::Failed),
        Just(Status::Errored),
        Just(Status::Skipped),
        Just(Status::Flaky)
    ]
}

fn failures() -> impl Strategy<Value = Failure> {
    (
        any::<String>(),
        any::<String>(),
        0..99_usize,
        any::<String>(),
        any::<String>(),
        any::<String>(),
        vec(any::<String>(), 0..3),
    )
        .prop_map(|(step, file, line, message, expected, actual, hints)| Failure {
            step,
            file,
            line,
            message,
            expected,
            actual,
            hints,
        })
}

/// Any text, values that are no folder's name included.
fn cases() -> impl Strategy<Value = Vec<CaseResult>> {
    let one = (
        any::<String>(),
        statuses(),
        any::<String>(),
        option::of(failures()),
        vec(failures(), 0..3),
        0..9_999_u64,
    );
    vec(one, 0..12).prop_map(|list| {
        let made = list
            .into_iter()
            .enumerate()
            .map(|(n, (text, status, promise, failure, earlier, requests))| {
                let mut case = case(&format!("s{}/x{n}[v={text}]", n % 3), status);
                (case.promise, case.failure, case.requests, case.duration_ms) =
                    (promise, failure, requests, requests * 7);
                // A flaky case is one that failed before; whatever passed or was skipped at once did not.
                if matches!(status, Status::Failed | Status::Errored) {
                    case.earlier_failures = earlier;
                } else if status == Status::Flaky {
                    case.earlier_failures = earlier
                        .into_iter()
                        .chain([crate::model::failure(&text, "", "")])
                        .collect();
                }
                case
            });
        made.collect()
    })
}

fn events(cases: &[CaseResult]) -> Vec<Event> {
    let mut events = started(cases);
    events.extend(cases.iter().flat_map(|case| finished(case, vec![])));
    events.push(Event::RunFinished {
        duration_ms: 1,
        interrupted: false,
    });
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn files_agree_with_the_cases(cases in cases()) {
        let dir = tempfile::tempdir().unwrap();
        replay(&events(&cases), &mut Reporters::for_files(dir.path()).unwrap()).unwrap();
        let count = |status| cases.iter().filter(|case| case.status == status).count() as u64;

        let results = read_results(dir.path()).unwrap();
        prop_assert_eq!(results.totals, Totals {
            cases: cases.len() as u64,
            passed: count(Status::Passed),
            failed: count(Status::Failed),
            errored: count(Status::Errored),
            skipped: count(Status::Skipped),
            flaky: count(Status::Flaky),
            voids: 0,
            checks: cases.iter().map(|case| case.checks).sum(),
            requests: cases.iter().map(|case| case.requests).sum(),
        });
        prop_assert_eq!(&results.cases, &cases);

        let junit = crate::model::junit::count(&fs::read_to_string(dir.path().join("junit.xml")).unwrap());
        prop_assert_eq!(junit, crate::model::junit::Counts {
            cases: cases.len() as u64,
            failures: count(Status::Failed),
            errors: count(Status::Errored),
            skipped: count(Status::Skipped),
            flaky: count(Status::Flaky),
        });
        for case in &cases {
            let explained = dir.path().join(bundle_folder(&case.id, case.round)).join("failure.txt").is_file();
            prop_assert_eq!(explained, !matches!(case.status, Status::Passed | Status::Skipped));
        }
    }

    #[test]
    fn a_terminal_is_told_nothing_but_text(cases in cases(), width in 60..160_usize) {
        let buffer = Buffer::default();
        let look = Look {
            color: false,
            width,
            wraps: true,
        };
        let mut terminal = Terminal::new(Box::new(buffer.clone()), look, Path::new("r"), None);
        for event in events(&cases) {
            terminal.event(&event).unwrap();
        }
        terminal.finish().unwrap();
        let text = buffer.text();
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{:?}", text);
        let told = text.lines().filter(|line| line.starts_with("FAILED ") || line.starts_with("ERRORED ")).count();
        let broken = cases.iter().filter(|case| matches!(case.status, Status::Failed | Status::Errored)).count();
        prop_assert!(told <= broken && (told > 0) == (broken > 0), "{}", text);
    }

    #[test]
    fn no_two_cases_share_a_folder(one in any::<String>(), two in any::<String>()) {
        let (a, b) = (bundle_folder(&one, None), bundle_folder(&two, None));
        prop_assert_eq!(one == two, a.to_lowercase() == b.to_lowercase());
        for name in a.strip_prefix("failures/").unwrap().split('/') {
            prop_assert!(!name.is_empty() && name != "." && name != ".." && name.len() < 255, "{}", a);
            prop_assert!(!name.contains(['<', '>', ':', '"', '\\', '|', '?', '*']), "{}", a);
            prop_assert!(!name.chars().any(char::is_control) && !name.ends_with(['.', ' ']), "{}", a);
        }
    }
}
