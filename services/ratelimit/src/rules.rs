//! Which limits there are.

use std::time::Duration;

use envoy_types::pb::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::Entry;
use serde::{Deserialize, Serialize};

/// The limits of a domain, as `PUT /rules` takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Domain {
    pub(crate) domain: String,
    #[serde(default)]
    pub(crate) descriptors: Vec<Rule>,
}

/// What an entry of a descriptor has to be, and the limit of a descriptor that ends with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) key: String,
    /// Any, each counted on its own, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate_limit: Option<Limit>,
    /// For the entries after this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) descriptors: Vec<Rule>,
}

/// So many in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    pub(crate) unit: Unit,
    pub(crate) requests_per_unit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

impl Unit {
    pub(crate) fn time(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
        })
    }
}

impl Domain {
    /// The limit of a descriptor: that of the rule that its last entry leads to. An own value goes before any.
    pub(crate) fn limit(&self, entries: &[Entry]) -> Option<Limit> {
        let mut rules = &self.descriptors;
        let (last, before) = entries.split_last()?;
        for entry in before {
            rules = &find(rules, entry)?.descriptors;
        }
        find(rules, last)?.rate_limit
    }
}

fn find<'a>(rules: &'a [Rule], entry: &Entry) -> Option<&'a Rule> {
    let mut named = rules.iter().filter(|rule| rule.key == entry.key);
    let exact = named.clone().find(|rule| rule.value.as_ref() == Some(&entry.value));
    exact.or_else(|| named.find(|rule| rule.value.is_none()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> Vec<Entry> {
        let entry = |(key, value): &(&str, &str)| Entry {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        pairs.iter().map(entry).collect()
    }

    #[test]
    fn a_descriptor_has_the_limit_that_its_entries_lead_to() {
        let domain: Domain = serde_json::from_value(json!({
            "domain": "edge",
            "descriptors": [
                {"key": "path", "value": "/slow", "rate_limit": {"unit": "minute", "requests_per_unit": 1},
                 "descriptors": [{"key": "user", "rate_limit": {"unit": "hour", "requests_per_unit": 2}}]},
                {"key": "path", "rate_limit": {"unit": "second", "requests_per_unit": 3}},
            ],
        }))
        .unwrap();
        for (pairs, requests) in [
            (&[("path", "/slow")][..], Some(1)),
            (&[("path", "/slow"), ("user", "me")], Some(2)),
            (&[("path", "/other")], Some(3)),
            (&[("path", "/other"), ("user", "me")], None),
            (&[("user", "me")], None),
            (&[], None),
        ] {
            let limit = domain.limit(&entries(pairs));
            assert_eq!(limit.map(|limit| limit.requests_per_unit), requests, "{pairs:?}");
        }
    }
}
