//! Rows of one kind before all others: those that can run before those that cannot.

use fastrand::Rng;

use super::{
    begin, blame, by_strength, impossible,
    level::{Partial, Row},
    meter::Meter,
    problem::{Effort, Failure, Problem},
    rule::Rule,
    solver::Solver,
    too_many, unanswered,
};

/// Rows as of [`cover`](super::cover()), of which those come first for which `preferred` holds. They have every combination that
/// such a row can have. The others are as few as have what is left, so that each of them has a combination that no preferred
/// row can have.
///
/// # Errors
/// Those of [`cover`](super::cover()); `preferred` is none.
pub fn cover_preferring(
    problem: &mut Problem,
    preferred: Rule,
    effort: Effort,
    seed: u64,
) -> Result<Vec<Row>, Failure> {
    too_many(problem)?;
    let meter = begin(problem, effort.steps());
    meter.allow(effort.deciding());
    if let Some(failure) = impossible(problem, &meter) {
        return Err(unanswered(problem).unwrap_or(failure));
    }
    let (seeds, include) = (problem.seeds.clone(), problem.include.clone());
    problem.rules.push(preferred);
    let first = preferred_rows(problem, effort, &meter, seed);
    problem.rules.pop();
    let first = first?;
    let in_none = |partial: &&Partial| !first.iter().any(|row| has(row, partial));
    let whole = first.iter().map(|row| row.iter().copied().map(Some).collect());
    problem.seeds = whole.chain(seeds.iter().filter(in_none).cloned()).collect();
    problem.include = include.iter().filter(in_none).cloned().collect();
    let rows = by_strength(problem, effort, &meter, &mut Rng::with_seed(seed));
    (problem.seeds, problem.include) = (seeds, include);
    unanswered(problem).map_or(rows, Err)
}

/// The preferred rows, of a problem that has the preference as a rule. Seeds and included rows that it makes impossible are
/// left out.
fn preferred_rows(problem: &mut Problem, effort: Effort, meter: &Meter, seed: u64) -> Result<Vec<Row>, Failure> {
    let nothing: Partial = vec![None; problem.axes.len()];
    let solver = Solver::new(
        problem,
        &blame::ordinary(problem),
        problem.rules.iter().collect(),
        meter,
    );
    let whole = |partial: &Partial| solver.complete(partial, &mut |_, _| {});
    if whole(&nothing).is_none() {
        if solver.is_exhausted() {
            return Err(solver.too_hard());
        }
        // Values from outside can make a row preferred where no others do.
        let asked = problem.seeds.iter().chain(&problem.include);
        return Ok(asked.filter_map(whole).collect());
    }
    let possible = |rows: &[Partial]| rows.iter().filter(|row| whole(row).is_some()).cloned().collect();
    let (seeds, include) = (possible(&problem.seeds), possible(&problem.include));
    if solver.is_exhausted() {
        return Err(solver.too_hard());
    }
    (problem.seeds, problem.include) = (seeds, include);
    by_strength(problem, effort, meter, &mut Rng::with_seed(seed))
}

fn has(row: &Row, partial: &Partial) -> bool {
    let mut levels = row.iter().zip(partial);
    levels.all(|(level, asked)| asked.is_none_or(|asked| asked == *level))
}
