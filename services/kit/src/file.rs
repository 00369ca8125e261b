//! Files that a service is given to read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The longest file that a service is given to read, in bytes, unless it says otherwise: 4 MiB.
pub const FILE_LIMIT: u64 = 4 << 20;

/// Reads a file that has at most so many bytes: what is given by mistake, such as a device, may have no end.
///
/// # Errors
/// It cannot be read, or it is longer.
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_whole(File::open(path)?, most)
}

/// The same of what is open already.
///
/// # Errors
/// It cannot be read, or it is longer.
pub fn read_whole(source: impl io::Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {most} bytes, which is all that is read of such a file"),
        ));
    }
    Ok(bytes)
}

/// The same of a text.
///
/// # Errors
/// It cannot be read, is longer, or is no UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let bytes = read_file(path, most)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text (UTF-8)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_its_end() {
        let error = read_file(Path::new("/dev/zero"), 10).unwrap_err().to_string();
        assert!(error.contains("longer than 10 bytes"), "{error}");
        assert_eq!(read_whole(&b"0123456789"[..], 10).unwrap(), b"0123456789");
        read_whole(&b"0123456789a"[..], 10).unwrap_err();
    }
}
