//! The state folder: whose it is, and that nobody else looks or writes into it.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use rustix::fs::Mode;

use crate::RuntimeError;
use crate::error::failed;

/// The variable that names the state folder.
pub const STATE_DIR: &str = "MESHKAT_STATE_DIR";

/// What lies in a state folder. One that holds anything else is somebody's folder for other things, too, and keeps its mode.
const OURS: [&str; 6] = ["lock", "runs", "kept", "docker.json", "hashes.json", "images.lock"];

/// Where runs keep their folders by default: `$MESHKAT_STATE_DIR`, or `meshkat` in the user's folder for state
/// (`$XDG_STATE_HOME`, `~/.local/state`).
///
/// # Errors
/// When neither is known.
pub fn default_state_dir() -> Result<PathBuf, RuntimeError> {
    if let Some(folder) = std::env::var_os(STATE_DIR).filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let unknown = |message: String| {
        RuntimeError::other(message).with_help(format!("name a folder for what runs keep on disk: {STATE_DIR}=FOLDER"))
    };
    let base = etcetera::base_strategy::Xdg::new().map_err(|error| unknown(error.to_string()))?;
    let folder = base
        .state_dir()
        .ok_or_else(|| unknown("there is no folder for state".to_owned()))?;
    Ok(folder.join("meshkat"))
}

/// Where the runs of a state folder are.
pub(crate) fn runs(state_dir: &Path) -> PathBuf {
    state_dir.join("runs")
}

/// Makes a state folder, or takes the one that is there; gives its path without links. Nobody but this user may look into
/// it, or, where it holds other things, too, into what runs keep there.
///
/// # Errors
/// It belongs to another user, others can write to it, it is no folder, or it cannot be made.
pub fn open_state_dir(path: &Path) -> Result<PathBuf, RuntimeError> {
    let folder = match check_state_dir(path)? {
        Some(folder) => folder,
        None => {
            meshkat_files::private_folder(path).map_err(failed("make the folder", path))?;
            fs::canonicalize(path).map_err(failed("make absolute", path))?
        }
    };
    let metadata = fs::metadata(&folder).map_err(failed("look at", &folder))?;
    let mode = Mode::from_raw_mode(metadata.mode());
    if mode.intersects(Mode::RWXG | Mode::RWXO)
        && !mode.contains(Mode::SVTX)
        && holds_ours_alone(&folder).map_err(failed("read the folder", &folder))?
    {
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).map_err(failed("close to others", &folder))?;
    }
    for part in [runs(&folder), folder.join("kept")] {
        meshkat_files::private_folder(&part).map_err(failed("make the folder", &part))?;
    }
    Ok(folder)
}

/// Looks at a state folder and changes nothing; its path without links, or none if there is none.
///
/// # Errors
/// It belongs to another user, others can write to it, or it is no folder.
pub fn check_state_dir(path: &Path) -> Result<Option<PathBuf>, RuntimeError> {
    let Some(lies) = there(path)? else { return Ok(None) };
    let own = rustix::process::geteuid().as_raw();
    // A link that another user has put there leads where that user wants; the system's own are root's.
    if lies.is_symlink() && ![own, 0].contains(&lies.uid()) {
        return Err(refused(path, &format!("is a link of user {}", lies.uid())));
    }
    let folder = fs::canonicalize(path).map_err(failed("make absolute", path))?;
    let metadata = fs::metadata(&folder).map_err(failed("look at", path))?;
    if !metadata.is_dir() {
        return Err(refused(path, "is no folder"));
    }
    if metadata.uid() != own {
        let whose = format!("belongs to user {}, and this is user {own}", metadata.uid());
        return Err(refused(path, &whose));
    }
    let mode = Mode::from_raw_mode(metadata.mode());
    let open = mode.intersects(Mode::WGRP | Mode::WOTH) && !mode.contains(Mode::SVTX);
    if open && !holds_ours_alone(&folder).map_err(failed("read the folder", &folder))? {
        return Err(refused(
            path,
            "holds other things than what runs keep, and other users can write to it",
        ));
    }
    for part in [runs(&folder), folder.join("kept")] {
        if let Some(metadata) = there(&part)?
            && (!metadata.is_dir() || metadata.uid() != own)
        {
            return Err(refused(&part, "is not a folder of this user's own"));
        }
    }
    Ok(Some(folder))
}

/// The state folder that a label or an argument names, if it is one of this user's: absolute, without links on the way, and as
/// [`check_state_dir`] wants it. None if there is nothing.
///
/// # Errors
/// Why it is none, in words that complete "its state folder".
pub(crate) fn named(path: &Path) -> Result<Option<PathBuf>, String> {
    if !path.is_absolute() {
        return Err("is no absolute path".to_owned());
    }
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be looked at: {error}")),
    };
    // As text: a `Path` compares `a/./b` and `a/b` as equal.
    if real.as_os_str() != path.as_os_str() {
        return Err("is not written as it is, without links".to_owned());
    }
    check_state_dir(path).map_err(|error| error.to_string())
}

/// What lies at a path, be it a link; none if nothing does.
pub(crate) fn there(path: &Path) -> Result<Option<Metadata>, RuntimeError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

/// Makes a folder that was not there, for this user alone.
pub(crate) fn new_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

fn holds_ours_alone(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let is_unfinished = name.as_encoded_bytes().starts_with(b".meshkat-");
        if !is_unfinished && !OURS.iter().any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn refused(path: &Path, why: &str) -> RuntimeError {
    RuntimeError::other(format!("the state folder cannot be used: {} {why}", path.display())).with_help(format!(
        "name a folder that nobody else uses, it is made if it is not there: {STATE_DIR}=FOLDER"
    ))
}
