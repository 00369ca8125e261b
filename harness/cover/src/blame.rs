//! Which rules make something impossible.

use std::cell::Cell;

use super::{
    level::{Level, Partial},
    meter::Meter,
    problem::{Kind, Problem},
    rule::Rule,
    solver::Solver,
};

/// How many sets of rules are tried in search of a smaller one.
const TRIED: u64 = 20_000;

/// Steps that the search takes. Beyond them what was found so far is told, which may have rules too many.
const STEPS: u64 = 200_000_000;

/// A smallest set of rules that allows no row with these levels; none if all rules together allow one. Of many rules it may be
/// one that is not the smallest, but has no rule that is not needed for it; of rules that take too much work, all of them.
pub(super) fn blame(problem: &Problem, partial: &Partial) -> Option<Vec<usize>> {
    let all: Vec<usize> = (0..problem.rules.len()).collect();
    let left = Cell::new(STEPS);
    let feasible = |rules: &[usize]| feasible(problem, rules, partial, &left);
    if feasible(&all) {
        // Where it could not be told any more, whoever asks knows it already.
        return (left.get() == 0).then_some(all);
    }
    let found = irreducible(all.clone(), &feasible);
    let mut tries = TRIED;
    for size in 0..found.len() {
        let sets = choose(all.len() as u64, size as u64);
        if sets > tries {
            break;
        }
        tries -= sets;
        let mut at: Vec<usize> = (0..size).collect();
        loop {
            if !feasible(&at) {
                return Some(at);
            }
            if left.get() == 0 {
                return Some(found);
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
fn irreducible(mut rules: Vec<usize>, feasible: &dyn Fn(&[usize]) -> bool) -> Vec<usize> {
    // Large pieces first: most of many rules have nothing to do with it.
    let mut piece = rules.len() / 2;
    while piece > 0 {
        let mut from = 0;
        while from < rules.len() {
            let to = (from + piece).min(rules.len());
            let without: Vec<usize> = rules[..from].iter().chain(&rules[to..]).copied().collect();
            if feasible(&without) {
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
        if feasible(&without) {
            from += 1;
        } else {
            rules = without;
        }
    }
    rules
}

/// Whether some of the rules allow a row with these levels. Where it takes more steps than there are left, they do: they are then
/// not to blame.
fn feasible(problem: &Problem, rules: &[usize], partial: &Partial, left: &Cell<u64>) -> bool {
    if left.get() == 0 {
        return true;
    }
    let rules: Vec<&Rule> = rules.iter().map(|rule| &problem.rules[*rule]).collect();
    let named: usize = rules.iter().map(|rule| rule.scope().len()).sum();
    let meter = Meter::new(left.get());
    meter.spend(MADE + 60 * problem.axes.len() as u64 + 30 * named as u64);
    let solver = Solver::new(problem, &ordinary(problem), rules, &meter);
    let nothing = vec![None; partial.len()];
    // Each part of the rules is asked, whether or not it is about any of the levels.
    let found = solver.feasible(&nothing) && solver.complete(partial, &mut |_, _| {}).is_some();
    left.set(if meter.is_exhausted() { 0 } else { meter.left() });
    found || meter.is_exhausted()
}

/// What it costs to make a solver, beside what its axes and rules cost, in steps.
const MADE: u64 = 1_000;

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
