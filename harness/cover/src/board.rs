//! Rows, and what they cover: the state that is changed one entry at a time.

use super::{
    level::{Level, Row},
    tuples::Tuples,
};

/// Rows of which each entry can be changed, with the number of combinations that none of them has.
pub(super) trait Board {
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// A row.
    fn row(&self, row: usize) -> &[Level];
    /// How many of the combinations that are needed no row has.
    fn open(&self) -> usize;
    /// One of these: its axes and levels. `at` is less than [`Board::open`].
    fn opened(&self, at: usize, levels: &mut Vec<(usize, Level)>);
    /// By how much the number of open ones would grow if an entry were changed.
    fn growth(&self, row: usize, axis: usize, new: Level) -> i32;
    /// Changes an entry.
    fn set(&mut self, row: usize, axis: usize, new: Level);
    /// Removes a row; the last one takes its place.
    fn remove(&mut self, row: usize);
    /// How many combinations this row alone has.
    fn alone(&self, row: usize) -> usize;
    /// What [`Board::growth`] of an entry of this axis costs, in steps.
    fn work(&self, axis: usize) -> u64;
    /// What [`Board::alone`] of a row costs, in steps.
    fn work_of_row(&self) -> u64;
}

/// The combinations that are open, so that any of them can be picked.
#[derive(Debug)]
pub(super) struct Open {
    list: Vec<u32>,
    /// Where each one is in the list.
    at: Vec<u32>,
}

impl Open {
    pub(super) fn new(keys: usize) -> Self {
        Self {
            list: Vec::new(),
            at: vec![u32::MAX; keys],
        }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, at: usize) -> usize {
        self.list[at] as usize
    }

    pub(super) fn has(&self, key: usize) -> bool {
        self.at[key] != u32::MAX
    }

    pub(super) fn add(&mut self, key: usize) {
        self.at[key] = self.list.len() as u32;
        self.list.push(key as u32);
    }

    pub(super) fn take(&mut self, key: usize) {
        let at = std::mem::replace(&mut self.at[key], u32::MAX) as usize;
        self.list.swap_remove(at);
        if let Some(moved) = self.list.get(at) {
            self.at[*moved as usize] = at as u32;
        }
    }
}

/// A board for combinations of any strength.
pub(super) struct Many<'a> {
    tuples: &'a Tuples,
    rows: Vec<Row>,
    /// For each row and each subset, the number of the combination.
    has: Vec<Vec<u32>>,
    /// How many rows have each combination; where it is not needed, more than that.
    counts: Vec<u16>,
    open: Open,
}

/// So many counts are near at hand.
const NEAR: usize = 50_000;

/// Added where a combination is not needed, so that it seems neither open nor of one row alone.
const NOT_NEEDED: u16 = 2;

impl<'a> Many<'a> {
    /// What a board over so many rows would keep.
    pub(super) fn size(tuples: &Tuples, rows: usize) -> usize {
        tuples.subsets.len().saturating_mul(rows).saturating_add(tuples.len)
    }

    pub(super) fn new(tuples: &'a Tuples, needed: &[bool], rows: Vec<Row>) -> Self {
        let mut counts: Vec<u16> = needed
            .iter()
            .map(|needed| if *needed { 0 } else { NOT_NEEDED })
            .collect();
        let of_row = |row: &Row| -> Vec<u32> {
            let subsets = tuples.subsets.iter();
            subsets.map(|subset| subset.of_row(row) as u32).collect()
        };
        let has: Vec<Vec<u32>> = rows.iter().map(of_row).collect();
        for tuple in has.iter().flatten() {
            counts[*tuple as usize] += 1;
        }
        let mut open = Open::new(tuples.len);
        for (tuple, _) in counts.iter().enumerate().filter(|(_, count)| **count == 0) {
            open.add(tuple);
        }
        Self {
            tuples,
            rows,
            has,
            counts,
            open,
        }
    }
}

impl Board for Many<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, row: usize) -> &[Level] {
        &self.rows[row]
    }

    fn open(&self) -> usize {
        self.open.len()
    }

    fn opened(&self, at: usize, levels: &mut Vec<(usize, Level)>) {
        levels.clear();
        levels.extend(self.tuples.levels(self.open.get(at)));
    }

    fn growth(&self, row: usize, axis: usize, new: Level) -> i32 {
        let old = self.rows[row][axis];
        let has = &self.has[row];
        let mut growth = 0;
        for (subset, stride) in &self.tuples.by_axis[axis] {
            let before = has[*subset as usize];
            // The number of the other combination; what is added may be negative, and wraps around twice.
            let after = before.wrapping_add(stride.wrapping_mul(u32::from(new).wrapping_sub(u32::from(old))));
            growth += i32::from(self.counts[before as usize] == 1) - i32::from(self.counts[after as usize] == 0);
        }
        growth
    }

    fn set(&mut self, row: usize, axis: usize, new: Level) {
        let old = std::mem::replace(&mut self.rows[row][axis], new);
        for (subset, stride) in &self.tuples.by_axis[axis] {
            let has = &mut self.has[row][*subset as usize];
            let before = *has as usize;
            *has = has.wrapping_add(stride.wrapping_mul(u32::from(new).wrapping_sub(u32::from(old))));
            let after = *has as usize;
            self.counts[before] -= 1;
            if self.counts[before] == 0 {
                self.open.add(before);
            }
            if self.counts[after] == 0 {
                self.open.take(after);
            }
            self.counts[after] += 1;
        }
    }

    fn remove(&mut self, row: usize) {
        self.rows.swap_remove(row);
        for tuple in self.has.swap_remove(row) {
            let count = &mut self.counts[tuple as usize];
            *count -= 1;
            if *count == 0 {
                self.open.add(tuple as usize);
            }
        }
    }

    fn alone(&self, row: usize) -> usize {
        let has = self.has[row].iter();
        has.filter(|tuple| self.counts[**tuple as usize] == 1).count()
    }

    fn work(&self, axis: usize) -> u64 {
        // Counts that are not near take longer.
        let look = if self.counts.len() > NEAR { 2 } else { 1 };
        look * self.tuples.by_axis[axis].len() as u64
    }

    fn work_of_row(&self) -> u64 {
        2 * self.tuples.subsets.len() as u64
    }
}
