//! A board for pairs alone: the common case, several times as fast as the general one.

use super::{
    board::{Board, Open},
    level::{Level, Row},
    tuples::Tuples,
};

/// Rows beyond which a count does not fit.
pub(super) const MOST_ROWS: usize = 250;

/// How often each two levels meet. Levels of all axes are numbered one after the other, and both orders of a pair are kept,
/// so that a change of an entry reads two lines of the matrix from left to right.
pub(super) struct Pairs {
    rows: Vec<Row>,
    /// The rows, as numbers of levels.
    numbers: Vec<Vec<u16>>,
    /// The number of each axis' first level.
    first: Vec<u16>,
    axis: Vec<u16>,
    /// How many levels there are.
    width: usize,
    counts: Vec<u8>,
    open: Open,
}

/// Added where a pair is not needed, so that it seems neither open nor of one row alone.
const NOT_NEEDED: u8 = 2;

impl Pairs {
    /// Whether only pairs are to be covered, and so few levels and rows that counts of them fit.
    pub(super) fn fits(tuples: &Tuples, levels: usize, rows: usize) -> bool {
        rows <= MOST_ROWS && levels <= 2048 && tuples.subsets.iter().all(|subset| subset.axes.len() == 2)
    }

    pub(super) fn new(tuples: &Tuples, needed: &[bool], sizes: &[usize], rows: Vec<Row>) -> Self {
        let mut first = Vec::new();
        let mut axis = Vec::new();
        for (number, size) in sizes.iter().enumerate() {
            first.push(axis.len() as u16);
            axis.extend(std::iter::repeat_n(number as u16, *size));
        }
        let width = axis.len();
        let mut counts = vec![NOT_NEEDED; width * width];
        let needed = needed.iter().enumerate().filter(|(_, needed)| **needed);
        for (tuple, _) in needed {
            let numbers: Vec<usize> = tuples
                .levels(tuple)
                .map(|(axis, level)| usize::from(first[axis] + level))
                .collect();
            counts[numbers[0] * width + numbers[1]] = 0;
            counts[numbers[1] * width + numbers[0]] = 0;
        }
        let number = |row: &Row| -> Vec<u16> { row.iter().zip(&first).map(|(level, first)| first + level).collect() };
        let numbers: Vec<Vec<u16>> = rows.iter().map(number).collect();
        for row in &numbers {
            for one in row {
                for other in row.iter().filter(|other| *other != one) {
                    counts[usize::from(*one) * width + usize::from(*other)] += 1;
                }
            }
        }
        let mut open = Open::new(width * width);
        for one in 0..width {
            for other in one + 1..width {
                if counts[one * width + other] == 0 {
                    open.add(one * width + other);
                }
            }
        }
        Self {
            rows,
            numbers,
            first,
            axis,
            width,
            counts,
            open,
        }
    }

    fn key(&self, one: usize, other: usize) -> usize {
        one.min(other) * self.width + one.max(other)
    }

    fn less(&mut self, one: usize, other: usize) {
        let count = &mut self.counts[one * self.width + other];
        *count -= 1;
        let count = *count;
        self.counts[other * self.width + one] = count;
        if count == 0 {
            self.open.add(self.key(one, other));
        }
    }

    fn more(&mut self, one: usize, other: usize) {
        let count = &mut self.counts[one * self.width + other];
        *count += 1;
        let count = *count;
        self.counts[other * self.width + one] = count;
        if count == 1 {
            self.open.take(self.key(one, other));
        }
    }
}

impl Board for Pairs {
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
        let key = self.open.get(at);
        levels.clear();
        levels.extend([key / self.width, key % self.width].map(|number| {
            let axis = usize::from(self.axis[number]);
            (axis, number as Level - self.first[axis])
        }));
    }

    fn growth(&self, row: usize, axis: usize, new: Level) -> i32 {
        let (width, numbers) = (self.width, &self.numbers[row]);
        let (old, new) = (usize::from(numbers[axis]), usize::from(self.first[axis] + new));
        let old = &self.counts[old * width..][..width];
        let new = &self.counts[new * width..][..width];
        // Pairs of one axis with itself are never needed, so that its own entry adds nothing.
        let each = numbers.iter().map(|other| {
            let other = usize::from(*other);
            i32::from(old[other] == 1) - i32::from(new[other] == 0)
        });
        each.sum()
    }

    fn set(&mut self, row: usize, axis: usize, new: Level) {
        self.rows[row][axis] = new;
        let new = self.first[axis] + new;
        let old = std::mem::replace(&mut self.numbers[row][axis], new);
        for at in 0..self.numbers[row].len() {
            if at != axis {
                let other = usize::from(self.numbers[row][at]);
                self.less(usize::from(old), other);
                self.more(usize::from(new), other);
            }
        }
    }

    fn remove(&mut self, row: usize) {
        self.rows.swap_remove(row);
        let numbers = self.numbers.swap_remove(row);
        for (at, one) in numbers.iter().enumerate() {
            for other in &numbers[at + 1..] {
                self.less(usize::from(*one), usize::from(*other));
            }
        }
    }

    fn alone(&self, row: usize) -> usize {
        let numbers = &self.numbers[row];
        let all = numbers.iter().enumerate();
        all.map(|(at, one)| {
            let line = &self.counts[usize::from(*one) * self.width..][..self.width];
            numbers[at + 1..]
                .iter()
                .filter(|other| line[usize::from(**other)] == 1)
                .count()
        })
        .sum()
    }

    fn work(&self, _: usize) -> u64 {
        self.first.len() as u64
    }

    fn work_of_row(&self) -> u64 {
        (self.first.len() * self.first.len() / 2) as u64
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::{board::Many, problem::Problem};

    /// Both boards, changed in the same way, always tell the same.
    #[test]
    fn the_quick_board_and_the_general_one_agree() {
        let sizes = [3, 2, 4, 2, 3];
        let problem = Problem::uniform(&sizes, 2);
        let tuples = Tuples::new(&problem).unwrap();
        let mut rng = Rng::with_seed(1);
        let needed: Vec<bool> = (0..tuples.len).map(|_| rng.u8(..8) > 0).collect();
        let rows: Vec<Row> = (0..6)
            .map(|_| sizes.iter().map(|size| rng.u16(..*size as u16)).collect())
            .collect();
        let mut many = Many::new(&tuples, &needed, rows.clone());
        let mut pairs = Pairs::new(&tuples, &needed, &sizes, rows);
        for turn in 0..2000 {
            if turn % 500 == 499 {
                many.remove(turn % 3);
                pairs.remove(turn % 3);
            }
            let (row, axis) = (rng.usize(..many.rows()), rng.usize(..sizes.len()));
            let new = rng.u16(..sizes[axis] as u16);
            if new == many.row(row)[axis] {
                continue;
            }
            let (before, growth) = (many.open() as i32, many.growth(row, axis, new));
            assert_eq!(pairs.growth(row, axis, new), growth);
            many.set(row, axis, new);
            pairs.set(row, axis, new);
            assert_eq!((many.open() as i32, pairs.open()), (before + growth, many.open()));
            assert_eq!(many.row(row), pairs.row(row));
            for row in 0..many.rows() {
                assert_eq!(many.alone(row), pairs.alone(row));
            }
            let told = |board: &dyn Board| {
                let mut all = Vec::new();
                let mut levels = Vec::new();
                for at in 0..board.open() {
                    board.opened(at, &mut levels);
                    levels.sort_unstable();
                    all.push(levels.clone());
                }
                all.sort();
                all
            };
            assert_eq!(told(&many), told(&pairs));
        }
        // And they agree with what the rows say.
        let has = |tuple: &usize| {
            (0..many.rows()).any(|row| tuples.levels(*tuple).all(|(axis, level)| many.row(row)[axis] == level))
        };
        let open = (0..tuples.len).filter(|tuple| needed[*tuple] && !has(tuple)).count();
        assert_eq!(open, many.open());
    }
}
