//! The names of leases, which are names of folders and values of labels, too.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many characters the middle part may have: what a kernel or `ps` tells of a start has fewer.
const START: usize = 40;

/// The name of a lease: `PID-START-N-M`, which are its owner's number and start, the number of the backend in that process,
/// and the number of the lease of that backend. It has no other form, so that it is never a path, and never leads anywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LeaseId(String);

/// A text is not the name of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not the name of a run, which is PROCESS-START-NUMBER-NUMBER")]
pub struct NotALease;

impl LeaseId {
    /// The name as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LeaseId {
    type Err = NotALease;

    fn from_str(text: &str) -> Result<Self, NotALease> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(NotALease);
        let (pid, start, backend, lease) = (part()?, part()?, part()?, part()?);
        let is_start = (1..=START).contains(&start.len()) && start.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_ours = is_number::<u32>(pid) && is_start && is_number::<u64>(backend) && is_number::<u64>(lease);
        if is_ours && parts.next().is_none() {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotALease)
        }
    }
}

/// As we write it: neither a sign nor a zero in front.
fn is_number<T: FromStr + fmt::Display>(text: &str) -> bool {
    text.parse::<T>().is_ok_and(|number| number.to_string() == text)
}

impl TryFrom<String> for LeaseId {
    type Error = NotALease;

    fn try_from(text: String) -> Result<Self, NotALease> {
        text.parse()
    }
}

impl From<LeaseId> for String {
    fn from(id: LeaseId) -> Self {
        id.0
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for LeaseId {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for LeaseId {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// What the names of the leases of one backend begin with: `PID-START-N-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeasePrefix(String);

impl LeasePrefix {
    /// That of a backend of the process that has this number, and was started then.
    pub(crate) fn new(pid: u32, started: &str, backend: u64) -> Self {
        let start = started.chars().filter(char::is_ascii_alphanumeric).take(START);
        Self(format!("{pid}-{}-{backend}-", start.collect::<String>()))
    }

    /// The name of a lease.
    pub(crate) fn lease(&self, number: u64) -> LeaseId {
        LeaseId(format!("{}{number}", self.0))
    }

    /// Whether a lease is of that backend.
    pub(crate) fn is_of(&self, lease: &LeaseId) -> bool {
        lease.0.starts_with(&self.0)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LeasePrefix {
    type Err = NotALease;

    fn from_str(text: &str) -> Result<Self, NotALease> {
        if !text.ends_with('-') {
            return Err(NotALease);
        }
        format!("{text}0").parse::<LeaseId>()?;
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_make_is_read_back() {
        let prefix = LeasePrefix::new(4711, "314159", 3);
        let lease = prefix.lease(14);
        assert_eq!(lease.as_str().parse(), Ok(lease.clone()));
        assert_eq!(prefix.as_str().parse(), Ok(prefix.clone()));
        assert!(prefix.is_of(&lease));
        assert!(!LeasePrefix::new(4711, "314159", 31).is_of(&lease));
        let elsewhere = LeasePrefix::new(7, "Sun Nov 29 02:28:31 2026", 0);
        assert_eq!(elsewhere.lease(1), "7-SunNov290228312026-0-1");
    }

    #[test]
    fn nothing_else_is_a_name() {
        for text in [
            "",
            ".",
            "..",
            "../..",
            "/home/user",
            "1-1-0",
            "1-1-0-",
            "1-1-0-0-0",
            "1-1-0-0/..",
            "../1-1-0-0",
            "1-1-0-0\n",
            "1-1-0-\u{1b}[2J",
            "01-1-0-0",
            "+1-1-0-0",
            "-1-1-0-0",
            "1-..-0-0",
            "1--0-0",
            "1-1-0-99999999999999999999999",
            "99999999999-1-0-0",
            "１-1-0-0",
        ] {
            assert_eq!(text.parse::<LeaseId>(), Err(NotALease), "{text:?}");
            let quoted = serde_json::to_string(text).expect("it is text");
            assert!(serde_json::from_str::<LeaseId>(&quoted).is_err(), "{text:?}");
        }
        for text in ["", "/", "1-1-0", "1-1-", "1-1-0-0", "../1-1-0-"] {
            assert_eq!(text.parse::<LeasePrefix>(), Err(NotALease), "{text:?}");
        }
    }
}
