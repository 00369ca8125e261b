//! How much of each limit is used up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use meshkat_kit::json_length;
use serde::Serialize;

use crate::descriptor::Descriptor;
use crate::rules::Limit;

/// How many counters there are at once, and how many bytes their names have together, as they are told.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 4 << 20;

/// The counters, by descriptor. A counter begins with the first hit, and ends when its limit's time has passed.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    all: HashMap<(Descriptor, Limit), Counter>,
    bytes: usize,
}

#[derive(Debug)]
struct Counter {
    begun: Instant,
    hits: u64,
    /// The length of its name, as it is told.
    bytes: usize,
}

/// What became of some hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) is_over: bool,
    pub(crate) remaining: u32,
    pub(crate) until_reset: Duration,
}

/// A counter, as it is told to people.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    descriptor: String,
    limit: Limit,
    hits: u64,
    until_reset_ms: u64,
}

impl Counters {
    /// Counts hits. When there is no room for a counter, those whose time has passed go, and then the oldest.
    pub(crate) fn hit(&mut self, descriptor: Descriptor, limit: Limit, hits: u64, now: Instant) -> Counted {
        let time = limit.unit.time();
        let key = (descriptor, limit);
        if !self.all.contains_key(&key) {
            let bytes = json_length(&key.0.to_string());
            self.make_room(bytes, now);
            self.bytes += bytes;
            let counter = Counter {
                begun: now,
                hits: 0,
                bytes,
            };
            self.all.insert(key.clone(), counter);
        }
        let most = u64::from(limit.requests_per_unit);
        let Some(counter) = self.all.get_mut(&key) else {
            // It was put there.
            return Counted {
                is_over: hits > most,
                remaining: 0,
                until_reset: time,
            };
        };
        if now.duration_since(counter.begun) >= time {
            (counter.begun, counter.hits) = (now, 0);
        }
        counter.hits = counter.hits.saturating_add(hits);
        Counted {
            is_over: counter.hits > most,
            remaining: u32::try_from(most.saturating_sub(counter.hits)).unwrap_or(u32::MAX),
            until_reset: time.saturating_sub(now.duration_since(counter.begun)),
        }
    }

    fn make_room(&mut self, bytes: usize, now: Instant) {
        let is_full = |all: &HashMap<_, _>, held| all.len() >= MOST || held + bytes > MOST_BYTES;
        if is_full(&self.all, self.bytes) {
            self.all
                .retain(|(_, limit), counter| now.duration_since(counter.begun) < limit.unit.time());
            self.bytes = self.all.values().map(|counter| counter.bytes).sum();
        }
        while is_full(&self.all, self.bytes) {
            let oldest = self.all.iter().min_by_key(|(_, counter)| counter.begun);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            if let Some(counter) = self.all.remove(&oldest) {
                self.bytes -= counter.bytes;
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Those whose time has not passed, by their names.
    pub(crate) fn shown(&self, now: Instant) -> Vec<Shown> {
        let mut shown: Vec<_> = self
            .all
            .iter()
            .filter_map(|((descriptor, limit), counter)| {
                let left = limit.unit.time().checked_sub(now.duration_since(counter.begun))?;
                Some(Shown {
                    descriptor: descriptor.to_string(),
                    limit: *limit,
                    hits: counter.hits,
                    until_reset_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
                })
            })
            .collect();
        shown.sort_by(|one: &Shown, other| one.descriptor.cmp(&other.descriptor));
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Unit;

    const TWO: Limit = Limit {
        unit: Unit::Minute,
        requests_per_unit: 2,
    };

    fn named(name: &str) -> Descriptor {
        Descriptor::new(name, &[]).unwrap()
    }

    #[test]
    fn what_is_over_the_limit_is_until_its_time_has_passed() {
        let (mut counters, begun) = (Counters::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut hit = |hits, seconds| counters.hit(named("a"), TWO, hits, at(seconds));
        assert_eq!(
            hit(1, 0),
            Counted {
                is_over: false,
                remaining: 1,
                until_reset: Duration::from_secs(60),
            }
        );
        assert!(!hit(1, 20).is_over);
        let over = hit(1, 59);
        assert_eq!(
            (over.is_over, over.remaining, over.until_reset),
            (true, 0, Duration::from_secs(1))
        );
        assert!(!hit(1, 60).is_over);
        assert!(hit(5, 61).is_over);
        assert!(!counters.hit(named("b"), TWO, 2, at(61)).is_over);
    }

    #[test]
    fn there_are_only_so_many() {
        let (mut counters, begun) = (Counters::default(), Instant::now());
        for number in 0..=MOST {
            let now = begun + Duration::from_millis(number as u64);
            counters.hit(named(&number.to_string()), TWO, 3, now);
        }
        assert_eq!(counters.all.len(), MOST);
        // The oldest went.
        assert!(
            !counters
                .hit(named("0"), TWO, 1, begun + Duration::from_secs(11))
                .is_over
        );
        assert!(
            counters
                .hit(named("9999"), TWO, 1, begun + Duration::from_secs(11))
                .is_over
        );
        counters.hit(named("late"), TWO, 1, begun + Duration::from_secs(120));
        assert_eq!(counters.all.len(), 1);
    }
    #[test]
    fn their_names_have_only_so_many_bytes() {
        let (mut counters, begun) = (Counters::default(), Instant::now());
        // Each byte is six in JSON.
        let escaped = "\u{1}".repeat(900);
        for number in 0..1000_u64 {
            let now = begun + Duration::from_millis(number);
            counters.hit(named(&format!("{escaped}{number}")), TWO, 1, now);
        }
        let told = json_length(&counters.shown(begun + Duration::from_secs(1)));
        assert!(counters.bytes <= MOST_BYTES && told < MOST_BYTES * 11 / 10, "{told}");
        assert!(counters.all.len() > 700, "{}", counters.all.len());
        counters.clear();
        assert_eq!(counters.bytes, 0);
    }
}
