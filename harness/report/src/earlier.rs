//! What an earlier run left in the report folder, and how it is known for that.
//!
//! | what is removed | is known by |
//! |---|---|
//! | `events.jsonl`, `results.json`, `junit.xml`, `summary.md`, `index.html` | how they begin; another file of that name is left, and told of |
//! | a file below `failures/` | the list of what runs wrote there, [`WRITTEN`] |
//! | a folder below `failures/` | a file of the list was in it, and it is empty now |
//! | a temporary file | a name that only ours have; nobody else writes, for the folder is held |
//!
//! No link is followed. One that has the name of a report is removed itself. Nothing else is removed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::bundle_path::is_plain;
use crate::error::ReportError;
use crate::place::{EVENTS, FAILURES, INDEX, JUNIT, RESULTS, SUMMARY, TIMES, real_folder};

/// The list of the files below `failures/`, a line of JSON for each, after one that says what it is.
const WRITTEN: &str = ".meshkat-report";
const HEADING: &str = r#"{"meshkat-report":1}"#;
/// What temporary files are called before and behind the part that nobody can guess.
pub(crate) const TEMPORARY: (&str, &str) = (".meshkat-", ".tmp");
/// How long the part between is.
const RANDOM: usize = 6;
/// Enough to know a file by.
const HEAD: u64 = 4096;
/// A million files.
const LONGEST_LIST: u64 = 128 << 20;

/// The list of what a run writes below `failures/`. A file is on it before it is there.
pub(crate) struct Written {
    dir: PathBuf,
    list: Option<File>,
    known: BTreeSet<PathBuf>,
}

impl Written {
    /// Of a report folder in which there is no list.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            list: None,
            known: BTreeSet::new(),
        }
    }

    /// Puts a path below the report folder on the list.
    pub(crate) fn add(&mut self, path: &Path) -> Result<(), ReportError> {
        if !self.known.insert(path.to_owned()) {
            return Ok(());
        }
        let file = self.dir.join(WRITTEN);
        let line = |text: &str| serde_json::Value::from(text).to_string();
        let mut add = || -> io::Result<()> {
            let list = match &mut self.list {
                Some(list) => list,
                None => {
                    let mut list = meshkat_files::create(&file)?;
                    writeln!(list, "{HEADING}")?;
                    self.list.insert(list)
                }
            };
            writeln!(list, "{}", line(&path.to_string_lossy()))
        };
        add().map_err(|why| ReportError::write(&file, why))
    }
}

/// Removes what an earlier run left in `dir`, but for its times. Where something of that name is not a run's, nothing is
/// removed at all.
pub(crate) fn remove(dir: &Path) -> Result<(), ReportError> {
    for name in [EVENTS, RESULTS, JUNIT, SUMMARY, INDEX, TIMES, WRITTEN] {
        check(&dir.join(name), name)?;
    }
    let written = dir.join(WRITTEN);
    bundles(dir, &written)?;
    gone(&written)?;
    temporaries(dir)?;
    // A link is no file of times.
    let times = dir.join(TIMES);
    if times.is_symlink() {
        gone(&times)?;
    }
    // The results go last, so that a preparation that was cut short is known for what it was.
    for name in [JUNIT, SUMMARY, INDEX, EVENTS, RESULTS] {
        gone(&dir.join(name))?;
    }
    Ok(())
}

/// Removes the times of earlier runs, too.
pub(crate) fn forget_times(dir: &Path) -> Result<(), ReportError> {
    let times = dir.join(TIMES);
    check(&times, TIMES)?;
    gone(&times)
}

/// Whether what is at `path` is nothing, a link, or a file that a run wrote.
fn check(path: &Path, name: &str) -> Result<(), ReportError> {
    match fs::symlink_metadata(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(prepare(path, why)),
        Ok(metadata) if metadata.is_symlink() => return Ok(()),
        Ok(_) => {}
    }
    let head = meshkat_files::head(path, HEAD).unwrap_or_default();
    if is_ours(name, &String::from_utf8_lossy(&head)) {
        return Ok(());
    }
    Err(ReportError::NotOurs { path: path.to_owned() })
}

fn is_ours(name: &str, head: &str) -> bool {
    let fields = |names: [&str; 2]| head.starts_with('{') && names.iter().all(|name| head.contains(name));
    match name {
        EVENTS => fields([r#""schema""#, r#""at_ms""#]),
        RESULTS => fields([r#""schema""#, r#""run""#]),
        TIMES => fields([r#""schema""#, r#""runtimes""#]),
        JUNIT => head.contains(r#"<testsuites name="meshkat""#),
        SUMMARY => head.starts_with("# meshkat\n"),
        INDEX => head.contains("<title>meshkat: "),
        WRITTEN => head.starts_with(HEADING),
        _ => false,
    }
}

/// Removes the files that are on the list, and the folders that are empty then.
fn bundles(dir: &Path, written: &Path) -> Result<(), ReportError> {
    if written.is_symlink() || !written.exists() {
        return Ok(());
    }
    let list = meshkat_files::read_to_string(written, LONGEST_LIST).map_err(|why| prepare(written, why))?;
    let mut folders = BTreeSet::new();
    // A list that a kill cut short ends in half a line.
    let paths = list
        .lines()
        .skip(1)
        .filter_map(|line| serde_json::from_str::<String>(line).ok());
    for path in paths.filter(|path| is_plain(path) && path.starts_with(&format!("{FAILURES}/"))) {
        let path = Path::new(&path);
        let above = path.parent().unwrap_or(Path::new(""));
        let Some(folder) = real_folder(dir, above).map_err(|why| prepare(&dir.join(path), why))? else {
            continue;
        };
        let file = folder.join(path.file_name().unwrap_or_default());
        if fs::symlink_metadata(&file).is_ok_and(|metadata| metadata.is_file()) {
            gone(&file)?;
        }
        folders.extend(
            above
                .ancestors()
                .filter(|above| !above.as_os_str().is_empty())
                .map(Path::to_owned),
        );
    }
    // What is in a folder comes after it.
    for folder in folders.iter().rev() {
        if let Some(folder) = real_folder(dir, folder).map_err(|why| prepare(&dir.join(folder), why))? {
            // One that has something else in it stays.
            let _kept = fs::remove_dir(folder);
        }
    }
    Ok(())
}

/// Removes what a run that was killed had begun to write.
fn temporaries(dir: &Path) -> Result<(), ReportError> {
    let entries = fs::read_dir(dir).map_err(|why| prepare(dir, why))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name
            .to_str()
            .and_then(|name| name.strip_prefix(TEMPORARY.0)?.strip_suffix(TEMPORARY.1));
        let is_temporary =
            random.is_some_and(|part| part.len() == RANDOM && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        if is_temporary && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            gone(&entry.path())?;
        }
    }
    Ok(())
}

fn gone(path: &Path) -> Result<(), ReportError> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(prepare(path, why)),
        _ => Ok(()),
    }
}

fn prepare(path: &Path, why: io::Error) -> ReportError {
    ReportError::Prepare {
        path: path.to_owned(),
        why,
    }
}
