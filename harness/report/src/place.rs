//! The files of a report folder: their names, how they are written, and what of a path in it is there.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::ReportError;

pub(crate) const EVENTS: &str = "events.jsonl";
pub(crate) const RESULTS: &str = "results.json";
pub(crate) const JUNIT: &str = "junit.xml";
pub(crate) const SUMMARY: &str = "summary.md";
pub(crate) const INDEX: &str = "index.html";
pub(crate) const TIMES: &str = "times.json";
pub(crate) const FAILURES: &str = "failures";

/// Writes a file as a whole: a reader sees the old content or the new, and so does whoever finds it after a kill. A link there
/// is replaced, and what it points to stays as it is.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), ReportError> {
    meshkat_files::write(path, content).map_err(|why| ReportError::write(path, why))
}

/// The folder `below` of `dir`, if it is there and no part of the way below `dir` is a link.
pub(crate) fn real_folder(dir: &Path, below: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = dir.to_owned();
    for part in below.components() {
        let Component::Normal(part) = part else { return Ok(None) };
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Ok(None),
            Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(why) => return Err(why),
        }
    }
    Ok(Some(path))
}
