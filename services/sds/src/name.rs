//! The names of services.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use meshkat_kit::{Problem, Segment};
use serde::{Deserialize, Serialize};

/// The longest name, in bytes: as for a host name.
const LONGEST: usize = 253;

/// The longest part between dots, in bytes.
const LONGEST_LABEL: usize = 63;

/// A service's name: labels of letters, digits, `-` and `_`, joined by dots, as in DNS. Clones share the text: each change
/// of the registry makes another with the names of all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ServiceName(Arc<str>);

/// Text that is no service's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a service's name is 1 to {LONGEST} letters, digits, `-`, `_` and `.`, in parts of at most {LONGEST_LABEL} that begin \
     and end with no `-`, unlike {name:?}"
)]
pub struct InvalidName {
    /// The text.
    pub name: String,
}

impl ServiceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ServiceName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        if name.len() <= LONGEST && name.split('.').all(is_label) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidName { name })
        }
    }
}

impl FromStr for ServiceName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        name.to_owned().try_into()
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= LONGEST_LABEL
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl fmt::Display for ServiceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Lets a map be asked for a name that Envoy sent, whatever it is.
impl Borrow<str> for ServiceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The name is the one variable segment of the path; a 400 if it is none.
impl<S: Send + Sync> FromRequestParts<S> for ServiceName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Segment(name) = Segment::from_request_parts(parts, state).await?;
        name.try_into()
            .map_err(|error: InvalidName| Problem::bad_request(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_in_dns_with_underscores() {
        let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        for name in [
            "pet",
            "Pet-2",
            "pet_store.default.svc.cluster.local",
            "_grpc.pet",
            "7",
            &long,
        ] {
            name.parse::<ServiceName>().unwrap();
        }
        for name in [
            "",
            ".",
            "pet.",
            ".pet",
            "a..b",
            "-pet",
            "pet-",
            "pet store",
            "pet/1",
            "pét",
            "a:b",
            &"a".repeat(64),
            &format!("{long}e"),
        ] {
            name.parse::<ServiceName>().unwrap_err();
        }
    }
}
