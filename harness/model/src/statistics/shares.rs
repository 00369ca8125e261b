//! Judging how requests are split.

use super::binomial::{at_least, at_most};

/// More requests than these are never asked for.
const MOST: u64 = 100_000_000;
/// So far apart are numbers of requests of which one suffices and one above it does not.
const TEETH: u64 = 32;

/// How sure a judgement is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strictness {
    /// The most probable that a split fails which is as it should be.
    pub false_alarm: f64,
    /// From this difference of a share on, as a part of 1, a split is wrong.
    pub shift: f64,
    /// The most probable that a split passes which is wrong.
    pub miss: f64,
}

/// Counts that are accepted, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The least.
    pub low: u64,
    /// The most; below `low` if nothing is accepted.
    pub high: u64,
}

impl Region {
    /// Whether a count is accepted.
    pub fn has(self, count: u64) -> bool {
        (self.low..=self.high).contains(&count)
    }
}

/// What is accepted of so many requests, and how sure that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// How many requests.
    pub requests: u64,
    /// For each class, which counts are accepted. A class with a share of 0 gets nothing, any other at least one.
    pub regions: Vec<Region>,
    /// How probable it is that a split fails which is as it should be; with more than two classes an upper bound.
    pub false_alarm: f64,
    /// How probable it is at the most that a split passes in which the share of a class is off by the shift.
    pub miss: f64,
}

impl Test {
    /// The test of `requests` requests over classes of these shares, which sum up to 1. Requests are taken to be chosen
    /// independently of one another; a balancer that takes turns is steadier than that, and is accepted all the more.
    pub fn new(shares: &[f64], requests: u64, strictness: Strictness) -> Self {
        let positive: Vec<usize> = (0..shares.len()).filter(|at| shares[*at] > 0.0).collect();
        let mut test = Self {
            requests,
            regions: vec![Region { low: 0, high: 0 }; shares.len()],
            false_alarm: 0.0,
            miss: 0.0,
        };
        // Of two classes one number says everything.
        let tested = match positive.len() {
            2 => &positive[..1],
            _ => &positive[..],
        };
        let tail = strictness.false_alarm / (2.0 * tested.len().max(1) as f64);
        for at in tested {
            let mut region = region(requests, shares[*at], tail);
            if positive.len() > 1 {
                region.high = region.high.min(requests.saturating_sub(1));
            }
            test.regions[*at] = region;
            test.false_alarm += alarm(requests, shares[*at], region);
            test.miss = test.miss.max(miss(requests, shares[*at], region, strictness.shift));
        }
        if let [first, second] = positive[..] {
            let Region { low, high } = test.regions[first];
            test.regions[second] = Region {
                low: requests.saturating_sub(high),
                high: requests.saturating_sub(low),
            };
        }
        test
    }

    /// Whether there are enough requests: both errors are as improbable as they should be.
    pub fn suffices(&self, strictness: Strictness) -> bool {
        self.false_alarm <= strictness.false_alarm && self.miss <= strictness.miss
    }
}

/// How many requests, `from` or more, suffice to judge a split; none if no number below a hundred million does. The least that suffices
/// is not far below: around it, some numbers suffice and some do not.
pub fn needed(shares: &[f64], from: u64, strictness: Strictness) -> Option<u64> {
    let suffices = |requests| Test::new(shares, requests, strictness).suffices(strictness);
    if suffices(from) {
        return Some(from);
    }
    let (mut short, mut step) = (from, 16);
    let mut enough = loop {
        let next = short + step;
        if next > MOST {
            return None;
        }
        if suffices(next) {
            break next;
        }
        (short, step) = (next, step * 2);
    };
    while enough - short > 1 {
        let middle = short + (enough - short) / 2;
        if suffices(middle) {
            enough = middle;
        } else {
            short = middle;
        }
    }
    // As counts are whole, one request more can be worse than one less: a few below may suffice as well.
    while let Some(fewer) = (enough.saturating_sub(TEETH).max(from)..enough).find(|fewer| suffices(*fewer)) {
        enough = fewer;
    }
    Some(enough)
}

/// The widest counts outside of which lies no more than `tail` on either side, and at least one.
fn region(n: u64, p: f64, tail: f64) -> Region {
    let low = first(n, |k| at_most(n, p, k) > tail);
    let high = first(n, |k| at_least(n, p, k + 1) <= tail);
    Region { low: low.max(1), high }
}

/// The first number up to `n` of which something is true that stays true; `n` where it never is.
fn first(n: u64, is_true: impl Fn(u64) -> bool) -> u64 {
    let (mut from, mut to) = (0, n);
    while from < to {
        let middle = from + (to - from) / 2;
        if is_true(middle) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    from
}

fn alarm(n: u64, p: f64, region: Region) -> f64 {
    if region.high < region.low {
        return 1.0;
    }
    let below = region.low.checked_sub(1).map_or(0.0, |k| at_most(n, p, k));
    below + at_least(n, p, region.high + 1)
}

/// How probable the region is for shares that are off by `shift`, or more: the further off, the less. A share cannot be
/// below 0 or above 1.
fn miss(n: u64, p: f64, region: Region, shift: f64) -> f64 {
    let off = [p - shift, p + shift].into_iter().filter(|p| (0.0..=1.0).contains(p));
    let inside = off.map(|p| {
        let below = region.low.checked_sub(1).map_or(0.0, |k| at_most(n, p, k));
        (at_most(n, p, region.high) - below).max(0.0)
    });
    inside.fold(0.0, f64::max)
}
