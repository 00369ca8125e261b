//! Rows one at a time, each the best of some that were tried: the start that everything else improves on.
//!
//! After D. Cohen, S. Dalal, M. Fredman, G. Patton: The AETG System (1997), with every choice checked by the solver, so that a
//! row once begun can always be completed.

use fastrand::Rng;

use super::{
    MOST_ROWS,
    board::Open,
    level::{Level, Partial, Row},
    solver::Solver,
    tuples::Tuples,
};

/// What is still to be covered, and how rows for it are made.
pub(super) struct Greedy<'a> {
    tuples: &'a Tuples,
    solver: &'a Solver<'a>,
    weights: &'a [Vec<u32>],
    open: Open,
}

/// What it costs to look at one combination of a row, in steps, and at an axis beside its combinations.
const LOOK: u64 = 6;
const NODE: u64 = 100;

/// Of more combinations than these, a look is as slow as memory is, and not as what is near.
const NEAR: usize = 200_000;

/// How many open combinations are tried as the first of a row that has levels already.
const BEGINNINGS: usize = 20;

impl<'a> Greedy<'a> {
    pub(super) fn new(tuples: &'a Tuples, solver: &'a Solver<'a>, weights: &'a [Vec<u32>], needed: &[bool]) -> Self {
        let mut open = Open::new(tuples.len);
        for (tuple, _) in needed.iter().enumerate().filter(|(_, needed)| **needed) {
            open.add(tuple);
        }
        Self {
            tuples,
            solver,
            weights,
            open,
        }
    }

    /// What a look at a combination costs.
    fn look(&self) -> u64 {
        LOOK * if self.tuples.len > NEAR { 3 } else { 1 }
    }

    /// Counts a row as there.
    pub(super) fn cover(&mut self, row: &[Level]) {
        self.solver.spend(self.look() * self.tuples.subsets.len() as u64);
        for subset in &self.tuples.subsets {
            let tuple = subset.of_row(row);
            if self.open.has(tuple) {
                self.open.take(tuple);
            }
        }
    }

    /// The combinations that no row has yet.
    pub(super) fn still_needed(&self) -> Vec<bool> {
        (0..self.tuples.len).map(|tuple| self.open.has(tuple)).collect()
    }

    /// Rows until nothing is open, each the best of `tries`.
    pub(super) fn rows(&mut self, tries: usize, rng: &mut Rng) -> Vec<Row> {
        let mut rows = Vec::new();
        let nothing = vec![None; self.tuples.by_axis.len()];
        // One row too many tells that there are too many.
        while self.open.len() > 0 && rows.len() as u64 <= MOST_ROWS && !self.solver.is_exhausted() {
            let Some(row) = self.row(&nothing, tries, rng) else {
                break;
            };
            self.cover(&row);
            rows.push(row);
        }
        rows
    }

    /// The best of some rows that have these levels; none if the rules allow none.
    pub(super) fn row(&self, begun: &Partial, tries: usize, rng: &mut Rng) -> Option<Row> {
        let mut best: Option<(usize, Row)> = None;
        for _ in 0..tries.max(1) {
            if best.is_some() && self.solver.is_exhausted() {
                break;
            }
            let row = self.candidate(begun, rng)?;
            self.solver.spend(self.look() * self.tuples.subsets.len() as u64);
            let news = self
                .tuples
                .subsets
                .iter()
                .filter(|subset| self.open.has(subset.of_row(&row)))
                .count();
            if best.as_ref().is_none_or(|(most, _)| news > *most) {
                best = Some((news, row));
            }
        }
        best.map(|(_, row)| row)
    }

    fn candidate(&self, begun: &Partial, rng: &mut Rng) -> Option<Row> {
        let mut partial = begun.clone();
        self.begin(&mut partial, rng);
        let mut order: Vec<usize> = (0..partial.len()).filter(|axis| partial[*axis].is_none()).collect();
        rng.shuffle(&mut order);
        let mut near = vec![None; partial.len()];
        for axis in order {
            if self.solver.is_exhausted() {
                return None;
            }
            let levels = self.ranked(axis, &partial, rng);
            let fits = |level: &Level| {
                partial[axis] = Some(*level);
                self.solver.feasible_near(&partial, &mut near)
            };
            let level = match self.solver.is_free(axis) {
                true => levels.first().copied(),
                false => levels.into_iter().find(fits),
            };
            partial[axis] = Some(level?);
        }
        partial.into_iter().collect()
    }

    /// Sets the levels of an open combination, if there is one that fits.
    fn begin(&self, partial: &mut Partial, rng: &mut Rng) {
        for _ in 0..BEGINNINGS.min(self.open.len()) {
            let tuple = self.open.get(rng.usize(..self.open.len()));
            let mut with = partial.clone();
            let fits = self
                .tuples
                .levels(tuple)
                .all(|(axis, level)| *with[axis].get_or_insert(level) == level);
            if fits && (self.solver.has_no_rules() || self.solver.feasible(&with)) {
                *partial = with;
                return;
            }
        }
    }

    /// The levels of an axis: those that complete the most open combinations first, of these the heaviest.
    fn ranked(&self, axis: usize, partial: &Partial, rng: &mut Rng) -> Vec<Level> {
        let mut with = partial.clone();
        with[axis] = Some(0);
        let lines: Vec<(usize, usize)> = self.tuples.by_axis[axis]
            .iter()
            .filter_map(|(subset, stride)| {
                let first = self.tuples.subsets[*subset as usize].of_partial(&with)?;
                Some((first, *stride as usize))
            })
            .collect();
        let gain = |level: Level| {
            let completes = |(first, stride): &&(usize, usize)| self.open.has(first + usize::from(level) * stride);
            lines.iter().filter(completes).count()
        };
        let levels = self.weights[axis].len() as u64;
        self.solver
            .spend(NODE + self.look() * (levels * (2 + lines.len() as u64) + self.tuples.by_axis[axis].len() as u64));
        let mut ranked: Vec<(usize, u32, u32, Level)> = self
            .solver
            .base()
            .levels(axis)
            .map(|level| (gain(level), self.weights[axis][usize::from(level)], rng.u32(..), level))
            .collect();
        ranked.sort_unstable_by(|one, other| other.cmp(one));
        ranked.into_iter().map(|(.., level)| level).collect()
    }
}
