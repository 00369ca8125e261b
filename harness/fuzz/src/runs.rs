//! What runs leave on disk and in Docker, and what only looks like it.

use std::{collections::HashMap, path::Path};

use meshkat_runtime::run::{Ledger, live_runs, run_folder};
use meshkat_runtime_docker::run_of;

use crate::files::Folder;

/// A run's ledger, which tells whom to kill and what to remove. Nothing is killed or removed here.
pub fn ledger(data: &[u8]) {
    thread_local! {
        static FOLDER: Folder = Folder::new();
    }
    FOLDER.with(|state| {
        state.write("runs/1-1-1-1/ledger.json", data);
        let live = live_runs(state.path()).expect("the folder can be read");
        assert!(live.len() <= 1, "one ledger is one run");
    });
    if let Ok(ledger) = serde_json::from_slice::<Ledger>(data) {
        let written = serde_json::to_vec(&ledger).expect("what was read can be written");
        let again: Ledger = serde_json::from_slice(&written).expect("what was written can be read");
        assert_eq!(ledger, again, "it is the same once more");
    }
}

/// A container's names and labels: a name in each line that begins with a slash, `label=value` in the others. A state folder and
/// the user are added, so that what is made up comes as far as it can.
pub fn labels(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (names, lines): (Vec<&str>, Vec<&str>) = text.split('\n').partition(|line| line.starts_with('/'));
    let mut labels: HashMap<String, String> = HashMap::from([
        ("meshkat.state-dir".to_owned(), "/state".to_owned()),
        ("meshkat.user".to_owned(), "0".to_owned()),
    ]);
    let pairs = lines.iter().filter_map(|line| line.split_once('='));
    labels.extend(pairs.map(|(label, value)| (label.to_owned(), value.to_owned())));
    let said = labels.get("meshkat.run").cloned().unwrap_or_default();
    let Some(id) = run_of(names.iter().map(|name| (*name).to_owned()).collect(), labels) else {
        return;
    };
    assert_eq!(id.as_str(), said, "it is the run that the label names");
    assert!(
        id.as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
        "{id} is a path, or could become one"
    );
    let folder = run_folder(Path::new("/state"), &id);
    assert_eq!(folder.parent(), Some(Path::new("/state/runs")), "{}", folder.display());
    let name = format!("/meshkat-{id}-");
    assert!(
        names.iter().any(|own| own.starts_with(&name)),
        "a container of no run's name"
    );
}
