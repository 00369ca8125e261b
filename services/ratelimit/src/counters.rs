//! How much of each limit is used up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::rules::Limit;

/// How many counters there are at once.
const MOST: usize = 10_000;

/// The longest name of a counter, in bytes.
pub(crate) const LONGEST_NAME: usize = 1024;

/// The counters, by domain and descriptor. A counter begins with the first hit, and ends when its limit's time has passed.
#[derive(Debug, Default)]
pub(crate) struct Counters(HashMap<(String, Limit), Counter>);

#[derive(Debug)]
struct Counter {
    begun: Instant,
    hits: u64,
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
pub(crate) struct Shown<'a> {
    descriptor: &'a str,
    limit: Limit,
    hits: u64,
    until_reset_ms: u64,
}

impl Counters {
    /// Counts hits. When there is no room for a counter, those whose time has passed go, and then the oldest.
    pub(crate) fn hit(&mut self, name: &str, limit: Limit, hits: u64, now: Instant) -> Counted {
        let time = limit.unit.time();
        let key = (name.to_owned(), limit);
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        let counter = self.0.entry(key).or_insert(Counter { begun: now, hits: 0 });
        if now.duration_since(counter.begun) >= time {
            *counter = Counter { begun: now, hits: 0 };
        }
        counter.hits = counter.hits.saturating_add(hits);
        let most = u64::from(limit.requests_per_unit);
        Counted {
            is_over: counter.hits > most,
            remaining: u32::try_from(most.saturating_sub(counter.hits)).unwrap_or(u32::MAX),
            until_reset: time.saturating_sub(now.duration_since(counter.begun)),
        }
    }

    fn make_room(&mut self, now: Instant) {
        self.0
            .retain(|(_, limit), counter| now.duration_since(counter.begun) < limit.unit.time());
        if self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, counter)| counter.begun);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.0.remove(&oldest);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Those whose time has not passed, by their names.
    pub(crate) fn shown(&self, now: Instant) -> Vec<Shown<'_>> {
        let mut shown: Vec<_> = self
            .0
            .iter()
            .filter_map(|((descriptor, limit), counter)| {
                let left = limit.unit.time().checked_sub(now.duration_since(counter.begun))?;
                Some(Shown {
                    descriptor,
                    limit: *limit,
                    hits: counter.hits,
                    until_reset_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
                })
            })
            .collect();
        shown.sort_by_key(|shown| shown.descriptor);
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

    #[test]
    fn what_is_over_the_limit_is_until_its_time_has_passed() {
        let (mut counters, begun) = (Counters::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut hit = |hits, seconds| counters.hit("a", TWO, hits, at(seconds));
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
        assert!(!counters.hit("b", TWO, 2, at(61)).is_over);
    }

    #[test]
    fn there_are_only_so_many() {
        let (mut counters, begun) = (Counters::default(), Instant::now());
        for number in 0..=MOST {
            let now = begun + Duration::from_millis(number as u64);
            counters.hit(&number.to_string(), TWO, 3, now);
        }
        assert_eq!(counters.0.len(), MOST);
        // The oldest went.
        assert!(!counters.hit("0", TWO, 1, begun + Duration::from_secs(11)).is_over);
        assert!(counters.hit("9999", TWO, 1, begun + Duration::from_secs(11)).is_over);
        counters.hit("late", TWO, 1, begun + Duration::from_secs(120));
        assert_eq!(counters.0.len(), 1);
    }
}
