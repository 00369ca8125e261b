//! What binaries were found to be before. Asking one its version costs 50 ms, and its hash ten times that, which every start of a
//! mesh would pay.
//!
//! A memory holds for as long as the file stays what it is, by its size, its times and its inode. It keeps accidents out, and
//! whoever may not write as this user: the user's own programs may write what they like, to the binary as well.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{EnvoyError, Version, program};

/// No note is larger.
const LARGEST_NOTE: u64 = 16 << 10;

/// The version that the binary at `path` says, remembered in `cache`.
///
/// # Errors
/// As asking the binary itself. That nothing can be remembered is none.
pub(super) fn version_of(cache: &Path, path: &Path) -> Result<Version, EnvoyError> {
    let note = Note::of(&cache.join("versions"), path);
    if let Some(version) = note.recall().and_then(|version| version.parse().ok()) {
        return Ok(version);
    }
    let version = program::version_of(path)?;
    note.remember(path, &version.to_string());
    Ok(version)
}

/// The SHA-256 of the file at `path`, in hexadecimal, remembered in `cache`.
///
/// # Errors
/// It cannot be read.
pub(super) fn hash_of(cache: &Path, path: &Path) -> io::Result<String> {
    let note = Note::of(&cache.join("hashes"), path);
    if let Some(hash) = note.recall() {
        return Ok(hash);
    }
    let hash = sha256(path)?;
    note.remember(path, &hash);
    Ok(hash)
}

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// It cannot be read.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(format!("{:x}", hasher.finalize()))
}

/// One thing that is remembered of one file.
struct Note {
    folder: PathBuf,
    name: String,
    identity: Option<String>,
}

impl Note {
    fn of(folder: &Path, path: &Path) -> Self {
        let name = Sha256::digest(path.as_os_str().as_encoded_bytes())
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            folder: folder.to_owned(),
            name,
            identity: identity(path),
        }
    }

    /// What was remembered, if the file is still what it was.
    fn recall(&self) -> Option<String> {
        let identity = self.identity.as_ref()?;
        // A folder of another user, or one that others could write to, has nothing to say.
        meshkat_files::private_folder(&self.folder).ok()?;
        let text = meshkat_files::read_to_string(&self.folder.join(&self.name), LARGEST_NOTE).ok()?;
        let (of, found) = text.trim_end().rsplit_once('\n')?;
        (of == identity).then(|| found.to_owned())
    }

    /// Best effort: without it the file is looked at again. One that changed while it was looked at is not remembered.
    fn remember(&self, path: &Path, found: &str) {
        if let Some(known) = &self.identity
            && identity(path).as_ref() == Some(known)
            && meshkat_files::private_folder(&self.folder).is_ok()
        {
            let note = format!("{known}\n{found}\n");
            drop(meshkat_files::write_private(&self.folder.join(&self.name), note));
        }
    }
}

/// What changes when the file is replaced or written. None for a script, since what that starts can change without it.
fn identity(path: &Path) -> Option<String> {
    let mut magic = [0; 4];
    File::open(path).ok()?.read_exact(&mut magic).ok()?;
    let is_binary = magic == *b"\x7fELF" || magic == [0xcf, 0xfa, 0xed, 0xfe];
    let about = fs::metadata(path).ok().filter(|_| is_binary)?;
    let executable = about.mode() & 0o111 != 0;
    executable.then(|| {
        format!(
            "{}\n{} {} {} {} {} {} {} {} {:o}",
            path.display(),
            about.dev(),
            about.ino(),
            about.len(),
            about.mtime(),
            about.mtime_nsec(),
            // Unlike the other times, nobody can set it back.
            about.ctime(),
            about.ctime_nsec(),
            about.uid(),
            about.mode(),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn executable(path: &Path, content: &[u8]) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_script_is_never_remembered_and_a_changed_binary_is_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("envoy");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        assert_eq!(identity(&path), None);

        // Not a program at all, but one that an older note says the version of.
        executable(&path, b"\x7fELF not really");
        Note::of(&folder.path().join("versions"), &path).remember(&path, "1.38.3");
        assert_eq!(version_of(folder.path(), &path).unwrap(), Version::new(1, 38, 3));

        fs::write(&path, b"\x7fELF of another length").unwrap();
        assert!(
            version_of(folder.path(), &path).is_err(),
            "the file changed, so it is asked, and it does not run"
        );
    }

    #[test]
    fn a_hash_is_taken_again_of_a_file_that_was_written_and_whose_time_was_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("envoy");
        executable(&path, b"\x7fELF 1");
        let first = hash_of(folder.path(), &path).unwrap();
        Note::of(&folder.path().join("hashes"), &path).remember(&path, "remembered");
        assert_eq!(hash_of(folder.path(), &path).unwrap(), "remembered");

        let before = fs::metadata(&path).unwrap();
        fs::write(&path, b"\x7fELF 2").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(before.modified().unwrap())
            .unwrap();
        let about = fs::metadata(&path).unwrap();
        assert_eq!((about.len(), about.mtime_nsec()), (before.len(), before.mtime_nsec()));
        let second = hash_of(folder.path(), &path).unwrap();
        assert!(second != first && second.len() == 64, "{second}");
    }

    #[test]
    fn a_note_that_others_can_write_to_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("envoy");
        executable(&path, b"\x7fELF 1");
        let notes = folder.path().join("hashes");
        Note::of(&notes, &path).remember(&path, "forged");
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&notes, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &notes).unwrap();
        assert_eq!(hash_of(folder.path(), &path).unwrap(), sha256(&path).unwrap());
    }
}
