//! What rows leave open is given the heaviest value, and rows that nothing depends on any more go.

use super::{
    level::{Level, Row},
    solver::Solver,
    tuples::Tuples,
};

/// Changes every entry that nothing depends on to the heaviest level that the rules allow there. A changed row can have what
/// another one was there for: that one is taken out.
pub(super) fn settle(tuples: &Tuples, solver: &Solver<'_>, weights: &[Vec<u32>], needed: &[bool], rows: &mut Vec<Row>) {
    let alike = |weights: &Vec<u32>| weights.windows(2).all(|two| two[0] == two[1]);
    let have_weights = !weights.iter().all(alike);
    solver.spend((rows.len() * tuples.subsets.len() * 6) as u64);
    if solver.is_exhausted() {
        return;
    }
    let mut counts = vec![0_u32; tuples.len];
    for row in rows.iter() {
        tuples.subsets.iter().for_each(|subset| counts[subset.of_row(row)] += 1);
    }
    // A change can make room for another one, and so can a row that goes. Each makes the whole heavier or smaller, so that there
    // is an end.
    while !solver.is_exhausted()
        && (have_weights && pass(tuples, solver, weights, needed, rows, &mut counts)
            || take_one(tuples, solver, needed, rows, &mut counts))
    {}
}

/// Takes out a row of which every needed combination is in another one, too. Whether there was any.
fn take_one(tuples: &Tuples, solver: &Solver<'_>, needed: &[bool], rows: &mut Vec<Row>, counts: &mut [u32]) -> bool {
    solver.spend(LOOK * (rows.len() * tuples.subsets.len()) as u64);
    if solver.is_exhausted() {
        return false;
    }
    let is_spare = |row: &Row| {
        tuples.subsets.iter().all(|subset| {
            let tuple = subset.of_row(row);
            !needed[tuple] || counts[tuple] > 1
        })
    };
    let Some(spare) = rows.iter().rposition(is_spare) else {
        return false;
    };
    let row = rows.remove(spare);
    tuples
        .subsets
        .iter()
        .for_each(|subset| counts[subset.of_row(&row)] -= 1);
    true
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
