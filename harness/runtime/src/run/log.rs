//! The end of a log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The last whole lines of a file, at most `bytes` long; what is not text is replaced. A file that is not there is empty.
/// When not even the last line fits, its end is given.
pub(crate) fn tail(path: &Path, bytes: usize) -> io::Result<String> {
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
    if start > 0 {
        let cut = text
            .iter()
            .position(|byte| *byte == b'\n')
            .filter(|at| at + 1 < text.len())
            .unwrap_or(0);
        text.drain(..=cut.min(text.len().saturating_sub(1)));
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail_of(text: &str, bytes: usize) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        std::fs::write(&path, text).expect("it is ours");
        tail(&path, bytes).expect("it is there")
    }

    #[test]
    fn whole_lines_are_given() {
        assert_eq!(tail_of("one\ntwo\nthree\n", 100), "one\ntwo\nthree\n");
        assert_eq!(tail_of("one\ntwo\nthree\n", 14), "one\ntwo\nthree\n");
        assert_eq!(tail_of("one\ntwo\nthree\n", 13), "two\nthree\n");
        assert_eq!(tail_of("one\ntwo\nthree\n", 10), "two\nthree\n");
        assert_eq!(tail_of("one\ntwo\nthree\n", 9), "three\n");
    }

    #[test]
    fn of_a_line_that_is_too_long_the_end_is_given() {
        assert_eq!(tail_of("one\nthree", 3), "ree");
        assert_eq!(tail_of("one\nthree\n", 3), "ee\n");
        assert_eq!(tail_of("", 3), "");
        assert_eq!(tail_of("three", 0), "");
    }

    #[test]
    fn a_missing_log_is_empty() {
        assert_eq!(tail(Path::new("/nonexistent/log"), 10).expect("that is no error"), "");
    }
}
