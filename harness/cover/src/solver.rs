//! Which partial rows can be completed: backtracking over finite domains, with propagation.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use super::{
    domains::Domains,
    problem::{Kind, Level, Partial, Problem, Row},
    rule::Rule,
};

/// A rule is propagated when so few combinations of its axes are left.
const FEW: usize = 4096;

/// And one that has no table, since each answer takes long.
const VERY_FEW: usize = 32;

/// What a step of a search costs beside what it looks at: it takes memory and gives it back.
const STEP: u64 = 50;

/// How many levels the answers that are kept may have in all.
const KEPT: usize = 1 << 21;

/// The rules, and the levels that rows may have.
pub(super) struct Solver<'a> {
    base: Domains,
    rules: Vec<&'a Rule>,
    by_axis: Vec<Vec<usize>>,
    /// The axes that have no level at all.
    empty: Vec<usize>,
    /// For each axis, which of its levels are negative; nothing where no level of any axis can be.
    negative: Vec<Vec<bool>>,
    /// The part of each axis, if any rule is about it.
    part: Vec<Option<usize>>,
    parts: Vec<Part>,
    known: RefCell<HashMap<Vec<(u16, Level)>, bool>>,
    /// The levels of the answers that are kept.
    kept: Cell<usize>,
    /// What was done so far, in looks at a table.
    spent: Cell<u64>,
    /// What may be done. Beyond it nothing is found any more.
    limit: Cell<u64>,
}

/// Axes that rules connect. What one part has says nothing about another.
#[derive(Debug, Default)]
struct Part {
    axes: Vec<usize>,
    rules: Vec<usize>,
    negative: bool,
}

/// Orders the levels that an axis may get, the first to be tried coming first.
pub(super) type Prefer<'a> = dyn FnMut(usize, &mut Vec<Level>) + 'a;

impl<'a> Solver<'a> {
    /// A solver for rows of these levels.
    pub(super) fn new(problem: &'a Problem, levels: &[Vec<Level>], rules: Vec<&'a Rule>) -> Self {
        let axes = problem.axes.len();
        let most = problem.axes.iter().map(|axis| axis.values.len()).max().unwrap_or(1);
        let is_negative = |axis: usize, level: Level| problem.kind(axis, level) == Kind::Negative;
        let any_negative = |axis: &usize| levels[*axis].iter().any(|level| is_negative(*axis, *level));
        let with_negatives: Vec<usize> = (0..axes).filter(any_negative).collect();
        let mut by_axis = vec![Vec::new(); axes];
        for (number, rule) in rules.iter().enumerate() {
            for axis in rule.scope() {
                by_axis[*axis].push(number);
            }
        }
        let connected = rules.iter().map(|rule| rule.scope()).chain([with_negatives.as_slice()]);
        let (part, mut parts) = parts(axes, connected);
        for (number, rule) in rules.iter().enumerate() {
            // A rule about nothing is of no part; it is looked at by itself.
            if let Some(part) = rule.scope().first().and_then(|axis| part[*axis]) {
                parts[part].rules.push(number);
            }
        }
        let mut negative = Vec::new();
        if let Some(part) = with_negatives.first().and_then(|axis| part[*axis]) {
            parts[part].negative = true;
            let of_axis =
                |axis: usize| (0..problem.axes[axis].values.len()).map(move |level| is_negative(axis, level as Level));
            negative = (0..axes).map(|axis| of_axis(axis).collect()).collect();
        }
        Self {
            base: Domains::new(levels, most),
            rules,
            by_axis,
            empty: (0..axes).filter(|axis| levels[*axis].is_empty()).collect(),
            negative,
            part,
            parts,
            known: RefCell::default(),
            kept: Cell::default(),
            spent: Cell::default(),
            limit: Cell::new(u64::MAX),
        }
    }

    /// Lets it do so much more, in looks at a table, and no more than that. Numbers of looks, and never the clock, so that an
    /// answer is the same on every machine.
    pub(super) fn allow(&self, more: u64) {
        self.limit.set(self.spent.get().saturating_add(more));
    }

    /// Counts what is done, here or by whoever asks. Whether it may still be.
    pub(super) fn spend(&self, looks: u64) -> bool {
        self.spent.set(self.spent.get().saturating_add(looks));
        !self.is_exhausted()
    }

    /// What was done so far, in looks at a table.
    pub(super) fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// Whether it has done all that it may. What was not found since then may be there all the same.
    pub(super) fn is_exhausted(&self) -> bool {
        self.spent.get() > self.limit.get()
    }

    /// Whether no rule is about this axis.
    pub(super) fn is_free(&self, axis: usize) -> bool {
        self.part[axis].is_none()
    }

    /// Whether there are no rules at all.
    pub(super) fn has_no_rules(&self) -> bool {
        self.parts.is_empty()
    }

    /// The levels that rows may have.
    pub(super) fn base(&self) -> &Domains {
        &self.base
    }

    /// Whether a row that has these levels can be completed, as far as rules about these axes go: whether there is a row at
    /// all is asked with nothing set.
    pub(super) fn feasible(&self, partial: &Partial) -> bool {
        if self.empty.iter().any(|axis| partial[*axis].is_none()) {
            return false;
        }
        let nothing = partial.iter().all(Option::is_none);
        if nothing
            && self
                .rules
                .iter()
                .any(|rule| rule.scope().is_empty() && !rule.holds(|_| 0))
        {
            return false;
        }
        self.parts.iter().enumerate().all(|(number, part)| {
            let key: Vec<(u16, Level)> = part
                .axes
                .iter()
                .filter_map(|axis| Some((*axis as u16, partial[*axis]?)))
                .collect();
            if key.is_empty() && !nothing {
                return true;
            }
            let known = self.known.borrow().get(&key).copied().filter(|_| !key.is_empty());
            known.unwrap_or_else(|| {
                let found = self.search_part(number, partial, &mut |_, _| {}).is_some();
                if self.is_exhausted() {
                    return false;
                }
                let mut known = self.known.borrow_mut();
                if self.kept.get() >= KEPT {
                    known.clear();
                    self.kept.set(0);
                }
                // What an entry itself takes counts, too.
                self.kept.set(self.kept.get() + key.len() + 16);
                known.insert(key, found);
                found
            })
        })
    }

    /// A whole row that has these levels, as `prefer` would have it.
    pub(super) fn complete(&self, partial: &Partial, prefer: &mut Prefer<'_>) -> Option<Row> {
        let mut row: Vec<Option<Level>> = partial.clone();
        for number in 0..self.parts.len() {
            let domains = self.search_part(number, partial, prefer)?;
            for axis in &self.parts[number].axes {
                row[*axis] = domains.only(*axis);
            }
        }
        let free = row.into_iter().enumerate().map(|(axis, level)| {
            level.or_else(|| {
                let mut levels: Vec<Level> = self.base.levels(axis).collect();
                prefer(axis, &mut levels);
                levels.first().copied()
            })
        });
        free.collect()
    }

    /// What [`Solver::may_change`] costs for an axis, about, in looks at a table.
    pub(super) fn cost(&self, axis: usize) -> u64 {
        self.by_axis[axis].iter().map(|rule| self.rules[*rule].cost()).sum()
    }

    /// What a question about a level of an axis costs, about, in looks at a table: the rules of the axis are gone through.
    pub(super) fn cost_of_search(&self, axis: usize) -> u64 {
        let of_rule = |rule: &usize| {
            let scope = self.rules[*rule].scope();
            let all = scope.iter().try_fold(1_usize, |all, axis| {
                all.checked_mul(self.base.len(*axis).max(1)).filter(|all| *all <= FEW)
            });
            all.unwrap_or(1) as u64 * scope.len() as u64
        };
        self.by_axis[axis].iter().map(of_rule).sum()
    }

    /// Whether a whole row holds every rule.
    pub(super) fn holds(&self, row: &[Level]) -> bool {
        self.rules.iter().all(|rule| rule.holds(|axis| row[axis])) && self.negatives(row, None) <= 1
    }

    /// Whether a row that holds still does so with another level of one axis.
    pub(super) fn may_change(&self, row: &[Level], axis: usize, new: Level) -> bool {
        let level = |of: usize| if of == axis { new } else { row[of] };
        self.by_axis[axis].iter().all(|rule| self.rules[*rule].holds(level))
            && (self.negative.is_empty() || self.negatives(row, Some((axis, new))) <= 1)
    }

    fn negatives(&self, row: &[Level], but: Option<(usize, Level)>) -> usize {
        let level = |axis: usize| match but {
            Some((of, new)) if of == axis => new,
            _ => row[axis],
        };
        let all = self.negative.iter().enumerate();
        all.filter(|(axis, negative)| negative[usize::from(level(*axis))])
            .count()
    }

    fn search_part(&self, number: usize, partial: &Partial, prefer: &mut Prefer<'_>) -> Option<Domains> {
        if !self.spend(self.base.size() + STEP) {
            return None;
        }
        let part = &self.parts[number];
        let mut domains = self.base.clone();
        for axis in &part.axes {
            if let Some(level) = partial[*axis] {
                domains.set(*axis, level);
            }
        }
        self.search(part, domains, prefer)
    }

    fn search(&self, part: &Part, mut domains: Domains, prefer: &mut Prefer<'_>) -> Option<Domains> {
        if !self.spend(domains.size() + STEP) || !self.propagate(part, &mut domains) {
            return None;
        }
        let open = part.axes.iter().filter(|axis| domains.len(**axis) > 1);
        let Some(&axis) = open.min_by_key(|axis| domains.len(**axis)) else {
            return Some(domains);
        };
        let mut levels: Vec<Level> = domains.levels(axis).collect();
        prefer(axis, &mut levels);
        levels.into_iter().find_map(|level| {
            if self.is_exhausted() {
                return None;
            }
            let mut narrower = domains.clone();
            narrower.set(axis, level);
            self.search(part, narrower, prefer)
        })
    }

    /// Takes out what no row can have, as far as single rules tell. False if an axis has nothing left.
    fn propagate(&self, part: &Part, domains: &mut Domains) -> bool {
        let mut waiting = part.rules.clone();
        let mut is_waiting = vec![false; self.rules.len()];
        for rule in &waiting {
            is_waiting[*rule] = true;
        }
        if part.axes.iter().any(|axis| domains.len(*axis) == 0) {
            return false;
        }
        let mut negatives_told = None;
        loop {
            if part.negative {
                let only_negative = |axis: &&usize| {
                    domains
                        .levels(**axis)
                        .all(|level| self.negative[**axis][usize::from(level)])
                };
                let mut there = part.axes.iter().filter(only_negative).copied();
                let first = there.next();
                if there.next().is_some() {
                    return false;
                }
                if first != negatives_told {
                    negatives_told = first;
                    for axis in part.axes.iter().filter(|axis| Some(**axis) != first) {
                        let before = domains.len(*axis);
                        for (level, _) in self.negative[*axis]
                            .iter()
                            .enumerate()
                            .filter(|(_, negative)| **negative)
                        {
                            domains.remove(*axis, level as Level);
                        }
                        if domains.len(*axis) < before {
                            self.wake(*axis, usize::MAX, &mut waiting, &mut is_waiting);
                        }
                    }
                }
            }
            let Some(number) = waiting.pop() else { return true };
            if !self.spend(5) {
                return false;
            }
            is_waiting[number] = false;
            let Some(narrower) = self.narrow(number, domains) else {
                return false;
            };
            for axis in narrower {
                self.wake(axis, number, &mut waiting, &mut is_waiting);
            }
        }
    }

    fn wake(&self, axis: usize, but: usize, waiting: &mut Vec<usize>, is_waiting: &mut [bool]) {
        for rule in &self.by_axis[axis] {
            if *rule != but && !is_waiting[*rule] {
                is_waiting[*rule] = true;
                waiting.push(*rule);
            }
        }
    }

    /// Takes out of the rule's axes what it forbids. Gives back the axes that have less than before; none if nothing is left.
    fn narrow(&self, number: usize, domains: &mut Domains) -> Option<Vec<usize>> {
        let rule = self.rules[number];
        let scope = rule.scope();
        if let Some(levels) = rule.forbidden() {
            let mut open = None;
            for (axis, level) in scope.iter().zip(levels) {
                if !domains.has(*axis, *level) {
                    return Some(Vec::new());
                }
                if domains.len(*axis) > 1 && open.replace((*axis, *level)).is_some() {
                    return Some(Vec::new());
                }
            }
            let (axis, level) = open?;
            domains.remove(axis, level);
            return Some(vec![axis]);
        }
        let left: Vec<Vec<Level>> = scope.iter().map(|axis| domains.levels(*axis).collect()).collect();
        let few = if rule.is_quick() { FEW } else { VERY_FEW };
        let combinations = left.iter().try_fold(1, |all: usize, levels| {
            all.checked_mul(levels.len()).filter(|all| *all <= few)
        });
        if combinations.is_none() {
            return Some(Vec::new());
        }
        self.spend(combinations.unwrap_or_default() as u64 * scope.len() as u64 + STEP);
        let before = rule.spent_on_questions();
        let mut supported: Vec<Vec<bool>> = left.iter().map(|levels| vec![false; levels.len()]).collect();
        let mut at = vec![0; scope.len()];
        let mut levels: Vec<Level> = left.iter().map(|levels| levels[0]).collect();
        for _ in 0..combinations.unwrap_or_default() {
            if rule.allows(&levels) {
                for (supported, at) in supported.iter_mut().zip(&at) {
                    supported[*at] = true;
                }
            }
            for position in (0..at.len()).rev() {
                at[position] = (at[position] + 1) % left[position].len();
                levels[position] = left[position][at[position]];
                if at[position] > 0 {
                    break;
                }
            }
        }
        if !self.spend(rule.spent_on_questions() - before) {
            return None;
        }
        let mut narrower = Vec::new();
        for ((axis, levels), supported) in scope.iter().zip(&left).zip(&supported) {
            let mut less = false;
            for (level, _) in levels.iter().zip(supported).filter(|(_, supported)| !**supported) {
                domains.remove(*axis, *level);
                less = true;
            }
            if domains.len(*axis) == 0 {
                return None;
            }
            if less {
                narrower.push(*axis);
            }
        }
        Some(narrower)
    }
}

/// Which part each axis is of, and the parts: axes that any of the sets has together are of one.
fn parts<'s>(axes: usize, sets: impl Iterator<Item = &'s [usize]>) -> (Vec<Option<usize>>, Vec<Part>) {
    let mut leader: Vec<usize> = (0..axes).collect();
    let mut named = vec![false; axes];
    fn find(leader: &mut [usize], mut axis: usize) -> usize {
        while leader[axis] != axis {
            leader[axis] = leader[leader[axis]];
            axis = leader[axis];
        }
        axis
    }
    for set in sets {
        for axis in set {
            named[*axis] = true;
            let (one, other) = (find(&mut leader, set[0]), find(&mut leader, *axis));
            leader[other.max(one)] = other.min(one);
        }
    }
    let mut part: Vec<Option<usize>> = vec![None; axes];
    let mut parts: Vec<Part> = Vec::new();
    for axis in (0..axes).filter(|axis| named[*axis]) {
        // The leader is the first of its set.
        let first = find(&mut leader, axis);
        let number = part[first].unwrap_or_else(|| {
            parts.push(Part::default());
            parts.len() - 1
        });
        part[axis] = Some(number);
        parts[number].axes.push(axis);
    }
    (part, parts)
}
