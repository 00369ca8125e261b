//! The report folder: emptied of what an earlier run left, and written to so that no reader sees half a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::ReportError;

pub(crate) const RESULTS: &str = "results.json";
pub(crate) const JUNIT: &str = "junit.xml";
pub(crate) const SUMMARY: &str = "summary.md";
pub(crate) const INDEX: &str = "index.html";
pub(crate) const TIMES: &str = "times.json";
pub(crate) const FAILURES: &str = "failures";

/// Makes `dir`, removes an earlier run's files from it but for its times, and makes sure that it can be written to.
pub(crate) fn prepare(dir: &Path) -> Result<(), ReportError> {
    let fail = |path: &Path, why| ReportError::Prepare {
        path: path.to_owned(),
        why,
    };
    fs::create_dir_all(dir).map_err(|why| fail(dir, why))?;

    let failures = dir.join(FAILURES);
    let results = dir.join(RESULTS);
    // Every run of meshkat writes its results before its first bundle. Without them, the folder is somebody else's.
    if failures.is_dir() && results.is_file() {
        fs::remove_dir_all(&failures).map_err(|why| fail(&failures, why))?;
    }
    // The results go last, so that a preparation that was cut short is known for what it was.
    for name in [JUNIT, SUMMARY, INDEX, RESULTS] {
        for path in [temporary(&dir.join(name)), dir.join(name)] {
            match fs::remove_file(&path) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(fail(&path, why)),
                _ => {}
            }
        }
    }
    let probe = temporary(&results);
    fs::write(&probe, "")
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|why| fail(dir, why))
}

/// Writes a file as a whole: a reader sees the old content or the new, and so does whoever finds it after a kill.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), ReportError> {
    let temporary = temporary(path);
    fs::write(&temporary, content)
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|why| ReportError::write(path, why))
}

fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}
