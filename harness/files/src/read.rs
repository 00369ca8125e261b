//! Reading what may be a pipe, a device, or without an end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// The bytes of a regular file of at most `limit` bytes. A link to one is followed: whoever reads with a stranger's paths
/// checks where they lead.
///
/// # Errors
/// It cannot be read, is no regular file ([`io::ErrorKind::InvalidInput`]), or is larger ([`io::ErrorKind::FileTooLarge`]).
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    whole(open(path, OFlags::empty())?, limit)
}

/// As [`read`], but a link is not followed: of a folder that somebody sent, only what is in it is read.
///
/// # Errors
/// As [`read`]; or it is a link.
pub fn read_own(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    whole(open(path, OFlags::NOFOLLOW)?, limit)
}

/// The first bytes of a regular file, at most `limit`. A link is not followed.
///
/// # Errors
/// It cannot be read, is a link, or is no regular file.
pub fn head(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, OFlags::NOFOLLOW)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn whole(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes"));
    if file.metadata()?.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // One byte more tells a file that is too large from one that just fits, also when it grows meanwhile.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// As [`read`], for text.
///
/// # Errors
/// As [`read`]; or it is not UTF-8 ([`io::ErrorKind::InvalidData`]).
pub fn read_to_string(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error().to_string()))
}

/// Opens without waiting: a FIFO without a writer would hold the reader for ever.
fn open(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY | more).bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|why| {
            if more.contains(OFlags::NOFOLLOW) && path.is_symlink() {
                return io::Error::new(io::ErrorKind::InvalidInput, "it is a link");
            }
            why
        })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
    }
}
