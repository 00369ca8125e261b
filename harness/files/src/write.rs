//! Writing whole files, logs and locks, never through a link.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use tempfile::Builder;

/// What the process's umask leaves of it is how files of reports are: they are for others to read.
const SHARED: u32 = 0o666;
/// For this user alone.
const PRIVATE: u32 = 0o600;

/// Writes a file as a whole: a reader sees the old content or the new, also after a kill. What is at `path`, be it a link,
/// is replaced; what a link points to stays as it is.
///
/// # Errors
/// The folder cannot be written to, or a folder is at `path`.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    replace(path, content.as_ref(), SHARED)
}

/// As [`write`], for this user alone (0600).
///
/// # Errors
/// As [`write`].
pub fn write_private(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    replace(path, content.as_ref(), PRIVATE)
}

fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = Builder::new()
        .prefix(".meshkat-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder.unwrap_or_else(|| Path::new(".")))?;
    file.write_all(content)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Makes a file that was not there, for this user alone (0600), to write bit by bit.
///
/// # Errors
/// Something is at `path` already, be it a link to nowhere; or the folder cannot be written to.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
}

/// Opens a file to write at its end; makes it, for this user alone (0600), if it is not there.
///
/// # Errors
/// It is a link or no regular file, belongs to another user, or cannot be opened.
pub fn append(path: &Path) -> io::Result<File> {
    own(OpenOptions::new().append(true), path)
}

/// Opens a file to hold a lock on; makes it, for this user alone (0600), if it is not there. Its content is left alone.
///
/// # Errors
/// It is a link or no regular file, belongs to another user, or cannot be opened.
pub fn open_lock(path: &Path) -> io::Result<File> {
    own(OpenOptions::new().write(true), path)
}

fn own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Without waiting: a pipe without a reader would hold the writer for ever.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = options
        .create(true)
        .mode(PRIVATE)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    super::folder::check_owner(&metadata)?;
    Ok(file)
}
