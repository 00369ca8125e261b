//! What somebody did to a mesh from outside: a note in the run's folder, so that a failure can tell of it.

use std::io::{self, Write as _};
use std::path::Path;

/// The file, a line for each thing.
const BY_HAND: &str = "by-hand";
/// More than this is not read, in bytes.
const LONGEST: u64 = 64 << 10;

/// Notes what was done to the mesh whose folder this is.
///
/// # Errors
/// The note cannot be written.
pub fn note_by_hand(folder: &Path, what: &str) -> io::Result<()> {
    let line = format!("{}\n", what.replace(['\n', '\r'], " "));
    meshkat_files::append(&folder.join(BY_HAND))?.write_all(line.as_bytes())
}

/// What was noted, the first first; none of a file that is not there, or cannot be read.
pub(crate) fn done_by_hand(folder: &Path) -> Vec<String> {
    let noted = meshkat_files::read_own(&folder.join(BY_HAND), LONGEST).unwrap_or_default();
    String::from_utf8_lossy(&noted).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(done_by_hand(folder.path()), [""; 0]);
        note_by_hand(folder.path(), "killed pet-1").unwrap();
        note_by_hand(folder.path(), "paused\npet-2").unwrap();
        assert_eq!(done_by_hand(folder.path()), ["killed pet-1", "paused pet-2"]);
    }
}
