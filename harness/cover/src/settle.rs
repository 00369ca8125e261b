//! What rows leave open is given the heaviest value.

use super::{
    level::{Level, Row},
    solver::Solver,
    tuples::Tuples,
};

/// Changes every entry that nothing depends on to the heaviest level that the rules allow there.
pub(super) fn settle(tuples: &Tuples, solver: &Solver<'_>, weights: &[Vec<u32>], needed: &[bool], rows: &mut [Row]) {
    let alike = |weights: &Vec<u32>| weights.windows(2).all(|two| two[0] == two[1]);
    if weights.iter().all(alike) {
        return;
    }
    solver.spend((rows.len() * tuples.subsets.len() * 6) as u64);
    if solver.is_exhausted() {
        return;
    }
    let mut counts = vec![0_u32; tuples.len];
    for row in rows.iter() {
        tuples.subsets.iter().for_each(|subset| counts[subset.of_row(row)] += 1);
    }
    // A change can make room for another one. Each makes the whole heavier, so that there is an end.
    while !solver.is_exhausted() && pass(tuples, solver, weights, needed, rows, &mut counts) {}
}

/// What an entry costs, and each combination that it is in, in steps.
const NODE: u64 = 50;
const LOOK: u64 = 8;

/// Once over all entries. Whether any was changed.
fn pass(
    tuples: &Tuples,
    solver: &Solver<'_>,
    weights: &[Vec<u32>],
    needed: &[bool],
    rows: &mut [Row],
    counts: &mut [u32],
) -> bool {
    let mut changed = false;
    for row in rows {
        for axis in 0..row.len() {
            solver.spend(NODE + 3 * weights[axis].len() as u64);
            let heavy = |level: Level| weights[axis][usize::from(level)];
            let old = row[axis];
            let mut better: Vec<Level> = solver
                .base()
                .levels(axis)
                .filter(|level| heavy(*level) > heavy(old))
                .collect();
            better.sort_by_key(|level| std::cmp::Reverse(heavy(*level)));
            if better.is_empty() {
                continue;
            }
            solver.spend(LOOK * tuples.by_axis[axis].len() as u64 + better.len() as u64 * solver.cost(axis));
            if solver.is_exhausted() {
                return false;
            }
            let of_axis = || {
                tuples.by_axis[axis]
                    .iter()
                    .map(|(subset, _)| &tuples.subsets[*subset as usize])
            };
            let is_free = of_axis().all(|subset| {
                let tuple = subset.of_row(row);
                !needed[tuple] || counts[tuple] > 1
            });
            let Some(new) = better
                .into_iter()
                .find(|level| is_free && solver.may_change(row, axis, *level))
            else {
                continue;
            };
            of_axis().for_each(|subset| counts[subset.of_row(row)] -= 1);
            row[axis] = new;
            of_axis().for_each(|subset| counts[subset.of_row(row)] += 1);
            changed = true;
        }
    }
    changed
}
