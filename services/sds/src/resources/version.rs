//! Versions: hashes of content, so that equal content has an equal version in every process and at every time.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The version of one resource, or of a set of them.
///
/// Eight bytes of a hash: plenty to tell versions apart, and can still be read in a table of statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Version([u8; 8]);

impl Version {
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self::finish(Sha256::new_with_prefix(bytes))
    }

    /// The version of named resources together. They have to come in an order that depends on nothing but their names.
    pub(crate) fn of_set<'a>(resources: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let mut hash = Sha256::new();
        for (name, version) in resources {
            // With its length, so that no two sets are read alike.
            hash.update((name.len() as u64).to_be_bytes());
            hash.update(name);
            hash.update(version.0);
        }
        Self::finish(hash)
    }

    fn finish(hash: Sha256) -> Self {
        let mut bytes = [0; 8];
        for (byte, found) in bytes.iter_mut().zip(hash.finalize()) {
            *byte = found;
        }
        Self(bytes)
    }

    /// The version that a client says it has; `None` if none of this program's is written so.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let canonical = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = canonical.then(|| u64::from_str_radix(text, 16).ok())??;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", u64::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let version = Version::of_bytes(b"pet");
        assert_eq!(Version::parse(&version.to_string()), Some(version));
        for text in ["", "1", "+123456789abcdef", "0123456789ABCDEF", "0123456789abcdef0"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_set_depends_on_names_and_versions() {
        let (one, two) = (Version::of_bytes(b"1"), Version::of_bytes(b"2"));
        let all = [
            Version::of_set([]),
            Version::of_set([("a", one)]),
            Version::of_set([("a", two)]),
            Version::of_set([("b", one)]),
            Version::of_set([("a", one), ("b", two)]),
        ];
        for (index, version) in all.iter().enumerate() {
            assert!(!all[..index].contains(version));
        }
    }
}
