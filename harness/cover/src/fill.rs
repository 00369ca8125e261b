//! Rows for what is needed: a start, and then fewer.

use fastrand::Rng;

use super::{
    MOST_ROWS, algebra,
    anneal::{Budget, Guard, SOLVED, reduce},
    board::Many,
    greedy::Greedy,
    pairs::Pairs,
    problem::{Effort, Failure, Level, Problem, Row, Strength},
    solver::Solver,
    tuples::Tuples,
};

/// What a general board may keep.
const MOST_KEPT: usize = 40_000_000;

impl Effort {
    pub(super) fn budget(self) -> Budget {
        Budget(match self {
            Self::Quick => 12_000_000,
            Self::Default => 800_000_000,
            Self::High => 30_000_000_000,
        })
    }
}

impl Effort {
    /// How many looks at a table it may take to tell what the rules allow: about a second, some seconds, a minute.
    pub(super) fn looks(self) -> u64 {
        match self {
            Self::Quick => 60_000_000,
            Self::Default => 300_000_000,
            Self::High => 6_000_000_000,
        }
    }
}

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
            return Err(Failure::TooHard);
        }
        if start.len() as u64 > MOST_ROWS {
            return Err(Failure::TooMany {
                found: start.len() as u128,
                most: MOST_ROWS,
                of: "rows",
            });
        }
        self.solver.allow(u64::MAX);
        let lower = self.lower(needed);
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
        let reduced = if Pairs::fits(self.tuples, sizes.iter().sum(), start.len()) {
            reduce(
                &mut Pairs::new(self.tuples, needed, &sizes, start),
                &guard,
                lower,
                budget,
                rng,
            )
        } else if Many::size(self.tuples, start.len()) <= MOST_KEPT && start.len() <= usize::from(u16::MAX / 2) {
            reduce(&mut Many::new(self.tuples, needed, start), &guard, lower, budget, rng)
        } else {
            start
        };
        Ok(reduced)
    }

    /// No array has fewer rows: those combinations of one set of axes that are needed are in as many rows.
    fn lower(&self, needed: &[bool]) -> usize {
        let ends = self.tuples.subsets.iter().skip(1).map(|subset| subset.offset as usize);
        let ends = ends.chain([self.tuples.len]);
        let each = self.tuples.subsets.iter().zip(ends);
        each.map(|(subset, end)| {
            needed[subset.offset as usize..end]
                .iter()
                .filter(|needed| **needed)
                .count()
        })
        .max()
        .unwrap_or_default()
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
        let asked: u64 = asked
            .map(|axis| (self.solver.cost(axis) + SOLVED).max(self.solver.cost_of_search(axis)))
            .sum();
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
        let uniform = left.iter().all(|left| left.len() == levels);
        // Of axes that differ, the smaller ones leave much of the array unused.
        let most_alike = left.iter().filter(|left| left.len() == levels).count() * 2 >= axes;
        if !most_alike {
            return None;
        }
        let array = algebra::smallest(axes, levels, ways, budget, rng)?;
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
        let is_best = uniform && algebra::is_best(levels, ways) && greedy.still_needed().iter().all(|needed| !needed);
        rows.extend(greedy.rows(1, rng));
        Some((rows, is_best))
    }
}

/// Rows for every pair of so many axes with as many levels each.
pub(super) fn uniform(axes: usize, levels: usize, budget: Budget, rng: &mut Rng) -> Vec<Row> {
    let problem = Problem::uniform(&vec![levels; axes], 2);
    let Ok(tuples) = Tuples::new(&problem) else {
        return Vec::new();
    };
    let all = vec![(0..levels as Level).collect(); axes];
    let solver = Solver::new(&problem, &all, Vec::new());
    let fill = Fill {
        problem: &problem,
        tuples: &tuples,
        solver: &solver,
        weights: &vec![vec![1; levels]; axes],
    };
    fill.rows(&vec![true; tuples.len], budget, rng).unwrap_or_default()
}
