//! Folders that are private, or that no link leads out of.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

/// Who may enter a private folder: this user.
const PRIVATE: u32 = 0o700;

/// Makes a folder that only this user may enter (0700), and those above it as usual. One that is there and is this user's is
/// closed to others.
///
/// # Errors
/// Something else is there, be it a link; it belongs to another user; or it cannot be made.
pub fn private_folder(path: &Path) -> io::Result<()> {
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(PRIVATE).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let metadata = real_folder(path)?;
    check_owner(&metadata)?;
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(PRIVATE))?;
    }
    Ok(())
}

/// Makes the folder `below` of the folder `root`, and those on the way; gives its path. No part of `below` may be a link, so
/// that nobody who could write below `root` decides about a place elsewhere.
///
/// # Errors
/// `below` is absolute or has `..`, a part of it is a link or no folder, or it cannot be made.
pub fn folder_below(root: &Path, below: &Path) -> io::Result<PathBuf> {
    let mut path = root.to_owned();
    for part in below.components() {
        match part {
            Component::CurDir => continue,
            Component::Normal(part) => path.push(part),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{} leads out of {}", below.display(), root.display()),
                ));
            }
        }
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => real_folder(&path)?,
        };
    }
    Ok(path)
}

fn real_folder(path: &Path) -> io::Result<Metadata> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() {
        return Ok(metadata);
    }
    let what = if metadata.is_symlink() { "a link" } else { "a file" };
    Err(io::Error::new(
        io::ErrorKind::NotADirectory,
        format!("{} is {what}, and a folder of its own is needed", path.display()),
    ))
}

/// Nobody else may hold what this user writes to.
pub(crate) fn check_owner(metadata: &Metadata) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() == own {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("it belongs to user {}, and this is user {own}", metadata.uid()),
    ))
}

/// Whether what a path leads to lies in a folder, whatever links are on the way.
///
/// # Errors
/// It leads nowhere.
pub fn stays_in(folder: &Path, path: &Path) -> io::Result<bool> {
    let real = |path: &Path| {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        fs::canonicalize(path).map_err(named)
    };
    Ok(real(path)?.starts_with(real(folder)?))
}
