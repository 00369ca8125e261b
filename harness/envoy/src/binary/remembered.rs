//! Versions of binaries that were asked before. Asking a binary costs 50 ms, which every start of a mesh would pay.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{EnvoyError, Version, program};

/// The version that the binary at `path` says, remembered in `cache` for as long as the file stays what it is.
///
/// # Errors
/// As asking the binary itself. That nothing can be remembered is none.
pub(super) fn version_of(cache: &Path, path: &Path) -> Result<Version, EnvoyError> {
    let Some(identity) = identity(path) else {
        return program::version_of(path);
    };
    let note = note(cache, path);
    if let Ok(text) = fs::read_to_string(&note)
        && let Some((of, version)) = text.trim_end().rsplit_once('\n')
        && of == identity
        && let Ok(version) = version.parse()
    {
        return Ok(version);
    }
    let version = program::version_of(path)?;
    // Best effort: without it the binary is asked again.
    drop(write(&note, &format!("{identity}\n{version}\n")));
    Ok(version)
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
            "{}\n{} {} {} {}",
            path.display(),
            about.ino(),
            about.len(),
            about.mtime(),
            about.mtime_nsec()
        )
    })
}

fn note(cache: &Path, path: &Path) -> PathBuf {
    let name: String = Sha256::digest(path.as_os_str().as_encoded_bytes())
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    cache.join("versions").join(name)
}

fn write(note: &Path, text: &str) -> std::io::Result<()> {
    let folder = note.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(note)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_never_remembered_and_a_changed_binary_is_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("envoy");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        assert_eq!(identity(&path), None);

        // Not a program at all, but one that an older note says the version of.
        fs::write(&path, b"\x7fELF not really").unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let known = identity(&path).unwrap();
        write(&note(folder.path(), &path), &format!("{known}\n1.38.3\n")).unwrap();
        assert_eq!(version_of(folder.path(), &path).unwrap(), Version::new(1, 38, 3));

        fs::write(&path, b"\x7fELF of another length").unwrap();
        assert!(
            version_of(folder.path(), &path).is_err(),
            "the file changed, so it is asked, and it does not run"
        );
    }
}
