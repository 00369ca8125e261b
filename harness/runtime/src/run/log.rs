//! The logs of containers: how large they get, and their ends.
//!
//! What a program writes to its standard output goes straight into a file, so that no program ever waits for this one to read.
//! The files are opened to write at their ends, wherever that is: one that has grown too large can be cut while it is written.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How large a log gets, in bytes. As much again, which came before, is kept beside it.
pub const LIMIT: u64 = 16 << 20;

/// How often it is looked how large logs are: what a program writes within that time comes on top.
const LOOK: Duration = Duration::from_millis(100);

/// Where what came before is, when a log was cut.
fn before(log: &Path) -> PathBuf {
    let mut name = OsString::from(log);
    name.push(".1");
    name.into()
}

/// Cuts a log that is larger than `limit` bytes: its last whole lines, up to as much, go into the file beside it, in place of
/// what was there, and it begins anew with a line that says so. Whether it was cut.
///
/// # Errors
/// It cannot be read or written. That there is none is well.
pub(crate) fn cut(log: &Path, limit: u64) -> io::Result<bool> {
    let length = match std::fs::symlink_metadata(log) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(io::Error::other("it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if length <= limit {
        return Ok(false);
    }
    let mut to_cut = meshkat_files::append(log)?;
    let mut read = File::open(log)?;
    let start = length.saturating_sub(limit);
    read.seek(SeekFrom::Start(start))?;
    let mut kept = Vec::new();
    (&mut read).take(limit).read_to_end(&mut kept)?;
    let first_line = match kept.iter().position(|byte| *byte == b'\n') {
        Some(end) if start > 0 && end + 1 < kept.len() => end + 1,
        _ => 0,
    };
    let beside = before(log);
    let earlier = std::fs::symlink_metadata(&beside).map_or(0, |metadata| metadata.len());
    let dropped = earlier + start + first_line as u64;
    meshkat_files::write_private(&beside, kept.split_off(first_line))?;
    // What has come meanwhile: only what comes between here and the cut is lost.
    let mut meanwhile = Vec::new();
    read.take(limit).read_to_end(&mut meanwhile)?;
    if !meanwhile.is_empty() {
        meshkat_files::append(&beside)?.write_all(&meanwhile)?;
    }
    to_cut.set_len(0)?;
    let name = beside.file_name().unwrap_or_default().display();
    writeln!(
        to_cut,
        "[meshkat] this log was larger than {limit} bytes: what came before is in {name}, and {dropped} bytes before that were \
         dropped"
    )?;
    Ok(true)
}

/// Keeps all logs of a folder within their limit, until it is dropped.
#[derive(Debug)]
pub struct LogKeeper {
    _until: mpsc::Sender<()>,
}

impl LogKeeper {
    /// Looks again and again, on a thread of its own: a log is cut however busy all else is.
    ///
    /// # Errors
    /// The thread cannot be had.
    pub fn start(folder: PathBuf, limit: u64) -> io::Result<Self> {
        let (until, dropped) = mpsc::channel();
        let look = move || {
            while dropped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                cut_all(&folder, limit);
            }
        };
        std::thread::Builder::new().name("logs".to_owned()).spawn(look)?;
        Ok(Self { _until: until })
    }
}

fn cut_all(folder: &Path, limit: u64) {
    // With the mesh goes its folder.
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let log = entry.path();
        if log.extension().is_some_and(|extension| extension == "log")
            && let Err(error) = cut(&log, limit)
        {
            tracing::debug!(log = %log.display(), %error, "failed to cut a log");
        }
    }
}

/// A log that this process itself writes, never larger than its limit and one piece.
#[derive(Debug)]
pub struct BoundedLog {
    path: PathBuf,
    file: File,
    limit: u64,
}

impl BoundedLog {
    /// Goes on where the log ends.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path, limit: u64) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: meshkat_files::append(path)?,
            limit,
        })
    }

    /// Writes a piece.
    ///
    /// # Errors
    /// It cannot be written, or not be cut.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        if self.file.metadata()?.len() > self.limit {
            cut(&self.path, self.limit)?;
        }
        Ok(())
    }
}

/// The last whole lines of a log, at most `bytes` long, with what came before it was cut; what is not text is replaced. A file
/// that is not there is empty. When not even the last line fits, its end is given, after an ellipsis.
///
/// # Errors
/// It cannot be read.
pub fn tail(log: &Path, bytes: usize) -> io::Result<String> {
    let text = tail_of(log, bytes)?;
    let left = bytes.saturating_sub(text.len());
    // Nothing of it is wanted if a line of the log itself has been left out.
    let is_whole = std::fs::symlink_metadata(log).is_ok_and(|metadata| metadata.len() <= bytes as u64);
    if left == 0 || !is_whole {
        return Ok(text);
    }
    let earlier = tail_of(&before(log), left)?;
    Ok(if earlier.is_empty() { text } else { earlier + &text })
}

/// The whole lines that a log got behind its first `from` bytes, at most [`LIMIT`] bytes, and how long it is with them. Of one that was
/// cut meanwhile, what came behind the cut. A file that is not there is empty.
///
/// # Errors
/// It cannot be read.
pub fn since(log: &Path, from: u64) -> io::Result<(Vec<u8>, u64)> {
    let mut file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let from = if length < from { 0 } else { from };
    if length == from {
        return Ok((Vec::new(), from));
    }
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.take(LIMIT).read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    // A piece without any end of a line is one that will never be read whole.
    let whole = if whole == 0 && text.len() as u64 == LIMIT {
        text.len()
    } else {
        whole
    };
    text.truncate(whole);
    Ok((text, from + whole as u64))
}

fn tail_of(path: &Path, bytes: usize) -> io::Result<String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let start = file.metadata()?.len().saturating_sub(bytes);
    // One byte more, to see whether the first line is whole.
    file.seek(SeekFrom::Start(start.saturating_sub(1)))?;
    let mut text = Vec::new();
    file.take(bytes.saturating_add(u64::from(start > 0)))
        .read_to_end(&mut text)?;
    if start == 0 {
        return Ok(String::from_utf8_lossy(&text).into_owned());
    }
    let newline = text.iter().position(|byte| *byte == b'\n');
    Ok(match newline.filter(|at| at + 1 < text.len()) {
        Some(at) => String::from_utf8_lossy(&text[at + 1..]).into_owned(),
        // The mark is for people, and for who looks for what a cut may leave of a secret.
        None => match text.get(1..).unwrap_or_default() {
            [] => String::new(),
            end => format!("…{}", String::from_utf8_lossy(end)),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail_of_text(text: &str, bytes: usize) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        std::fs::write(&path, text).expect("it is ours");
        tail(&path, bytes).expect("it is there")
    }

    #[test]
    fn whole_lines_are_given() {
        assert_eq!(tail_of_text("one\ntwo\nthree\n", 100), "one\ntwo\nthree\n");
        assert_eq!(tail_of_text("one\ntwo\nthree\n", 14), "one\ntwo\nthree\n");
        assert_eq!(tail_of_text("one\ntwo\nthree\n", 13), "two\nthree\n");
        assert_eq!(tail_of_text("one\ntwo\nthree\n", 10), "two\nthree\n");
        assert_eq!(tail_of_text("one\ntwo\nthree\n", 9), "three\n");
    }

    #[test]
    fn of_a_line_that_is_too_long_the_end_is_given() {
        assert_eq!(tail_of_text("one\nthree", 3), "…ree");
        assert_eq!(tail_of_text("one\nthree\n", 3), "…ee\n");
        assert_eq!(tail_of_text("", 3), "");
        assert_eq!(tail_of_text("three", 0), "");
    }

    #[test]
    fn what_a_log_got_since_is_given_in_whole_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let since = |from| since(&path, from).map(|(text, to)| (String::from_utf8(text).expect("it is text"), to));
        let none = (String::new(), 0);
        assert_eq!(since(7).expect("that is no error"), none);
        std::fs::write(&path, "one\ntwo\nthr").expect("it is ours");
        assert_eq!(since(0).expect("it is there"), ("one\ntwo\n".to_owned(), 8));
        assert_eq!(since(4).expect("it is there"), ("two\n".to_owned(), 8));
        assert_eq!(since(8).expect("it is there"), (String::new(), 8));
        std::fs::write(&path, "one\ntwo\nthree\n").expect("it is ours");
        assert_eq!(since(8).expect("it is there"), ("three\n".to_owned(), 14));
        // It was cut.
        std::fs::write(&path, "cut\nfour\n").expect("it is ours");
        assert_eq!(since(14).expect("it is there"), ("cut\nfour\n".to_owned(), 9));
    }

    #[test]
    fn a_missing_log_is_empty() {
        assert_eq!(tail(Path::new("/nonexistent/log"), 10).expect("that is no error"), "");
    }

    fn lines(range: std::ops::Range<u32>) -> String {
        range.map(|line| format!("line {line}\n")).collect()
    }

    #[test]
    fn a_log_that_is_too_large_is_cut_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("pet.envoy.log");
        assert!(!cut(&log, 100).expect("none is well"));
        let mut writer = meshkat_files::append(&log).expect("it is ours");
        writer.write_all(lines(0..10).as_bytes()).expect("written");
        assert!(!cut(&log, 70).expect("it fits"));
        writer.write_all(lines(10..20).as_bytes()).expect("written");
        assert!(cut(&log, 70).expect("it is ours"));
        let earlier = std::fs::read_to_string(before(&log)).expect("it is kept");
        assert_eq!(earlier, lines(12..20));
        // Who has it open goes on at its new end.
        writer.write_all(b"line 20\n").expect("written");
        let text = std::fs::read_to_string(&log).expect("it is there");
        let (first, rest) = text.split_once('\n').expect("two lines");
        assert!(
            first.starts_with("[meshkat] this log was larger than 70 bytes: "),
            "{first}"
        );
        assert!(
            first.contains("in pet.envoy.log.1, and 86 bytes before that were dropped"),
            "{first}"
        );
        assert_eq!(rest, "line 20\n");
        // And its end is read as if it had never been cut.
        let both = format!("{}{text}", lines(12..20));
        assert_eq!(tail(&log, 10_000).expect("it is there"), both);
        assert_eq!(
            tail(&log, text.len() + 20).expect("it is there"),
            format!("{}{text}", lines(18..20))
        );
        assert_eq!(tail(&log, 8).expect("it is there"), "line 20\n");
    }

    #[test]
    fn a_log_never_gets_larger_than_its_limit_and_a_piece() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pet.envoy.log");
        let mut log = BoundedLog::open(&path, 1000).expect("it is ours");
        for number in 0..1000 {
            log.write(format!("line {number}\n").as_bytes()).expect("it is written");
            let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            assert!(size(&path) <= 1009, "after line {number}");
            assert!(size(&before(&path)) <= 1000, "after line {number}");
        }
        let end = tail(&path, 500).expect("it is there");
        assert!(end.ends_with("line 998\nline 999\n"), "{end}");
    }

    #[test]
    fn a_line_without_an_end_is_bounded_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pet.envoy.log");
        std::fs::write(&path, "x".repeat(5000)).expect("the folder is ours");
        cut_all(folder.path(), 1000);
        assert_eq!(std::fs::metadata(before(&path)).expect("it is kept").len(), 1000);
        assert!(std::fs::metadata(&path).expect("it is there").len() < 200);
    }

    #[test]
    fn nothing_is_cut_through_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let precious = folder.path().join("precious");
        std::fs::write(&precious, "x".repeat(5000)).expect("the folder is ours");
        let link = folder.path().join("pet.envoy.log");
        std::os::unix::fs::symlink(&precious, &link).expect("linked");
        cut(&link, 1000).expect_err("it is a link");
        std::fs::remove_file(&link).expect("it is there");
        // Where the earlier lines go is a link: it is replaced.
        std::fs::write(&link, "y".repeat(5000)).expect("the folder is ours");
        std::os::unix::fs::symlink(&precious, before(&link)).expect("linked");
        assert!(cut(&link, 1000).expect("it is ours"));
        assert_eq!(
            std::fs::read_to_string(&precious).expect("it is there"),
            "x".repeat(5000)
        );
    }
}
