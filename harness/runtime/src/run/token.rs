//! What proves to the services of a mesh that somebody may change what they do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::RuntimeError;
use crate::error::failed;

/// The variable in which services find it. Never a flag: everybody on a machine can read the command lines of all.
pub const TOKEN: &str = "MESHKAT_TOKEN";

/// How many bytes of chance are in it.
const BYTES: usize = 32;

/// A secret of one mesh. It is never shown.
#[derive(Clone)]
pub struct Token {
    /// The value of the header.
    authorization: String,
}

impl Token {
    /// One that nobody can guess.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new() -> Result<Self, RuntimeError> {
        let mut bytes = [0_u8; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| {
            RuntimeError::other(format!("failed to get random numbers for the mesh's token: {error}"))
        })?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            authorization: format!("Bearer {text}"),
        })
    }

    /// The value of the header that brings it.
    pub(crate) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// As the services are given it.
    pub fn text(&self) -> &str {
        self.authorization.trim_start_matches("Bearer ")
    }

    /// Leaves the header in the folder of a run, for this user alone.
    pub(crate) fn write(&self, run: &Path) -> Result<(), RuntimeError> {
        let path = authorization_file(run);
        meshkat_files::write_private(&path, format!("Authorization: {}\n", self.authorization))
            .map_err(failed("write", &path))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The file in the folder of a run that has the header of those who may write, as `curl -H @FILE` takes it.
pub fn authorization_file(run: &Path) -> PathBuf {
    run.join("authorization")
}

/// The value of that header.
///
/// # Errors
/// The file cannot be read, or has no such header.
pub fn read_authorization(run: &Path) -> io::Result<String> {
    let text = meshkat_files::read_to_string(&authorization_file(run), 4096)?;
    let value = text.trim_end().strip_prefix("Authorization: ");
    value
        .map(str::to_owned)
        .ok_or_else(|| io::Error::other("it has no Authorization header"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn no_two_are_alike_and_none_is_shown() {
        let (one, other) = (Token::new().unwrap(), Token::new().unwrap());
        assert_ne!(one.text(), other.text());
        assert_eq!(one.text().len(), 2 * BYTES);
        assert!(!format!("{one:?}").contains(one.text()));
    }

    #[test]
    fn its_file_is_this_users_alone_and_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let token = Token::new().unwrap();
        token.write(folder.path()).unwrap();
        let mode = std::fs::metadata(authorization_file(folder.path()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(read_authorization(folder.path()).unwrap(), token.authorization());
        for content in ["", "Authorization", "X-Other: a\n"] {
            std::fs::write(authorization_file(folder.path()), content).unwrap();
            assert!(read_authorization(folder.path()).is_err(), "{content}");
        }
    }
}
