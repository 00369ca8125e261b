//! No report tells a secret, wherever in an event it is, and however much of the event a report shows.

use std::fs;
use std::path::Path;

use crate::model::{Buffer, case, failure, finished, started};
use meshkat_model::event::{Artifact, Event};
use meshkat_model::results::{CaseResult, Status};
use meshkat_report::{Look, Reporters, Secrets, Terminal, events_of, replay, replay_log};

const WORD: &str = "Sup3r-s3cret-word";

fn secrets() -> Secrets {
    Secrets::of([("SHOP_PASSWORD".to_owned(), WORD.to_owned())])
}

/// A failure that tells the secret in each of its fields.
fn telling() -> CaseResult {
    let mut telling = case(&format!("a/b[word={WORD}]"), Status::Failed);
    let text = format!("x {WORD} y");
    telling.promise.clone_from(&text);
    telling.reproduce.clone_from(&text);
    telling.tags.push(text.clone());
    telling
        .params
        .insert("word".to_owned(), serde_json::json!({WORD: [WORD]}));
    telling.steps[0].name.clone_from(&text);
    // Terminal, Markdown and HTML cut at different places; one of these stands across each of them.
    let mut failure = failure(
        &text,
        &format!("{WORD} ").repeat(1_500),
        &format!("{WORD}{WORD}").repeat(1_500),
    );
    failure.step.clone_from(&text);
    failure.hints.push(text.clone());
    telling.earlier_failures.push(failure.clone());
    telling.failure = Some(failure);
    telling
}

fn events() -> Vec<Event> {
    let telling = telling();
    let mut events = started(std::slice::from_ref(&telling));
    events.push(Event::Warning {
        message: format!("x {WORD} y"),
    });
    let split = WORD.replace("s3", "s\n  3");
    let file = |path: &str, text: &str| Artifact {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let files = vec![
        file("pet-1/envoy.log", &format!("one {WORD}\ntwo {split}\n")),
        file(
            "pet-1/config_dump.json",
            &serde_json::json!({"a": format!("\"{WORD}\"")}).to_string(),
        ),
        file(&format!("{WORD}/access.log"), "U3VwM3ItczNjcmV0LXdvcmQ="),
    ];
    events.extend(finished(&telling, files));
    events
}

fn tell_nothing(dir: &Path, files: usize) {
    let mut seen = 0;
    let mut todo = vec![dir.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            assert!(!path.to_string_lossy().contains("Sup3r"), "{}", path.display());
            if path.is_dir() {
                todo.push(path);
                continue;
            }
            seen += 1;
            let text = fs::read_to_string(&path).unwrap();
            for part in ["Sup3r", "s3cret", "cret-word", "U3VwM3It", "czNjcmV0"] {
                assert!(!text.contains(part), "{} tells {part}", path.display());
            }
        }
    }
    assert_eq!(seen, files);
}

#[test]
fn no_report_tells_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let terminal = Buffer::default();
    let mut reporters = Reporters::for_files(dir.path()).unwrap().with_secrets(secrets());
    let look = Look {
        color: true,
        width: 90,
        wraps: false,
    };
    reporters.add(Terminal::new(Box::new(terminal.clone()), look, dir.path(), None));
    replay(&events(), &mut reporters).unwrap();
    assert!(!terminal.text().contains("Sup3r") && terminal.text().contains("[SHOP_PASSWORD redacted]"));
    // Six reports, the list of what was written, the explanation, and three files.
    tell_nothing(dir.path(), 11);
}

#[test]
fn a_report_of_somebody_who_kept_it_is_merged_without_it() {
    let (dir, merged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut unaware = Reporters::for_files(dir.path())
        .unwrap()
        .with_secrets(Secrets::default());
    replay(&events(), &mut unaware).unwrap();
    let events = events_of(&[dir.path().to_owned()]).unwrap();
    let mut reporters = Reporters::for_files(merged.path()).unwrap().with_secrets(secrets());
    replay_log(&events, &mut reporters).unwrap();
    tell_nothing(merged.path(), 11);
}

#[test]
fn where_there_is_no_secret_nothing_is_changed() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let other = Secrets::of([("API_TOKEN".to_owned(), "anything goes here".to_owned())]);
    for (dir, secrets) in [(&one, Secrets::default()), (&two, other)] {
        replay(
            &events(),
            &mut Reporters::for_files(dir.path()).unwrap().with_secrets(secrets),
        )
        .unwrap();
    }
    for name in ["results.json", "junit.xml", "index.html", "summary.md", "times.json"] {
        let read = |dir: &tempfile::TempDir| fs::read(dir.path().join(name)).unwrap();
        assert_eq!(read(&one), read(&two), "{name}");
    }
}
