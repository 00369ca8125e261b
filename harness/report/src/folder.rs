//! The report folder: made through no link, held by one run at a time, and written to so that no reader sees half a file.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use meshkat_model::project::Project;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::earlier;
use crate::error::ReportError;

/// A folder that is this run's alone for as long as this is kept.
pub(crate) struct Hold(File);

impl Drop for Hold {
    /// Closing would not do: a program that is being started at this moment has the file, too, until it runs.
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Makes `dir`, removes an earlier run's files from it but for its times, and makes sure that it can be written to.
///
/// Below the project and below the current folder no part of the path may be a link, for a checkout has those that its author
/// made. Elsewhere whoever named the folder knows the way, and only the folder itself may be none.
pub(crate) fn prepare(dir: &Path) -> Result<Hold, ReportError> {
    let fail = |why| ReportError::Prepare {
        path: dir.to_owned(),
        why,
    };
    make(dir)?;
    let hold = hold(dir)?;
    earlier::remove(dir)?;
    // What cannot be written to is told of before anything starts.
    let (prefix, suffix) = earlier::TEMPORARY;
    let probe = tempfile::Builder::new().prefix(prefix).suffix(suffix).tempfile_in(dir);
    probe.and_then(tempfile::NamedTempFile::close).map_err(fail)?;
    Ok(hold)
}

/// Makes a folder, through no link below the project and below the current folder.
pub(crate) fn make(dir: &Path) -> Result<(), ReportError> {
    let fail = |why| ReportError::Prepare {
        path: dir.to_owned(),
        why,
    };
    let here = std::env::current_dir().map_err(fail)?;
    let whole = without_dots(&here.join(dir));
    let (root, below) = trusted(&here, &whole);
    fs::create_dir_all(&root).map_err(fail)?;
    let mut path = root.clone();
    for part in &below {
        path.push(part);
        if path.is_symlink() {
            return Err(ReportError::Link { path });
        }
    }
    meshkat_files::folder_below(&root, &below).map(drop).map_err(fail)
}

/// The part of a path at whose end no stranger decides about links, and the rest.
fn trusted(here: &Path, whole: &Path) -> (PathBuf, PathBuf) {
    let project = Project::find(here).map(|project| project.root);
    let roots: Vec<PathBuf> = project
        .iter()
        .map(PathBuf::as_path)
        .chain([here])
        .flat_map(fs::canonicalize)
        .collect();
    let mut ancestors: Vec<&Path> = whole.ancestors().collect();
    ancestors.reverse();
    // Whichever name it goes by.
    let root = ancestors
        .into_iter()
        .find(|path| fs::canonicalize(path).is_ok_and(|real| roots.contains(&real)));
    let root = root.or(whole.parent()).unwrap_or(whole);
    let below = whole.strip_prefix(root).unwrap_or(Path::new(""));
    (root.to_owned(), below.to_owned())
}

fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// Two runs that write to one folder would make one report of two runs.
fn hold(dir: &Path) -> Result<Hold, ReportError> {
    let fail = |why| ReportError::Prepare {
        path: dir.to_owned(),
        why,
    };
    let flags = i32::try_from((OFlags::DIRECTORY | OFlags::NOFOLLOW).bits()).unwrap_or_default();
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(dir)
        .map_err(fail)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(ReportError::Busy { path: dir.to_owned() }),
        // A file system without locks is no reason not to run.
        _ => Ok(Hold(file)),
    }
}

/// Removes what a run left in `dir`, with its times, and the folder itself if nothing else is in it.
pub(crate) fn take_away(dir: &Path) -> Result<(), ReportError> {
    let hold = hold(dir)?;
    earlier::remove(dir)?;
    earlier::forget_times(dir)?;
    drop(hold);
    fs::remove_dir(dir).map_err(|why| ReportError::Prepare {
        path: dir.to_owned(),
        why,
    })
}
