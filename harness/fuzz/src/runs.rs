//! What runs leave on disk.

use meshkat_runtime::run::{Ledger, live_runs};

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
