//! What lies where a file is to be written or read decides about no other place.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use meshkat_files as files;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo starts");
    assert!(made.success());
}

#[test]
fn a_link_is_replaced_and_what_it_points_to_stays() {
    let folder = folder();
    let (precious, link) = (folder.path().join("precious"), folder.path().join("results.json"));
    fs::write(&precious, "precious").expect("written");
    symlink(&precious, &link).expect("linked");
    files::write(&link, "new").expect("written");
    assert_eq!(fs::read_to_string(&precious).expect("there"), "precious");
    assert_eq!(fs::read_to_string(&link).expect("there"), "new");
    assert!(!fs::symlink_metadata(&link).expect("there").is_symlink());
    let left: Vec<_> = fs::read_dir(folder.path()).expect("there").collect();
    assert_eq!(left.len(), 2, "a temporary file is left: {left:?}");
}

#[test]
fn a_link_is_neither_appended_to_nor_locked_nor_created_through() {
    let folder = folder();
    let (precious, link, dangling) = (
        folder.path().join("precious"),
        folder.path().join("log"),
        folder.path().join("dangling"),
    );
    fs::write(&precious, "precious").expect("written");
    symlink(&precious, &link).expect("linked");
    symlink(folder.path().join("nowhere"), &dangling).expect("linked");
    for link in [&link, &dangling] {
        files::append(link).expect_err("a link is refused");
        files::open_lock(link).expect_err("a link is refused");
        let error = files::create(link).expect_err("a link is refused");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(fs::read_to_string(&precious).expect("there"), "precious");
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn what_is_made_for_this_user_is_closed_to_others() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    files::write_private(&at("whole"), "x").expect("written");
    files::append(&at("log"))
        .expect("made")
        .write_all(b"x")
        .expect("written");
    files::open_lock(&at("lock")).expect("made");
    files::create(&at("new")).expect("made");
    for name in ["whole", "log", "lock", "new"] {
        assert_eq!(mode(&at(name)), 0o600, "{name}");
    }
    files::private_folder(&at("a/b")).expect("made");
    assert_eq!(mode(&at("a/b")), 0o700);
    fs::create_dir(at("open")).expect("made");
    fs::set_permissions(at("open"), fs::Permissions::from_mode(0o755)).expect("ours");
    files::private_folder(&at("open")).expect("closed");
    assert_eq!(mode(&at("open")), 0o700);
}

#[test]
fn an_append_goes_on_where_the_file_ends() {
    let folder = folder();
    let log = folder.path().join("log");
    for word in ["one", "two"] {
        files::append(&log)
            .expect("opened")
            .write_all(word.as_bytes())
            .expect("written");
    }
    assert_eq!(fs::read_to_string(&log).expect("there"), "onetwo");
}

#[test]
fn a_private_folder_is_no_link() {
    let folder = folder();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs::create_dir(&target).expect("made");
    let before = mode(&target);
    symlink(&target, &link).expect("linked");
    let error = files::private_folder(&link).expect_err("a link is refused");
    assert!(error.to_string().contains("is a link"), "{error}");
    assert_eq!(mode(&target), before);
}

#[test]
fn no_link_leads_out_of_a_folder() {
    let (root, elsewhere) = (folder(), folder());
    let made = files::folder_below(root.path(), Path::new("reports/./ci")).expect("made");
    assert!(made.is_dir());
    files::folder_below(root.path(), Path::new("reports/ci")).expect("it is there already");
    symlink(elsewhere.path(), root.path().join("reports/latest")).expect("linked");
    for below in ["reports/latest", "reports/latest/x", "../x", "/x"] {
        files::folder_below(root.path(), Path::new(below)).expect_err(below);
    }
    assert_eq!(fs::read_dir(elsewhere.path()).expect("there").count(), 0);
}

#[test]
fn only_a_regular_file_of_bearable_size_is_read() {
    let folder = folder();
    let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
    fs::write(&file, "12345").expect("written");
    assert_eq!(files::read_to_string(&file, 5).expect("it fits"), "12345");
    assert_eq!(
        files::read(&file, 4).expect_err("too large").kind(),
        ErrorKind::FileTooLarge
    );
    fifo(&pipe);
    for odd in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
        let error = files::read(odd, 5).expect_err("no regular file");
        assert_ne!(error.kind(), ErrorKind::FileTooLarge, "{}", odd.display());
    }
    // A pipe without a reader would hold the writer for ever.
    files::append(&pipe).expect_err("no regular file");
}

#[test]
fn of_a_strangers_folder_no_link_is_read() {
    let folder = folder();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::write(&real, "0123456789").expect("written");
    symlink(&real, &link).expect("linked");
    assert_eq!(files::read(&link, 10).expect("followed"), b"0123456789");
    for error in [files::read_own(&link, 10), files::head(&link, 4)] {
        let error = error.expect_err("not followed");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::InvalidInput, "it is a link")
        );
    }
    assert_eq!(files::read_own(&real, 10).expect("read"), b"0123456789");
    assert_eq!(
        files::read_own(&real, 9).expect_err("too large").kind(),
        ErrorKind::FileTooLarge
    );
    assert_eq!(files::head(&real, 4).expect("read"), b"0123");
    let pipe = folder.path().join("pipe");
    fifo(&pipe);
    for error in [
        files::read_own(&pipe, 10),
        files::head(&pipe, 4),
        files::head(folder.path(), 4),
    ] {
        assert_eq!(error.expect_err("no file").kind(), ErrorKind::InvalidInput);
    }
}
