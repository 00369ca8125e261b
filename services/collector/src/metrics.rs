//! Statistics, by name and tags.

use std::collections::BTreeMap;

use meshkat_kit::json_length;
use serde::Serialize;

use crate::collected::Source;

/// How many there are at once, and how many bytes their names and tags have together, as they are told.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 4 << 20;

/// The longest name with its tags, in bytes.
pub(crate) const LONGEST: usize = 1024;

/// All that were told of. When there is no room, new ones are not kept.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    all: BTreeMap<Key, Measure>,
    bytes: usize,
    count: u64,
    left_out: u64,
}

/// Which one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Measure {
    Counter {
        value: f64,
    },
    Gauge {
        value: f64,
    },
    /// Of times, or of whatever is measured many times.
    Distribution {
        count: u64,
        sum: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
    },
}

/// What was told of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Update {
    /// This is added to what there is.
    Add(Measure),
    /// This takes the place of what there is.
    Set(Measure),
}

/// One of them, as it is told.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(flatten)]
    key: &'a Key,
    #[serde(flatten)]
    measure: Measure,
}

impl Key {
    fn length(&self) -> usize {
        let tags = self.tags.iter().map(|(name, value)| name.len() + value.len());
        self.name.len() + tags.sum::<usize>()
    }
}

impl Metrics {
    pub(crate) fn update(&mut self, key: Key, update: Update) {
        self.count = self.count.saturating_add(1);
        let (Update::Add(told) | Update::Set(told)) = update;
        if !told.is_finite() {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        if let Some(known) = self.all.get_mut(&key) {
            *known = match update {
                Update::Add(measure) => known.and(measure),
                Update::Set(measure) => measure,
            };
            return;
        }
        let bytes = json_length(&key);
        if self.all.len() >= MOST || key.length() > LONGEST || self.bytes + bytes > MOST_BYTES {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.bytes += bytes;
        self.all.insert(key, told);
    }

    /// So many were told of that were not looked at.
    pub(crate) fn pass_over(&mut self, entries: u64) {
        self.count = self.count.saturating_add(entries);
        self.left_out = self.left_out.saturating_add(entries);
    }

    /// How often one was told of.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How often one was told of that is not kept.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Those whose name begins so.
    pub(crate) fn shown<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = Shown<'a>> {
        let all = self.all.iter().filter(move |(key, _)| key.name.starts_with(beginning));
        all.map(|(key, measure)| Shown { key, measure: *measure })
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Measure {
    /// A distribution of one value, that stands for so many.
    pub(crate) fn once(value: f64, times: u64) -> Self {
        Self::Distribution {
            count: times,
            sum: value * times as f64,
            min: Some(value),
            max: Some(value),
        }
    }

    /// Whether it can be told: JSON has no number that is none, and none that is too large.
    pub(crate) fn is_finite(self) -> bool {
        match self {
            Self::Counter { value } | Self::Gauge { value } => value.is_finite(),
            Self::Distribution { sum, min, max, .. } => [Some(sum), min, max].into_iter().flatten().all(f64::is_finite),
        }
    }

    /// Both together; what is of another kind than before takes its place.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Counter { value: one }, Self::Counter { value: other }) => Self::Counter {
                value: sum_of(one, other),
            },
            (Self::Gauge { value: one }, Self::Gauge { value: other }) => Self::Gauge {
                value: sum_of(one, other),
            },
            (
                Self::Distribution { count, sum, min, max },
                Self::Distribution {
                    count: other_count,
                    sum: other_sum,
                    min: other_min,
                    max: other_max,
                },
            ) => Self::Distribution {
                count: count.saturating_add(other_count),
                sum: sum_of(sum, other_sum),
                min: either(min, other_min, f64::min),
                max: either(max, other_max, f64::max),
            },
            (_, other) => other,
        }
    }
}

/// What is more than can be told is the most that can.
fn sum_of(one: f64, other: f64) -> f64 {
    (one + other).clamp(f64::MIN, f64::MAX)
}

fn either(one: Option<f64>, other: Option<f64>, of_both: fn(f64, f64) -> f64) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(of_both(one, other)),
        _ => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            name: name.to_owned(),
            source: Source::Statsd,
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_told_is_added_or_takes_the_place() {
        let mut metrics = Metrics::default();
        for value in [2.0, 3.0] {
            metrics.update(key("a"), Update::Add(Measure::Counter { value }));
            metrics.update(key("b"), Update::Set(Measure::Gauge { value }));
            metrics.update(key("c"), Update::Add(Measure::once(value, 1)));
        }
        let shown: Vec<_> = metrics.shown("").map(|shown| shown.measure).collect();
        assert_eq!(
            shown,
            [
                Measure::Counter { value: 5.0 },
                Measure::Gauge { value: 3.0 },
                Measure::Distribution {
                    count: 2,
                    sum: 5.0,
                    min: Some(2.0),
                    max: Some(3.0),
                },
            ]
        );
        assert_eq!(metrics.shown("b").count(), 1);
    }

    #[test]
    fn there_are_only_so_many() {
        let mut metrics = Metrics::default();
        for number in 0..=MOST {
            let one = Update::Add(Measure::Counter { value: 1.0 });
            metrics.update(key(&number.to_string()), one);
        }
        metrics.update(
            key(&"x".repeat(LONGEST + 1)),
            Update::Set(Measure::Gauge { value: 0.0 }),
        );
        assert_eq!((metrics.shown("").count(), metrics.left_out()), (MOST, 2));
        assert_eq!(metrics.count(), MOST as u64 + 2);
    }

    #[test]
    fn nothing_is_kept_that_json_cannot_tell() {
        let mut metrics = Metrics::default();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            metrics.update(key("a"), Update::Set(Measure::Gauge { value }));
            metrics.update(key("a"), Update::Add(Measure::Counter { value }));
            metrics.update(key("a"), Update::Add(Measure::once(value, 1)));
        }
        assert_eq!((metrics.shown("").count(), metrics.left_out()), (0, 9));
        for _ in 0..3 {
            metrics.update(key("a"), Update::Add(Measure::Counter { value: f64::MAX }));
            metrics.update(key("b"), Update::Add(Measure::Gauge { value: f64::MIN }));
            metrics.update(key("c"), Update::Add(Measure::once(f64::MAX, 1)));
        }
        let told = serde_json::to_string(&metrics.shown("").collect::<Vec<_>>()).unwrap();
        assert!(!told.contains("null"), "{told}");
    }

    #[test]
    fn names_are_counted_as_they_are_told() {
        let mut metrics = Metrics::default();
        let escaped = "\u{1}".repeat(900);
        for number in 0..1000 {
            metrics.update(
                key(&format!("{escaped}{number}")),
                Update::Set(Measure::Gauge { value: 1.0 }),
            );
        }
        let told = json_length(&metrics.shown("").collect::<Vec<_>>());
        assert!(metrics.left_out() > 0 && told < MOST_BYTES * 11 / 10, "{told}");
    }
}
