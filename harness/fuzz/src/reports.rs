//! What `report merge`, `--rerun` and `--times` read: the files of an earlier run, perhaps another's.

use meshkat_model::event::Event;
use meshkat_report::{Reporters, events_of, read_results, read_times, replay};

use crate::files::Folder;

/// `results.json` (and `times.json`), read and written again.
pub fn results(data: &[u8]) {
    thread_local! {
        static FOLDER: Folder = Folder::new();
    }
    FOLDER.with(|old| {
        old.write("results.json", data);
        drop(read_times(&old.path().join("results.json")));
        let Ok(results) = read_results(old.path()) else { return };
        let written = serde_json::to_vec(&results).expect("what was read can be written");
        let again = serde_json::from_slice(&written).expect("what was written can be read");
        assert_eq!(results, again, "it is the same once more");
    });
}

/// Events, one in a line as JSON, in any order, reported; and as the log of a run, read, merged with itself, and reported.
pub fn events(data: &[u8]) {
    thread_local! {
        static FOLDER: Folder = Folder::new();
        static LOG: Folder = Folder::new();
    }
    LOG.with(|log| {
        log.write("events.jsonl", data);
        let dirs = [log.path().to_owned(), log.path().to_owned()];
        match events_of(&dirs) {
            Ok(log) => FOLDER.with(|folder| report(log.iter().map(|logged| &logged.event), folder)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
    let lines = data.split(|byte| *byte == b'\n');
    let events: Vec<Event> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    for event in &events {
        let written = serde_json::to_vec(event).expect("what was read can be written");
        let again: Event = serde_json::from_slice(&written).expect("what was written can be read");
        assert_eq!(*event, again, "it is the same once more");
    }
    if !events.is_empty() {
        FOLDER.with(|folder| report(&events, folder));
    }
}

/// Writes every file of a report. That a file cannot be written is an error, and never a panic.
fn report<'a>(events: impl IntoIterator<Item = &'a Event>, folder: &Folder) {
    let Ok(mut reporters) = Reporters::for_files(folder.path()) else {
        return;
    };
    if let Err(error) = replay(events, &mut reporters) {
        assert!(!error.to_string().is_empty());
    }
}
