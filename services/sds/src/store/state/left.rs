//! What a process left that was killed in the middle of a write.

use std::ffi::CStr;
use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::lock::lock;

/// How the name of a file ends that is being written.
pub(super) const SUFFIX: &str = ".tmp";

/// How many letters and digits in its name are chosen by chance.
pub(super) const RANDOM: usize = 12;

/// How the name of a file begins that is to become the state file of this name.
pub(super) fn prefix(name: &str) -> String {
    format!(".{name}.sds-")
}

/// Whether a name is one that a file has while it is being written, or had in earlier versions, which knew one name alone.
fn is_name_of(found: &str, name: &str) -> bool {
    let middle = found
        .strip_prefix(&prefix(name))
        .and_then(|rest| rest.strip_suffix(SUFFIX));
    match middle {
        Some(middle) => middle.len() == RANDOM && middle.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        None => found.strip_prefix('.').and_then(|rest| rest.strip_suffix(SUFFIX)) == Some(name),
    }
}

/// Removes what was left beside a state file: regular files of this user under one of the names that are given to no others,
/// which nobody has open to write, and which have no other name. Everything else stays.
///
/// # Errors
/// The folder cannot be read, or such a file cannot be removed.
pub(super) fn forget(folder: &File, name: &str, held: &File) -> io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let found = entry.file_name();
        if found.to_str().is_ok_and(|found| is_name_of(found, name)) && is_left(folder, found, held)? {
            match unlinkat(folder, found, AtFlags::empty()) {
                Err(Errno::NOENT) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn is_left(folder: &File, found: &CStr, held: &File) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = openat(folder, found, flags, Mode::empty()).map(File::from) else {
        // A link, or what this user cannot read: not ours.
        return Ok(false);
    };
    let (status, own) = (rustix::fs::fstat(&file)?, rustix::fs::fstat(held)?);
    let is_ours = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile
        && status.st_uid == geteuid().as_raw()
        && status.st_nlink == 1
        && (status.st_dev, status.st_ino) != (own.st_dev, own.st_ino);
    if !is_ours || !lock(&file)? {
        return Ok(false);
    }
    // Still the one that was looked at.
    let now = statat(folder, found, AtFlags::SYMLINK_NOFOLLOW);
    Ok(now.is_ok_and(|now| (now.st_dev, now.st_ino) == (status.st_dev, status.st_ino)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{FlockOperation, flock};

    use super::*;

    #[test]
    fn what_is_ours_goes_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("registry.json"), "{}").unwrap();
        let held = File::open(at("registry.json")).unwrap();
        let ours = [".registry.json.sds-0a1B2c3D4e5F.tmp", ".registry.json.tmp"];
        for name in ours {
            fs::write(at(name), "half a regis").unwrap();
        }
        // Of others: under names that only look alike, or of another state file.
        let names = [
            "registry.json.tmp",
            ".registry.json.sds-0a1B2c3D4e5F",
            ".registry.json.sds-0a1B2c3D4e5.tmp",
            ".registry.json.sds-0a1B2c3D4e5F6.tmp",
            ".registry.json.sds-0a1B2c3D4e5-.tmp",
            ".registry.json.backup202601.tmp",
            ".other.json.sds-0a1B2c3D4e5F.tmp",
            ".registry.json.bak.tmp",
            "precious",
        ];
        for name in names {
            fs::write(at(name), "precious").unwrap();
        }
        // Under a name that is ours: a link, a folder with something in it, a file with a second name, one that is written to.
        let [link, inner, twice, busy] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd"]
            .map(|random| at(&format!(".registry.json.sds-{random}.tmp")));
        symlink(at("precious"), &link).unwrap();
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("inside"), "precious").unwrap();
        fs::write(&twice, "precious").unwrap();
        fs::hard_link(&twice, at("second name")).unwrap();
        fs::write(&busy, "precious").unwrap();
        let writer = File::open(&busy).unwrap();
        flock(&writer, FlockOperation::LockExclusive).unwrap();

        forget(&File::open(folder.path()).unwrap(), "registry.json", &held).unwrap();
        for name in ours {
            assert!(!at(name).exists(), "{name} is still there");
        }
        for name in names {
            assert_eq!(fs::read_to_string(at(name)).unwrap(), "precious", "{name}");
        }
        assert!(link.is_symlink());
        for path in [&link, &inner.join("inside"), &twice, &busy] {
            assert_eq!(fs::read_to_string(path).unwrap(), "precious", "{}", path.display());
        }
        assert_eq!(fs::read_to_string(at("registry.json")).unwrap(), "{}");
    }

    #[test]
    fn a_file_of_another_user_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (state, left) = (folder.path().join("a"), folder.path().join(".a.tmp"));
        fs::write(&state, "").unwrap();
        fs::write(&left, "precious").unwrap();
        // Only root can give a file away; anybody else has none of another user to look at.
        let given = std::os::unix::fs::chown(&left, Some(4242), None).is_ok();
        forget(&File::open(folder.path()).unwrap(), "a", &File::open(&state).unwrap()).unwrap();
        assert_eq!(left.exists(), given);
    }
}
