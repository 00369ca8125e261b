//! What is counted: the entries of a descriptor, in a domain.

use std::fmt::{self, Write as _};

use envoy_types::pb::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::Entry;

/// The longest one, in bytes of all its texts together.
const LONGEST: usize = 1024;

/// The entries of a descriptor, in a domain. Two are the same if all their parts are, whatever characters are in them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Descriptor {
    domain: String,
    entries: Vec<(String, String)>,
}

/// A descriptor is too long to be counted.
#[derive(Debug, thiserror::Error)]
#[error("the domain and the entries of a descriptor have at most {LONGEST} bytes together")]
pub(crate) struct TooLong;

impl Descriptor {
    /// # Errors
    /// It is too long.
    pub(crate) fn new(domain: &str, entries: &[Entry]) -> Result<Self, TooLong> {
        // An entry without texts is one, too.
        let lengths = entries.iter().map(|entry| 2 + entry.key.len() + entry.value.len());
        if domain.len() + lengths.sum::<usize>() > LONGEST {
            return Err(TooLong);
        }
        let entries = entries.iter().map(|entry| (entry.key.clone(), entry.value.clone()));
        Ok(Self {
            domain: domain.to_owned(),
            entries: entries.collect(),
        })
    }
}

/// Such as `edge: path=/slow, user=me`. What would make it the name of another one has a `\` before it.
impl fmt::Display for Descriptor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(formatter, &self.domain, ":")?;
        formatter.write_str(": ")?;
        for (place, (key, value)) in self.entries.iter().enumerate() {
            if place > 0 {
                formatter.write_str(", ")?;
            }
            escaped(formatter, key, "=,")?;
            formatter.write_char('=')?;
            escaped(formatter, value, ",")?;
        }
        Ok(())
    }
}

fn escaped(formatter: &mut fmt::Formatter<'_>, text: &str, special: &str) -> fmt::Result {
    for character in text.chars() {
        if character == '\\' || special.contains(character) {
            formatter.write_char('\\')?;
        }
        formatter.write_char(character)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn descriptor(domain: &str, pairs: &[(&str, &str)]) -> Result<Descriptor, TooLong> {
        let entry = |(key, value): &(&str, &str)| Entry {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        Descriptor::new(domain, &pairs.iter().map(entry).collect::<Vec<_>>())
    }

    #[test]
    fn each_has_a_name_of_its_own() {
        let all = [
            (
                "edge",
                &[("user", "bob"), ("path", "/pay")][..],
                "edge: user=bob, path=/pay",
            ),
            ("edge", &[("user", "bob, path=/pay")], r"edge: user=bob\, path=/pay"),
            ("edge", &[("user=bob, path", "/pay")], r"edge: user\=bob\, path=/pay"),
            ("edge", &[("user", r"bob\, path=/pay")], r"edge: user=bob\\\, path=/pay"),
            ("edge: user=bob, path", &[], r"edge\: user=bob, path: "),
            ("edge", &[("", "")], "edge: ="),
            ("edge", &[], "edge: "),
            ("edge", &[("url", "http://a?b=c")], "edge: url=http://a?b=c"),
        ];
        for (domain, pairs, name) in all {
            assert_eq!(descriptor(domain, pairs).unwrap().to_string(), name);
        }
        assert_eq!(BTreeSet::from(all.map(|(.., name)| name)).len(), all.len());
    }

    #[test]
    fn it_has_only_so_many_bytes() {
        descriptor("edge", &[("user", &"a".repeat(LONGEST - 10))]).unwrap();
        descriptor("edge", &[("user", &"a".repeat(LONGEST - 9))]).unwrap_err();
        descriptor("edge", &[("", ""); LONGEST]).unwrap_err();
    }
}
