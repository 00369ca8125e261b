//! What is to be fetched, and into which folder.

use std::{ffi::OsStr, path::Path};

use super::{KnownHashes, Platform, Version};

/// What a fetch needs to know.
pub(super) struct Fetch<'a> {
    pub(super) version: &'a Version,
    pub(super) platform: Option<Platform>,
    pub(super) search_path: &'a OsStr,
    /// An empty folder to work in.
    pub(super) folder: &'a Path,
    /// What the binary may be.
    pub(super) known: &'a KnownHashes,
    /// Where the binary will lie in the end, for what is told to a person.
    pub(super) place: &'a Path,
}
