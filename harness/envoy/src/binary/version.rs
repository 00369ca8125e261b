//! Envoy's version numbers.

use std::{fmt, str::FromStr};

/// A version of Envoy: `1.40.0`, or what a build of one's own says, such as `1.41.0-dev`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    pub(super) major: u16,
    pub(super) minor: u16,
    patch: u16,
    label: Option<String>,
}

/// The text is no version number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version of Envoy; one looks like 1.40.0")]
pub struct VersionError(String);

impl Version {
    /// The version that is used where nobody asks for one.
    pub const DEFAULT: Self = Self::new(1, 40, 0);

    /// A released version.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
            label: None,
        }
    }

    /// Whether a person who wrote `text` meant a version number, known or not, rather than a path.
    pub fn is_meant(text: &str) -> bool {
        let number = text.strip_prefix('v').unwrap_or(text);
        !number.is_empty()
            && number
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    }

    /// Reads what `envoy --version` prints: `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`.
    pub(super) fn from_banner(banner: &str) -> Option<Self> {
        banner.split_once("version:")?.1.trim().split('/').nth(1)?.parse().ok()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        match &self.label {
            Some(label) => write!(f, "-{label}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || VersionError(text.to_owned());
        let (numbers, label) = match text.split_once('-') {
            Some((numbers, label)) => (numbers, Some(label.to_owned())),
            None => (text, None),
        };
        let parts: Vec<u16> = numbers
            .split('.')
            .map(|part| part.parse().map_err(|_| wrong()))
            .collect::<Result<_, _>>()?;
        match parts[..] {
            [major, minor, patch] => Ok(Self {
                major,
                minor,
                patch,
                label,
            }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_taken_for_a_path() {
        assert!(["1.41", "v1.41.0", "9", "1.40.0.1"].into_iter().all(Version::is_meant));
        assert!(
            !["./1.40", "envoy", "v", "1.40/envoy", "", "1."]
                .into_iter()
                .any(Version::is_meant)
        );
    }

    #[test]
    fn the_banner_of_a_build_of_ones_own_is_read_too() {
        let banner = "\n./envoy  version: bad8280/1.41.0-dev/Modified/DEBUG/BoringSSL\n";
        let version = Version::from_banner(banner).unwrap();
        assert_eq!(version.to_string(), "1.41.0-dev");
        assert_eq!(Version::from_banner("nginx version: nginx/1.2"), None);
    }
}
