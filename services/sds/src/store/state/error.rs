//! Why the state on disk cannot be used.

use std::io;
use std::path::PathBuf;

use meshkat_kit::JsonError;

/// Why the state on disk cannot be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The path names no file.
    #[error("state file {}: there is no file name in the path", .0.display())]
    NoName(PathBuf),
    /// The folder is not there, or cannot be used.
    #[error("state file {}: its folder cannot be opened: {error}", path.display())]
    Folder {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is there and cannot be read.
    #[error("state file {}: cannot be read: {error}", path.display())]
    Read {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is a link, and what it points to is not there.
    #[error("state file {}: it is a link to a file that is not there; make that file, or remove the link", .0.display())]
    DanglingLink(PathBuf),
    /// Another process writes to it.
    #[error(
        "state file {}: another sds writes to it; stop that one, or give this one a file of its own with --state",
        .0.display()
    )]
    InUse(PathBuf),
    /// Nobody can say whether another process writes to it.
    #[error("state file {}: cannot be locked: {error}; put it on a file system that has locks", path.display())]
    Lock {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file holds something else than a registry.
    #[error("state file {}: {error}; it is left as it is", path.display())]
    Corrupt {
        /// The state file.
        path: PathBuf,
        /// What is wrong, and where.
        error: JsonError,
    },
    /// A resource in the file is none.
    #[error("state file {}: resources[{index}]: {error}; it is left as it is", path.display())]
    Resource {
        /// The state file.
        path: PathBuf,
        /// Which one, counted from 0.
        index: usize,
        /// What is wrong with it.
        error: String,
    },
    /// The file has resources, and a version that has none.
    #[error(
        "state file {}: it has `resources`, which need `version` 2, and its `version` is 1; write 2 there; it is left as it is",
        .0.display()
    )]
    OldVersion(PathBuf),
    /// The file is of another version of this program.
    #[error("state file {}: `version` is {version}, and 1 and 2 are known; it is left as it is", path.display())]
    Version {
        /// The state file.
        path: PathBuf,
        /// The version that it has.
        version: u32,
    },
    /// The file cannot be replaced. What it held is still there.
    #[error("state file {}: cannot be written: {error}", path.display())]
    Write {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}
