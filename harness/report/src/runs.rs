//! The folder that has a folder for each run, `reports/` of a project, and in it `latest`, a link to the last one.
//!
//! A checkout has what its author put there. So `latest` is followed only to a folder beside it that is named as a run's is, it is
//! replaced as a whole and never written through, and of old runs only what is [known for a run's](crate::earlier) is removed.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use crate::earlier;
use crate::error::ReportError;
use crate::folder;
use crate::json::read_results;
use crate::place::{self, RESULTS, TIMES};

/// The link to the last run.
const LATEST: &str = "latest";
/// So many runs are kept.
pub const KEPT: usize = 20;
/// So many runs of one machine may have one id.
const ALIKE: usize = 1000;

/// The folders of the runs of a project.
#[derive(Debug, Clone)]
pub struct Runs {
    base: PathBuf,
}

impl Runs {
    /// Those in `base`, which need not be there.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into() }
    }

    /// Where `latest` is.
    pub fn link(&self) -> PathBuf {
        self.base.join(LATEST)
    }

    /// The folder of the last run: what `latest` points to, or, where there is no such link, the last one by its name. None if
    /// there was no run.
    ///
    /// # Errors
    /// `latest` leads elsewhere.
    pub fn latest(&self) -> Result<Option<PathBuf>, ReportError> {
        let link = self.link();
        match fs::symlink_metadata(&link) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(link)),
            Ok(metadata) if metadata.is_symlink() => {
                let target = fs::read_link(&link).map_err(|why| ReportError::read(&link, why))?;
                let mut parts = target.components();
                match (parts.next(), parts.next()) {
                    (Some(Component::Normal(name)), None) if is_id(name) => {
                        Ok(Some(self.base.join(name)).filter(|folder| is_folder(folder)))
                    }
                    _ => Err(ReportError::Elsewhere { path: link }),
                }
            }
            _ => {
                let has_results = |folder: &PathBuf| folder.join(RESULTS).is_file();
                Ok(self.folders().into_iter().rfind(has_results))
            }
        }
    }

    /// Makes the folder of a new run, which is named by the run's id, and puts the times of the last run into it.
    ///
    /// # Errors
    /// It cannot be made, or is behind a link.
    pub fn make(&self, id: &str) -> Result<PathBuf, ReportError> {
        folder::make(&self.base)?;
        let times = match self.latest() {
            Ok(Some(last)) => meshkat_files::read_own(&last.join(TIMES), crate::times::LARGEST).ok(),
            _ => None,
        };
        let folder = self.new_folder(id)?;
        if let Some(times) = times {
            place::write(&folder.join(TIMES), times)?;
        }
        Ok(folder)
    }

    /// Two machines, or two containers, that share a folder may have the same id at the same time.
    fn new_folder(&self, id: &str) -> Result<PathBuf, ReportError> {
        let mut number = 1;
        loop {
            let name = if number == 1 {
                id.to_owned()
            } else {
                format!("{id}-{number}")
            };
            let path = self.base.join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(path),
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists && number < ALIKE => number += 1,
                Err(why) => return Err(ReportError::Prepare { path, why }),
            }
        }
    }

    /// Makes `latest` point to the folder of a run, and removes the oldest runs beyond [`KEPT`]. Gives what did not work, which
    /// is no reason not to run.
    pub fn publish(&self, folder: &Path) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Err(why) = self.point_to(folder) {
            let (link, folder) = (self.link(), folder.display());
            warnings.push(format!(
                "failed to make {} point to this run: {why}; its report is in {folder}",
                link.display()
            ));
        }
        self.prune(folder);
        warnings
    }

    fn point_to(&self, folder: &Path) -> io::Result<()> {
        let link = self.link();
        match fs::symlink_metadata(&link) {
            Ok(metadata) if metadata.is_dir() => self.move_away(&link)?,
            Ok(metadata) if !metadata.is_symlink() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "a file of somebody else's is there",
                ));
            }
            _ => {}
        }
        let name = folder.file_name().unwrap_or_default();
        let (prefix, suffix) = earlier::TEMPORARY;
        let new = tempfile::Builder::new()
            .prefix(prefix)
            .suffix(suffix)
            .make_in(&self.base, |path| symlink(name, path))?;
        // Whoever looks sees the old link or the new one.
        new.into_temp_path().persist(&link).map_err(|error| error.error)
    }

    /// Where `latest` is a folder, as of versions that had one for all runs, its run gets its own name.
    fn move_away(&self, latest: &Path) -> io::Result<()> {
        let taken = |why: String| io::Error::new(io::ErrorKind::AlreadyExists, why);
        let results =
            read_results(latest).map_err(|why| taken(format!("a folder is there that no run wrote ({why})")))?;
        let id = results.run.id;
        let target = self.base.join(&id);
        if !is_id(OsStr::new(&id)) || fs::symlink_metadata(&target).is_ok() {
            return Err(taken("a folder is there that no run wrote".to_owned()));
        }
        fs::rename(latest, target)
    }

    /// The folders of runs, the oldest first.
    fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.base).into_iter().flatten().flatten();
        let named = entries.filter(|entry| is_id(&entry.file_name()));
        let mut folders: Vec<PathBuf> = named.map(|entry| entry.path()).filter(|path| is_folder(path)).collect();
        folders.sort();
        folders
    }

    /// Removes what is known for a run's of the oldest runs. What something else is in stays, as does what a run writes to.
    fn prune(&self, own: &Path) {
        let folders = self.folders();
        let more = folders.len().saturating_sub(KEPT);
        for old in folders.iter().filter(|folder| *folder != own).take(more) {
            // One that stays is no reason not to run.
            drop(folder::take_away(old));
        }
    }
}

/// Whether a name is one of a run's folder: `20261121T223349Z-16571`.
fn is_id(name: &OsStr) -> bool {
    let Some((time, rest)) = name.to_str().and_then(|name| name.split_once("Z-")) else {
        return false;
    };
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = time.len() == 15 && time.as_bytes()[8] == b'T' && time.split('T').all(are_digits);
    is_time && rest.split('-').count() <= 2 && rest.split('-').all(are_digits)
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_folder_is_known_by_its_name() {
        for (name, is) in [
            ("20261121T223349Z-16571", true),
            ("20261121T223349Z-16571-2", true),
            ("20261121T223349Z-16571-2-3", false),
            ("20261121T223349Z-", false),
            ("20261121T223349Z", false),
            ("2026112T1223349Z-1", false),
            ("latest", false),
            ("ci", false),
            ("..", false),
        ] {
            assert_eq!(is_id(OsStr::new(name)), is, "{name}");
        }
    }
}
