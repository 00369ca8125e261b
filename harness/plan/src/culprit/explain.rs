//! Which few values tell failures from passes.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Part, Row, Table, has_all};

/// A cause names at most so many values.
const MOST_PARTS: usize = 3;
/// All causes of an explanation together name at most so many.
const MOST_IN_ALL: usize = 6;
/// How many steps the search may take; beyond that the failures count as unexplained. A search that ends early by a count
/// gives everywhere the same answer, as one by time would not.
const STEPS: usize = 200_000;
/// More explanations than these decide nothing either.
const MOST_TIES: usize = 200;

/// Values that fail together.
pub(super) type Conjunction = Vec<Part>;

/// Every failure has all values of one of these, and no passing case has.
pub(super) type Explanation = Vec<Conjunction>;

/// The explanations that name the fewest values, of these the ones with the fewest causes, the better supported first.
/// Empty where none is small enough.
pub(super) fn explanations(table: &Table) -> Vec<Explanation> {
    let failing: Vec<&Row> = table.failing().collect();
    if failing.is_empty() || table.passing().next().is_none() {
        return Vec::new();
    }
    let candidates = candidates(table, &failing);
    let mut of_row: Vec<Vec<usize>> = vec![Vec::new(); failing.len()];
    for (number, candidate) in candidates.iter().enumerate() {
        for (row, list) in failing.iter().zip(&mut of_row) {
            if has_all(row, candidate) {
                list.push(number);
            }
        }
    }
    let mut search = Search {
        failing: &failing,
        candidates: &candidates,
        of_row: &of_row,
        steps: 0,
        found: BTreeSet::new(),
    };
    for in_all in 1..=MOST_IN_ALL {
        search.extend(&mut Vec::new(), in_all);
        if !search.found.is_empty() || search.steps >= STEPS {
            break;
        }
    }
    let fewest = search.found.iter().map(Vec::len).min().unwrap_or_default();
    let best = search.found.iter().filter(|found| found.len() == fewest);
    let mut best: Vec<Explanation> = best
        .map(|found| found.iter().map(|number| candidates[*number].clone()).collect())
        .collect();
    // A passing case that lacks one value alone speaks for that value. Equal support is put in the order of the axes.
    best.sort_by_key(|causes| {
        let support: usize = causes.iter().map(|cause| near_misses(table, cause)).sum();
        (std::cmp::Reverse(support), causes.clone())
    });
    best
}

/// How many passing cases have all of the values but one.
pub(super) fn near_misses(table: &Table, cause: &[Part]) -> usize {
    let missing = |row: &Row| cause.iter().filter(|part| row[part.0] != part.1).count();
    table.passing().filter(|row| missing(row) == 1).count()
}

/// The smallest sets of values that some failure has and no passing case: no candidate has another one within it.
fn candidates(table: &Table, failing: &[&Row]) -> Vec<Conjunction> {
    let passing: Vec<&Row> = table.passing().collect();
    let mut known: BTreeMap<Conjunction, bool> = BTreeMap::new();
    for size in 1..=MOST_PARTS {
        for row in failing {
            for parts in subsets(&table.parts(row), size) {
                if known.contains_key(&parts) {
                    continue;
                }
                let smaller = (0..size).any(|left_out| {
                    let mut rest = parts.clone();
                    rest.remove(left_out);
                    // What has a candidate within it is marked as one, so that what is larger still is none either.
                    known.get(&rest).copied().unwrap_or(false)
                });
                let is_new = !smaller && !passing.iter().any(|row| has_all(row, &parts));
                known.insert(parts, smaller || is_new);
            }
        }
    }
    let minimal = |parts: &Conjunction| {
        (0..parts.len()).all(|left_out| {
            let mut rest = parts.clone();
            rest.remove(left_out);
            rest.is_empty() || !known.get(&rest).copied().unwrap_or(false)
        })
    };
    let hits = known.iter().filter(|(parts, hit)| **hit && minimal(parts));
    hits.map(|(parts, _)| parts.clone()).collect()
}

/// All subsets of a size, in order.
fn subsets(parts: &[Part], size: usize) -> Vec<Conjunction> {
    match (size, parts) {
        (0, _) => vec![Vec::new()],
        (_, []) => Vec::new(),
        (_, [first, rest @ ..]) => {
            let with = subsets(rest, size - 1).into_iter().map(|mut more| {
                more.insert(0, *first);
                more
            });
            with.chain(subsets(rest, size)).collect()
        }
    }
}

struct Search<'a> {
    failing: &'a [&'a Row],
    candidates: &'a [Conjunction],
    /// The candidates that each failing row has.
    of_row: &'a [Vec<usize>],
    steps: usize,
    found: BTreeSet<Vec<usize>>,
}

impl Search<'_> {
    /// Adds causes for the first failure that has none, until none is left or more than `left` values would be named.
    fn extend(&mut self, chosen: &mut Vec<usize>, left: usize) {
        self.steps += 1;
        if self.steps >= STEPS || self.found.len() >= MOST_TIES {
            return;
        }
        let open = self
            .failing
            .iter()
            .position(|row| !chosen.iter().any(|number| has_all(row, &self.candidates[*number])));
        let Some(open) = open else {
            let mut causes = chosen.clone();
            causes.sort_unstable();
            self.found.insert(causes);
            return;
        };
        for number in self.of_row[open].clone() {
            let size = self.candidates[number].len();
            if size <= left {
                chosen.push(number);
                self.extend(chosen, left - size);
                chosen.pop();
            }
        }
    }
}

/// The failures that a cause has to explain: those that no other cause explains too, or all of its own where every one of
/// them has another explanation.
pub(super) fn failures_of<'a>(table: &'a Table, cause: &Conjunction, explanation: &Explanation) -> Vec<&'a Row> {
    let own = table.failing().filter(|row| has_all(row, cause));
    let alone = own.clone().filter(|row| {
        let mut others = explanation.iter().filter(|other| *other != cause);
        !others.any(|other| has_all(row, other))
    });
    let alone: Vec<&Row> = alone.collect();
    if alone.is_empty() { own.collect() } else { alone }
}
