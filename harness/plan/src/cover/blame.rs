//! Which rules make something impossible.

use super::{
    problem::{Kind, Level, Partial, Problem},
    solver::Solver,
};

/// How many sets of rules are tried in search of a smaller one.
const TRIED: u64 = 20_000;

/// A smallest set of rules that allows no row with these levels; none if all rules together allow one. Of many rules it may be
/// one that is not the smallest, but has no rule that is not needed for it.
pub(super) fn blame(problem: &Problem, partial: &Partial) -> Option<Vec<usize>> {
    let all: Vec<usize> = (0..problem.rules.len()).collect();
    if feasible(problem, &all, partial) {
        return None;
    }
    let found = irreducible(problem, all.clone(), partial);
    let mut left = TRIED;
    for size in 0..found.len() {
        let sets = choose(all.len() as u64, size as u64);
        if sets > left {
            break;
        }
        left -= sets;
        let mut at: Vec<usize> = (0..size).collect();
        loop {
            if !feasible(problem, &at, partial) {
                return Some(at);
            }
            let Some(moves) = (0..size)
                .rev()
                .find(|position| at[*position] < all.len() - size + position)
            else {
                break;
            };
            at[moves] += 1;
            for position in moves + 1..size {
                at[position] = at[position - 1] + 1;
            }
        }
    }
    Some(found)
}

/// Without any rule that is not needed.
fn irreducible(problem: &Problem, mut rules: Vec<usize>, partial: &Partial) -> Vec<usize> {
    // Large pieces first: most of many rules have nothing to do with it.
    let mut piece = rules.len() / 2;
    while piece > 0 {
        let mut from = 0;
        while from < rules.len() {
            let to = (from + piece).min(rules.len());
            let without: Vec<usize> = rules[..from].iter().chain(&rules[to..]).copied().collect();
            if feasible(problem, &without, partial) {
                from = to;
            } else {
                rules = without;
            }
        }
        piece /= 2;
    }
    let mut from = 0;
    while from < rules.len() {
        let mut without = rules.clone();
        without.remove(from);
        if feasible(problem, &without, partial) {
            from += 1;
        } else {
            rules = without;
        }
    }
    rules
}

/// Whether some of the rules allow a row with these levels.
fn feasible(problem: &Problem, rules: &[usize], partial: &Partial) -> bool {
    let rules = rules.iter().map(|rule| &problem.rules[*rule]).collect();
    let solver = Solver::new(problem, &ordinary(problem), rules);
    let nothing = vec![None; partial.len()];
    // Each part of the rules is asked, whether or not it is about any of the levels.
    solver.feasible(&nothing) && solver.feasible(partial) && solver.complete(partial, &mut |_, _| {}).is_some()
}

/// The levels of rows that are not included from outside.
pub(super) fn ordinary(problem: &Problem) -> Vec<Vec<Level>> {
    problem
        .axes
        .iter()
        .map(|axis| axis.levels(|kind| kind != Kind::Extra))
        .collect()
}

fn choose(of: u64, some: u64) -> u64 {
    (0..some).fold(1, |all: u64, at| all.saturating_mul(of - at) / (at + 1))
}
