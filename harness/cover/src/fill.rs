//! Rows for what is needed: a start, and then fewer.

use fastrand::Rng;

use super::{
    MOST_ROWS, algebra,
    anneal::{Budget, Guard, reduce},
    board::Many,
    greedy::Greedy,
    level::{Level, Row},
    meter::Meter,
    pairs::Pairs,
    problem::{Failure, Problem, Strength},
    solver::Solver,
    tuples::Tuples,
};

/// What a general board may keep.
const MOST_KEPT: usize = 40_000_000;

/// What an entry of a board costs when it is made, in steps.
const MADE: u64 = 4;

/// What rows are made of, and for.
pub(super) struct Fill<'a> {
    pub(super) problem: &'a Problem,
    pub(super) tuples: &'a Tuples,
    pub(super) solver: &'a Solver<'a>,
    pub(super) weights: &'a [Vec<u32>],
}

impl Fill<'_> {
    /// Rows that have every needed combination; each of these some row can have.
    ///
    /// # Errors
    /// It takes too much to find a first array, or that would have too many rows. Whatever comes after it has a bound anyway.
    pub(super) fn rows(&self, needed: &[bool], budget: Budget, rng: &mut Rng) -> Result<Vec<Row>, Failure> {
        if !needed.contains(&true) {
            return Ok(Vec::new());
        }
        let mut budget = budget;
        let mut start = self.greedy(needed, budget, rng);
        if self.solver.is_exhausted() {
            return Err(self.solver.too_hard());
        }
        if start.len() as u64 > MOST_ROWS {
            return Err(Failure::TooMany {
                found: start.len() as u128,
                most: MOST_ROWS,
                of: "rows",
            });
        }
        let lower = lowest(self.tuples, needed)?;
        self.solver.meter().allow(budget.0);
        if start.len() > lower
            && let Some((array, is_best)) = self.known(needed, budget, rng)
            && array.len() <= start.len()
        {
            start = array;
            if is_best {
                return Ok(start);
            }
            // What a construction gave has its part of the budget behind it, and is hard to make smaller.
            budget = Budget(budget.0 / 8);
        }
        let guard = Guard::new(self.solver, self.problem.axes.len());
        let sizes: Vec<usize> = self.problem.axes.iter().map(|axis| axis.values.len()).collect();
        let levels: usize = sizes.iter().sum();
        let many = Many::size(self.tuples, start.len());
        Ok(if Pairs::fits(self.tuples, levels, start.len()) {
            let board = (levels * levels) as u64 * MADE;
            let make = |start| Pairs::new(self.tuples, needed, &sizes, start);
            reduce(start, board, make, &guard, lower, budget, rng)
        } else if many <= MOST_KEPT && start.len() <= usize::from(u16::MAX / 2) {
            let make = |start| Many::new(self.tuples, needed, start);
            reduce(start, many as u64 * MADE, make, &guard, lower, budget, rng)
        } else {
            start
        })
    }

    fn greedy(&self, needed: &[bool], budget: Budget, rng: &mut Rng) -> Vec<Row> {
        let mut greedy = Greedy::new(self.tuples, self.solver, self.weights, needed);
        greedy.rows(self.tries(budget), rng)
    }

    /// How many rows to try for each one: as many as a part of the budget pays for.
    pub(super) fn tries(&self, budget: Budget) -> usize {
        let levels: usize = self.problem.axes.iter().map(|axis| axis.values.len()).sum();
        let levels = levels / self.problem.axes.len().max(1) + 1;
        let row =
            self.tuples.subsets.len() * self.tuples.subsets.first().map_or(1, |subset| subset.axes.len()) * levels;
        // Each value of an axis that rules are about is a question to the solver.
        let asked = (0..self.problem.axes.len()).filter(|axis| !self.solver.is_free(*axis));
        let asked: u64 = asked.map(|axis| self.solver.cost_of_search(axis)).sum();
        let rows = 2 * self.tuples.len / self.tuples.subsets.len().max(1) + 1;
        let all = (row as u64 + asked * levels as u64).saturating_mul(rows as u64).max(1);
        (budget.0 / 20 / all).clamp(1, 20) as usize
    }

    /// An array that is known, made whole; and whether there is none smaller.
    fn known(&self, needed: &[bool], budget: Budget, rng: &mut Rng) -> Option<(Vec<Row>, bool)> {
        if !self.solver.has_no_rules() || !self.problem.stronger.is_empty() {
            return None;
        }
        let Strength::Ways(ways) = self.problem.strength else {
            return None;
        };
        let axes = self.problem.axes.len();
        let left: Vec<Vec<Level>> = (0..axes)
            .map(|axis| self.solver.base().levels(axis).collect())
            .collect();
        let levels = left.iter().map(Vec::len).max()?;
        let is_uniform = left.iter().all(|left| left.len() == levels);
        // Of axes that differ, the smaller ones leave much of the array unused.
        let most_alike = left.iter().filter(|left| left.len() == levels).count() * 2 >= axes;
        if !most_alike {
            return None;
        }
        let array = algebra::smallest(axes, levels, ways, budget, self.solver.meter(), rng, uniform)?;
        // What is found is made whole in any case.
        self.solver.meter().allow(u64::MAX);
        let mut greedy = Greedy::new(self.tuples, self.solver, self.weights, needed);
        let mut rows: Vec<Row> = Vec::new();
        for row in array {
            let own = row
                .iter()
                .zip(&left)
                .map(|(level, left)| left.get(usize::from((*level)?)).copied());
            let Some(row) = greedy.row(&own.collect(), 1, rng) else {
                continue;
            };
            greedy.cover(&row);
            rows.push(row);
        }
        let is_best =
            is_uniform && algebra::is_best(levels, ways) && greedy.still_needed().iter().all(|needed| !needed);
        rows.extend(greedy.rows(1, rng));
        (!self.solver.is_exhausted()).then_some((rows, is_best))
    }
}

/// No array has fewer rows: those combinations of one set of axes that are needed are in as many rows.
///
/// # Errors
/// That there are too many.
pub(super) fn lowest(tuples: &Tuples, needed: &[bool]) -> Result<usize, Failure> {
    let ends = tuples.subsets.iter().skip(1).map(|subset| subset.offset as usize);
    let each = tuples.subsets.iter().zip(ends.chain([tuples.len]));
    let counts = each.map(|(subset, end)| {
        let of_subset = needed[subset.offset as usize..end].iter();
        of_subset.filter(|needed| **needed).count()
    });
    let lowest = counts.max().unwrap_or_default();
    if lowest as u64 > MOST_ROWS {
        return Err(Failure::TooMany {
            found: lowest as u128,
            most: MOST_ROWS,
            of: "rows",
        });
    }
    Ok(lowest)
}

/// Rows for every pair of so many axes with as many levels each.
pub(super) fn uniform(axes: usize, levels: usize, budget: Budget, meter: &Meter, rng: &mut Rng) -> Vec<Row> {
    let problem = Problem::uniform(&vec![levels; axes], 2);
    let Ok(tuples) = Tuples::new(&problem) else {
        return Vec::new();
    };
    let all = vec![(0..levels as Level).collect(); axes];
    let own = Meter::new(u64::MAX);
    let solver = Solver::new(&problem, &all, Vec::new(), &own);
    let fill = Fill {
        problem: &problem,
        tuples: &tuples,
        solver: &solver,
        weights: &vec![vec![1; levels]; axes],
    };
    let rows = fill.rows(&vec![true; tuples.len], budget, rng).unwrap_or_default();
    meter.spend(own.spent());
    rows
}
