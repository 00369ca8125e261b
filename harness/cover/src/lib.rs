//! Covering arrays: few rows that have every combination of values of each two, three or more axes.
//!
//! Pure and seeded: the same problem gives the same rows in the same order on every machine.
//!
//! A start is made row by row ([`greedy`]), or of an array that is known ([`algebra`]); then rows are taken out and the others
//! changed until they do again ([`anneal`]). What rules allow is told by a [`solver`], so that no combination is left out or taken
//! for possible by mistake. An independent check of all this is in `tests/cover`.

mod algebra;
mod anneal;
mod assemble;
mod blame;
mod board;
mod diagram;
mod domains;
pub mod file;
mod fill;
mod greedy;
mod level;
mod meter;
mod pairs;
mod prefer;
mod problem;
mod rule;
mod settle;
mod solver;
mod tuples;

use std::collections::HashSet;

use fastrand::Rng;

use self::{anneal::Budget, blame::blame, fill::Fill, greedy::Greedy, meter::Meter, solver::Solver, tuples::Tuples};
pub use self::{
    assemble::Asked,
    level::{Level, Partial, Row},
    prefer::cover_preferring,
    problem::{Axis, Choice, Effort, Failure, Kind, Problem, Strength, Stronger, What},
    rule::{Question, Rule},
};

/// How many rows there may be.
const MOST_ROWS: u64 = meshkat_model::limits::ROWS;

/// How many combinations of one set of axes are looked at, to find out which of them rules allow.
const MOST_LOOKED_AT: u64 = 10 * MOST_ROWS;

/// Rows that have every combination that the problem asks for and its rules allow. First come the seeds, then included rows, then
/// the others, those with a negative value last.
///
/// # Errors
/// A value, a seed or an included row that the rules make impossible; a rule without an answer; too many combinations; rules
/// that take more work than the effort is for.
pub fn cover(problem: &Problem, effort: Effort, seed: u64) -> Result<Vec<Row>, Failure> {
    counted(problem, effort, seed).0
}

/// As [`cover()`], and how many steps it took: never more than [`Effort::steps`].
pub fn counted(problem: &Problem, effort: Effort, seed: u64) -> (Result<Vec<Row>, Failure>, u64) {
    let meter = begin(problem, effort.steps());
    let rows = metered(problem, effort, seed, &meter);
    (rows, meter.spent())
}

/// A meter for so many steps, of a problem of which nothing is known yet.
fn begin(problem: &Problem, steps: u64) -> Meter {
    problem.rules.iter().for_each(Rule::forget);
    Meter::new(steps)
}

fn metered(problem: &Problem, effort: Effort, seed: u64, meter: &Meter) -> Result<Vec<Row>, Failure> {
    too_many(problem)?;
    meter.allow(effort.deciding());
    if let Some(failure) = impossible(problem, meter) {
        // Without an answer a rule counts as not held, which may be all that is wrong.
        return Err(unanswered(problem).unwrap_or(failure));
    }
    let rows = match problem.strength {
        Strength::Full => full(problem, meter)?,
        Strength::Ways(_) => by_strength(problem, effort, meter, &mut Rng::with_seed(seed))?,
    };
    unanswered(problem).map_or(Ok(rows), Err)
}

/// Rows of a problem that has some. The meter allows what it takes to decide; beyond that, the effort says.
fn by_strength(problem: &Problem, effort: Effort, meter: &Meter, rng: &mut Rng) -> Result<Vec<Row>, Failure> {
    if problem.axes.is_empty() {
        // Of no axes there is one combination.
        return Ok(vec![Row::new()]);
    }
    let tuples = Tuples::new(problem)?;
    let rules: Vec<&Rule> = problem.rules.iter().collect();
    let positive = levels(problem, |kind| kind == Kind::Positive);
    let with_negatives = levels(problem, |kind| kind != Kind::Extra);
    let is_negative = |axis: usize, level: Level| problem.kind(axis, level) == Kind::Negative;
    let has_negatives = positive != with_negatives;
    let weights: Vec<Vec<u32>> = problem
        .axes
        .iter()
        .map(|axis| axis.values.iter().map(|choice| choice.weight).collect())
        .collect();

    let without = Solver::new(problem, &positive, rules.clone(), meter);
    let with = Solver::new(problem, &with_negatives, rules, meter);
    let decided = |solver: &Solver<'_>| match solver.is_exhausted() {
        true => Err(unanswered(problem).unwrap_or(solver.too_hard())),
        false => Ok(()),
    };
    // First what rows without negative values can have, and then the rest.
    let mut needed = match without.feasible(&vec![None; problem.axes.len()]) {
        true => tuples.feasible(&without),
        false => vec![false; tuples.len],
    };
    decided(&without)?;
    let mut rest = vec![false; tuples.len];
    if has_negatives {
        rest = tuples.feasible(&with);
        rest.iter_mut().zip(&needed).for_each(|(rest, needed)| *rest &= !needed);
    }
    decided(&with)?;
    for needed in [&needed, &rest] {
        fill::lowest(&tuples, needed)?;
    }

    let rows = fixed(
        problem,
        &tuples,
        [&without, &with],
        &weights,
        [&mut needed, &mut rest],
        rng,
    );
    decided(&with)?;
    let mut rows = rows?;
    let later = if rest.contains(&true) { effort.deciding() } else { 0 };
    for (solver, needed, later) in [(&without, &needed, later), (&with, &rest, 0)] {
        let fill = Fill {
            problem,
            tuples: &tuples,
            solver,
            weights: &weights,
        };
        // What comes after it has to be decided, too.
        let improving = effort.improving().min(meter.left().saturating_sub(later));
        let mut more = fill.rows(needed, Budget(improving), rng)?;
        meter.allow(effort.deciding());
        settle::settle(&tuples, solver, &weights, needed, &mut more);
        more.sort_unstable();
        rows.extend(more);
        meter.allow(effort.deciding());
    }
    debug_assert!(rows.iter().all(|row| {
        let negatives = row
            .iter()
            .enumerate()
            .filter(|(axis, level)| is_negative(*axis, **level));
        negatives.count() <= 1
    }));
    Ok(rows)
}

/// The seeds and included rows, completed; and takes what they have out of what is needed.
fn fixed(
    problem: &Problem,
    tuples: &Tuples,
    solvers: [&Solver<'_>; 2],
    weights: &[Vec<u32>],
    needed: [&mut Vec<bool>; 2],
    rng: &mut Rng,
) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    let [mut positive, mut negative] = [0, 1].map(|at| Greedy::new(tuples, solvers[at], weights, needed[at]));
    let seeds = problem.seeds.iter().enumerate().map(|(at, row)| (What::Seed(at), row));
    let included = problem
        .include
        .iter()
        .enumerate()
        .map(|(at, row)| (What::Included(at), row));
    for (what, partial) in seeds.chain(included) {
        if solvers[1].is_exhausted() {
            return Err(solvers[1].too_hard());
        }
        let is_whole = partial.iter().all(Option::is_some);
        let has_negative = |row: &[Option<Level>]| {
            let mut set = row
                .iter()
                .enumerate()
                .filter_map(|(axis, level)| Some((axis, (*level)?)));
            set.any(|(axis, level)| problem.kind(axis, level) == Kind::Negative)
        };
        let tries = if is_whole { 1 } else { 10 };
        let row = match has_negative(partial) {
            true => negative.row(partial, tries, rng),
            // Some rows can only be completed with a negative value.
            false => positive
                .row(partial, tries, rng)
                .or_else(|| negative.row(partial, tries, rng)),
        };
        let row = row
            .filter(|row| solvers[1].holds(row))
            .ok_or_else(|| Failure::Impossible {
                what,
                blame: blame(problem, partial).unwrap_or_default(),
            })?;
        let set: Vec<Option<Level>> = row.iter().copied().map(Some).collect();
        if !has_negative(&set) {
            positive.cover(&row);
        }
        negative.cover(&row);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let [first, second] = needed;
    *first = positive.still_needed();
    *second = negative.still_needed();
    Ok(rows)
}

/// That there would be more rows than memory is for, which can be told by multiplying; or, where rules may leave fewer, more
/// combinations than anybody looks at.
fn too_many(problem: &Problem) -> Result<(), Failure> {
    let whole: Vec<usize> = (0..problem.axes.len()).collect();
    let sets = problem
        .stronger
        .iter()
        .map(|more| (more.axes.as_slice(), more.strength));
    let (most, of) = match problem.rules.is_empty() {
        true => (MOST_ROWS, "rows"),
        false => (MOST_LOOKED_AT, "combinations of values to look at"),
    };
    for (axes, strength) in sets.chain([(whole.as_slice(), problem.strength)]) {
        let together = match strength {
            // What rules leave of them is counted as it is found.
            Strength::Full if !problem.rules.is_empty() && axes.len() == problem.axes.len() => 0,
            Strength::Full => axes.len(),
            Strength::Ways(ways) => ways,
        };
        let mut sizes: Vec<(u128, u128)> = axes.iter().map(|axis| problem.sizes(*axis)).collect();
        sizes.sort_unstable_by_key(|(positive, negative)| std::cmp::Reverse(positive + negative));
        // So many without a negative value, and with one.
        let (without, with) =
            sizes
                .iter()
                .take(together)
                .fold((1_u128, 0_u128), |(without, with), (positive, negative)| {
                    let with = with
                        .saturating_mul(*positive)
                        .saturating_add(without.saturating_mul(*negative));
                    (without.saturating_mul(*positive), with)
                });
        let found = without.saturating_add(with);
        if found > u128::from(most) {
            return Err(Failure::TooMany { found, most, of });
        }
    }
    Ok(())
}

/// Every row that the rules allow. What they forbid is never unfolded: a row is begun only where it can be completed.
fn full(problem: &Problem, meter: &Meter) -> Result<Vec<Row>, Failure> {
    let ordinary = levels(problem, |kind| kind != Kind::Extra);
    let solver = Solver::new(problem, &ordinary, problem.rules.iter().collect(), meter);
    let nothing = vec![None; problem.axes.len()];
    let mut found = Rows {
        solver: &solver,
        ordinary: &ordinary,
        rows: Vec::new(),
        known: HashSet::new(),
    };
    for begun in problem.seeds.iter().chain(&problem.include).chain([&nothing]) {
        found.all(&mut begun.clone(), 0);
    }
    let rows = found.rows;
    if solver.is_exhausted() {
        return Err(unanswered(problem).unwrap_or(solver.too_hard()));
    }
    if rows.len() as u64 > MOST_ROWS {
        return Err(Failure::TooMany {
            found: rows.len() as u128,
            most: MOST_ROWS,
            of: "rows",
        });
    }
    Ok(rows)
}

/// What it costs to look at one level of one axis, in steps.
const NODE: u64 = 60;

/// The rows that were found; one too many tells that there are too many.
struct Rows<'a> {
    solver: &'a Solver<'a>,
    ordinary: &'a [Vec<Level>],
    rows: Vec<Row>,
    known: HashSet<Row>,
}

impl Rows<'_> {
    /// Adds the rows that have these levels, and any of the axes from this one on.
    fn all(&mut self, begun: &mut Partial, axis: usize) {
        if self.rows.len() as u64 > MOST_ROWS || !self.solver.spend(NODE) {
            return;
        }
        let Some(asked) = begun.get(axis).copied() else {
            let row: Row = begun.iter().flatten().copied().collect();
            self.solver.spend(self.solver.cost_of_row() + 10 * row.len() as u64);
            if self.solver.holds(&row) && self.known.insert(row.clone()) {
                self.rows.push(row);
            }
            return;
        };
        if asked.is_some() {
            return self.all(begun, axis + 1);
        }
        let ordinary = self.ordinary;
        for level in &ordinary[axis] {
            begun[axis] = Some(*level);
            // Where an axis is free, nothing that is said of it forbids anything.
            if self.solver.is_free(axis) || self.solver.feasible(begun) {
                self.all(begun, axis + 1);
            }
        }
        begun[axis] = None;
    }
}

/// Whether a row holds every rule, and has one negative value at the most.
pub fn holds(problem: &Problem, row: &[Level]) -> bool {
    let negatives = row
        .iter()
        .enumerate()
        .filter(|(axis, level)| problem.kind(*axis, **level) == Kind::Negative);
    negatives.count() <= 1 && problem.rules.iter().all(|rule| rule.holds(|axis| row[axis]))
}

/// All that the rules make impossible: everything, or values in their order and then the seeds and included rows.
///
/// # Errors
/// Rules that take more work than the effort is for, or that have no answer.
pub fn all_impossible(problem: &Problem, effort: Effort) -> Result<Vec<What>, Failure> {
    let meter = begin(problem, effort.deciding());
    let found = find_impossible(problem, &meter, usize::MAX);
    let found = found.map_err(|failure| unanswered(problem).unwrap_or(failure))?;
    unanswered(problem).map_or_else(|| Ok(found.into_iter().map(|(what, _)| what).collect()), Err)
}

/// What the rules make impossible, if anything: everything, or a value, or a row that must be there.
fn impossible(problem: &Problem, meter: &Meter) -> Option<Failure> {
    let found = match find_impossible(problem, meter, 1) {
        Ok(found) => found,
        Err(failure) => return Some(failure),
    };
    let (what, partial) = found.into_iter().next()?;
    let blame = blame(problem, &partial).unwrap_or_default();
    Some(Failure::Impossible { what, blame })
}

/// What the rules make impossible, and its levels; so many at the most.
fn find_impossible(problem: &Problem, meter: &Meter, most: usize) -> Result<Vec<(What, Partial)>, Failure> {
    let ordinary = blame::ordinary(problem);
    let solver = Solver::new(problem, &ordinary, problem.rules.iter().collect(), meter);
    let mut partial: Partial = vec![None; problem.axes.len()];
    let mut all = Vec::new();
    // What was not found may be there where not all was looked at.
    let fails = |what: What, partial: &Partial| match solver.is_exhausted() {
        true => Err(solver.too_hard()),
        false => Ok((what, partial.clone())),
    };
    if !solver.feasible(&partial) {
        return Ok(vec![fails(What::Everything, &partial)?]);
    }
    // A row that was found for one value tells of others that they are possible, too.
    let mut known: Vec<Vec<bool>> = problem.axes.iter().map(|axis| vec![false; axis.values.len()]).collect();
    let mut found = 0;
    for (axis, levels) in ordinary.into_iter().enumerate() {
        for level in levels {
            if solver.is_free(axis) || known[axis][usize::from(level)] {
                continue;
            }
            partial[axis] = Some(level);
            let row = solver.complete(&partial, &mut |axis, levels| tuples::varied(axis, found, levels));
            let Some(row) = row else {
                all.push(fails(What::Value(axis, level), &partial)?);
                if all.len() >= most {
                    return Ok(all);
                }
                continue;
            };
            found += 1;
            solver.spend(row.len() as u64 * 2);
            for (known, level) in known.iter_mut().zip(row) {
                known[usize::from(level)] = true;
            }
        }
        partial[axis] = None;
    }
    let seeds = problem.seeds.iter().enumerate().map(|(at, row)| (What::Seed(at), row));
    let included = problem
        .include
        .iter()
        .enumerate()
        .map(|(at, row)| (What::Included(at), row));
    for (what, partial) in seeds.chain(included) {
        if !solver.feasible(partial) {
            all.push(fails(what, partial)?);
            if all.len() >= most {
                break;
            }
        }
    }
    Ok(all)
}

fn unanswered(problem: &Problem) -> Option<Failure> {
    problem.rules.iter().enumerate().find_map(|(number, rule)| {
        let (levels, message) = rule.trouble()?;
        Some(Failure::Unanswered {
            rule: number,
            values: rule.scope().iter().copied().zip(levels).collect(),
            message,
        })
    })
}

fn levels(problem: &Problem, of: impl Fn(Kind) -> bool + Copy) -> Vec<Vec<Level>> {
    problem.axes.iter().map(|axis| axis.levels(of)).collect()
}
