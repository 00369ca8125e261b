//! Counters, gauges and texts.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Stat {
    /// A counter or a gauge.
    Number(u64),
    /// A text, such as a cluster's `version_text`.
    Text(String),
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// Values by their full name: `cluster.pet.membership_total`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats(BTreeMap<String, Stat>);

impl Stats {
    /// A counter or gauge; `None` where there is none of this name, which Envoy also says of what never happened.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name) {
            Some(Stat::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Stat::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Stat)> {
        self.0.iter().map(|(name, stat)| (name.as_str(), stat))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, to keep.
    pub fn into_map(self) -> BTreeMap<String, Stat> {
        self.0
    }

    /// Reads the JSON of `/stats?format=json`.
    ///
    /// # Errors
    /// What is not JSON of this shape.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Answer {
            stats: Vec<Entry>,
        }
        // The last entry holds the histograms and nothing else.
        #[derive(Deserialize)]
        struct Entry {
            name: Option<String>,
            value: Option<Stat>,
        }
        let answer: Answer = serde_json::from_slice(body)?;
        Ok(Self(
            answer
                .stats
                .into_iter()
                .filter_map(|entry| Some((entry.name?, entry.value?)))
                .collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_left_out() {
        let body = br#"{"stats":[{"name":"cluster.pet.version_text","value":"7"},{"name":"cluster.pet.update_attempt","value":47},
            {"histograms":{"supported_quantiles":[0,25],"computed_quantiles":[{"name":"x","values":[{"cumulative":null}]}]}}]}"#;
        let stats = Stats::parse(body).unwrap();
        assert_eq!(stats.len(), 2);
        assert_eq!(stats.number("cluster.pet.update_attempt"), Some(47));
        assert_eq!(stats.text("cluster.pet.version_text"), Some("7"));
        assert_eq!(stats.number("cluster.pet.version_text"), None);
    }
}
