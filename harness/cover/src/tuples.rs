//! Combinations of levels, numbered.

use super::{
    level::Level,
    problem::{Failure, Problem, Strength},
    solver::Solver,
};

/// How many combinations there may be.
const MOST: u64 = 5_000_000;

/// How many sets of axes there may be.
const MOST_SETS: usize = 500_000;

/// How many sets are looked at: those that another has already are left out.
const MOST_LOOKED_AT: usize = 4 * MOST_SETS;

/// Every combination of levels of the sets of axes that are to be covered.
pub(super) struct Tuples {
    pub(super) subsets: Vec<Subset>,
    /// How many combinations there are.
    pub(super) len: usize,
    /// For each axis the subsets that have it, each with what one level more of the axis adds to the number.
    pub(super) by_axis: Vec<Vec<(u32, u32)>>,
}

/// Some axes that are combined, in their order.
pub(super) struct Subset {
    pub(super) axes: Vec<u16>,
    pub(super) strides: Vec<u32>,
    /// The number of its first combination.
    pub(super) offset: u32,
}

impl Subset {
    /// The number of the combination that a row has.
    pub(super) fn of_row(&self, row: &[Level]) -> usize {
        let parts = self.axes.iter().zip(&self.strides);
        parts.fold(self.offset as usize, |at, (axis, stride)| {
            at + usize::from(row[usize::from(*axis)]) * *stride as usize
        })
    }

    /// The number of the combination of a partial row, if it has all of the axes.
    pub(super) fn of_partial(&self, row: &[Option<Level>]) -> Option<usize> {
        let mut at = self.offset as usize;
        for (axis, stride) in self.axes.iter().zip(&self.strides) {
            at += usize::from(row[usize::from(*axis)]?) * *stride as usize;
        }
        Some(at)
    }
}

impl Tuples {
    /// The combinations that a problem's strengths are about.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn new(problem: &Problem) -> Result<Self, Failure> {
        let sizes: Vec<u64> = problem.axes.iter().map(|axis| axis.values.len() as u64).collect();
        let mut subsets = Vec::new();
        let mut len = 0_u64;
        let mut by_axis = vec![Vec::new(); sizes.len()];
        for axes in sets(problem)? {
            let mut strides = vec![0; axes.len()];
            let mut stride = 1_u64;
            for (at, axis) in axes.iter().enumerate().rev() {
                strides[at] = stride as u32;
                by_axis[usize::from(*axis)].push((subsets.len() as u32, stride as u32));
                stride = stride.saturating_mul(sizes[usize::from(*axis)]);
            }
            let offset = len as u32;
            len = len.saturating_add(stride);
            if len > MOST {
                return Err(too_many(len, MOST));
            }
            subsets.push(Subset { axes, strides, offset });
        }
        Ok(Self {
            subsets,
            len: len as usize,
            by_axis,
        })
    }

    /// The axes and levels of a combination.
    pub(super) fn levels(&self, tuple: usize) -> impl Iterator<Item = (usize, Level)> + '_ {
        let at = self.subsets.partition_point(|subset| subset.offset as usize <= tuple) - 1;
        let subset = &self.subsets[at];
        let mut rest = tuple as u32 - subset.offset;
        subset.axes.iter().zip(&subset.strides).map(move |(axis, stride)| {
            let level = rest / stride;
            rest %= stride;
            (usize::from(*axis), level as Level)
        })
    }

    /// Which combinations a row can have, where there is a row at all. A row that was found for one of them tells of others that
    /// they are possible, too, so that few have to be searched for.
    pub(super) fn feasible(&self, solver: &Solver<'_>) -> Vec<bool> {
        let mut feasible = vec![false; self.len];
        let mut partial = vec![None; self.by_axis.len()];
        let mut found = 0;
        for subset in &self.subsets {
            let axes: Vec<usize> = subset.axes.iter().map(|axis| usize::from(*axis)).collect();
            let free = axes.iter().all(|axis| solver.is_free(*axis));
            let left: Vec<Vec<Level>> = axes.iter().map(|axis| solver.base().levels(*axis).collect()).collect();
            let sizes: Vec<usize> = left.iter().map(Vec::len).collect();
            let mut at = vec![0; axes.len()];
            for _ in 0..sizes.iter().product() {
                for ((axis, levels), at) in axes.iter().zip(&left).zip(&at) {
                    partial[*axis] = Some(levels[usize::from(*at)]);
                }
                super::rule::next(&mut at, &sizes);
                if !solver.spend(LOOK) {
                    return feasible;
                }
                let Some(tuple) = subset.of_partial(&partial).filter(|tuple| !feasible[*tuple]) else {
                    continue;
                };
                if free {
                    feasible[tuple] = true;
                } else if let Some(row) = solver.complete(&partial, &mut |axis, levels| varied(axis, found, levels)) {
                    found += 1;
                    self.mark(&row, &mut feasible);
                    solver.spend(MARK * self.subsets.len() as u64);
                }
            }
            for axis in axes {
                partial[axis] = None;
            }
        }
        feasible
    }

    /// Marks the combinations that a row has.
    fn mark(&self, row: &[Level], marks: &mut [bool]) {
        for subset in &self.subsets {
            marks[subset.of_row(row)] = true;
        }
    }
}

/// What it costs to look whether a combination is known, and to mark it, in steps.
const LOOK: u64 = 10;
const MARK: u64 = 6;

/// Other levels first each time, so that rows differ.
pub(super) fn varied(axis: usize, found: usize, levels: &mut [Level]) {
    if !levels.is_empty() {
        let by = (found.wrapping_mul(7 + 2 * (axis % 11)) + axis * found / 3) % levels.len();
        levels.rotate_left(by);
    }
}

fn too_many(found: u64, most: u64) -> Failure {
    Failure::TooMany {
        found: found.into(),
        most,
        of: "combinations to cover",
    }
}

/// The sets of axes to combine, without those that another has already.
fn sets(problem: &Problem) -> Result<Vec<Vec<u16>>, Failure> {
    let all: Vec<usize> = (0..problem.axes.len()).collect();
    let mut sets: Vec<Vec<u16>> = Vec::new();
    let asked = problem
        .stronger
        .iter()
        .map(|more| (more.axes.as_slice(), more.strength));
    let mut asked: Vec<(&[usize], usize)> = asked
        .chain([(all.as_slice(), problem.strength)])
        .map(|(axes, strength)| match strength {
            Strength::Ways(ways) => (axes, ways.min(axes.len())),
            Strength::Full => (axes, axes.len()),
        })
        .collect();
    // The larger sets first: a set that is part of one of them is covered with it.
    asked.sort_by_key(|(_, ways)| std::cmp::Reverse(*ways));
    let mut done: Vec<Vec<usize>> = Vec::new();
    let mut looked_at = 0;
    for (axes, ways) in asked {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        axes.dedup();
        let ways = ways.min(axes.len());
        if ways == 0 {
            continue;
        }
        let mut at: Vec<usize> = (0..ways).collect();
        loop {
            looked_at += 1 + done.len() / 8;
            let set: Vec<u16> = at.iter().map(|at| axes[*at] as u16).collect();
            let is_part = |of: &Vec<usize>| set.iter().all(|axis| of.binary_search(&usize::from(*axis)).is_ok());
            if !done.iter().any(is_part) {
                sets.push(set);
            }
            if sets.len() > MOST_SETS || looked_at > MOST_LOOKED_AT {
                return Err(Failure::TooMany {
                    found: looked_at as u128,
                    most: MOST_SETS as u64,
                    of: "sets of axes to combine",
                });
            }
            // The next choice of so many of the axes.
            let Some(moves) = (0..ways)
                .rev()
                .find(|position| at[*position] < axes.len() - ways + position)
            else {
                break;
            };
            at[moves] += 1;
            for position in moves + 1..ways {
                at[position] = at[position - 1] + 1;
            }
        }
        done.push(axes);
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Stronger;

    #[test]
    fn combinations_are_numbered_without_gaps() {
        let mut problem = Problem::uniform(&[3, 2, 4, 2], 2);
        problem.stronger.push(Stronger {
            axes: vec![3, 0, 1],
            strength: Strength::Ways(3),
        });
        let tuples = Tuples::new(&problem).unwrap();
        let sets: Vec<&[u16]> = tuples.subsets.iter().map(|subset| subset.axes.as_slice()).collect();
        // The pairs of 0, 1 and 3 are in the triple.
        assert_eq!(sets, [&[0, 1, 3][..], &[0, 2], &[1, 2], &[2, 3]]);
        assert_eq!(tuples.len, 12 + 12 + 8 + 8);
        for tuple in 0..tuples.len {
            let mut row = vec![None; 4];
            for (axis, level) in tuples.levels(tuple) {
                row[axis] = Some(level);
            }
            let found = tuples.subsets.iter().filter_map(|subset| subset.of_partial(&row));
            assert_eq!(found.collect::<Vec<_>>(), [tuple]);
        }
    }

    #[test]
    fn too_many_are_refused_before_memory_is_taken() {
        let problem = Problem::uniform(&[10; 200], 6);
        assert!(matches!(Tuples::new(&problem), Err(Failure::TooMany { .. })));
    }
}
