//! Which partial rows can be completed: backtracking over finite domains, with propagation.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use super::{
    diagram::Walk,
    domains::Domains,
    level::{Level, Partial, Row},
    meter::Meter,
    problem::{Failure, Kind, Problem},
    rule::Rule,
};

/// A rule that has to be asked is propagated when so few combinations of its axes are left.
const FEW: usize = 32;

/// What a node of a search costs beside what it looks at: it takes memory and gives it back.
const NODE: u64 = 220;

/// What it costs to hold a rule against what is left of its axes, beside what is looked at.
const RULE: u64 = 40;

/// What it costs to look at an edge of a rule's graph.
const EDGE: u64 = 5;

/// What it costs to look up whether an answer is known.
const LOOKED_UP: u64 = 200;

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
    /// What is kept from one walk over a rule's graph to the next.
    walk: RefCell<Walk>,
    /// What each rule took.
    taken: RefCell<Vec<u64>>,
    /// Beyond its limit nothing is found any more.
    meter: &'a Meter,
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
    pub(super) fn new(problem: &'a Problem, levels: &[Vec<Level>], rules: Vec<&'a Rule>, meter: &'a Meter) -> Self {
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
        let taken = RefCell::new(vec![0; rules.len()]);
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
            walk: RefCell::default(),
            taken,
            meter,
        }
    }

    /// What counts its work.
    pub(super) fn meter(&self) -> &'a Meter {
        self.meter
    }

    /// That it ended before it could tell.
    pub(super) fn too_hard(&self) -> Failure {
        let taken = self.taken.borrow();
        let most = taken.iter().enumerate().filter(|(_, taken)| **taken > 0);
        // Of several that took the same, the first that was written.
        let most = most.max_by_key(|(rule, taken)| (**taken, std::cmp::Reverse(*rule)));
        self.meter.too_hard(most.map(|(rule, _)| rule))
    }

    /// Counts what is done, here or by whoever asks. Whether it may still be.
    pub(super) fn spend(&self, steps: u64) -> bool {
        self.meter.spend(steps)
    }

    /// Whether it has done all that it may. What was not found since then may be there all the same.
    pub(super) fn is_exhausted(&self) -> bool {
        self.meter.is_exhausted()
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
        self.feasible_near(partial, &mut vec![None; partial.len()])
    }

    /// As [`Solver::feasible`], for one partial row after the other, each with little more than the one before: `near` is what
    /// was found for that one, of which nothing has to be asked again.
    pub(super) fn feasible_near(&self, partial: &Partial, near: &mut Partial) -> bool {
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
        (0..self.parts.len()).all(|number| self.feasible_part(number, partial, near, nothing))
    }

    fn feasible_part(&self, number: usize, partial: &Partial, near: &mut Partial, nothing: bool) -> bool {
        let part = &self.parts[number];
        self.spend(part.axes.len() as u64);
        if !nothing && part.axes.iter().all(|axis| partial[*axis].is_none()) {
            return true;
        }
        let is_near = |axis: &usize| near[*axis].is_some_and(|level| partial[*axis].is_none_or(|asked| asked == level));
        if part.axes.iter().all(is_near) {
            return true;
        }
        let key: Vec<(u16, Level)> = part
            .axes
            .iter()
            .filter_map(|axis| Some((*axis as u16, partial[*axis]?)))
            .collect();
        self.spend(LOOKED_UP + 5 * key.len() as u64);
        let known = self.known.borrow().get(&key).copied().filter(|_| !key.is_empty());
        if let Some(known) = known {
            return known;
        }
        let mut as_near = |axis: usize, levels: &mut Vec<Level>| {
            if let Some(at) = levels.iter().position(|level| Some(*level) == near[axis]) {
                levels.swap(0, at);
            }
        };
        let found = self.search_part(number, partial, &mut as_near);
        if self.is_exhausted() {
            return false;
        }
        if let Some(domains) = &found {
            for axis in &part.axes {
                near[*axis] = domains.only(*axis);
            }
        }
        let mut known = self.known.borrow_mut();
        if self.kept.get() >= KEPT {
            known.clear();
            self.kept.set(0);
        }
        // What an entry itself takes counts, too.
        self.kept.set(self.kept.get() + key.len() + 16);
        known.insert(key, found.is_some());
        found.is_some()
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

    /// A row that has these levels, and of whatever else a row has that holds as much as rules then allow.
    pub(super) fn changed(&self, before: &Row, partial: &Partial) -> Option<Row> {
        let mut row = before.clone();
        for (level, asked) in row.iter_mut().zip(partial) {
            *level = asked.unwrap_or(*level);
        }
        self.spend(4 * row.len() as u64);
        for (number, part) in self.parts.iter().enumerate() {
            // What is said of other axes holds as it did.
            if part.axes.iter().all(|axis| row[*axis] == before[*axis]) {
                continue;
            }
            let domains = self.changed_part(number, before, partial)?;
            for axis in &part.axes {
                row[*axis] = domains.only(*axis)?;
            }
        }
        Some(row)
    }

    fn changed_part(&self, number: usize, before: &Row, partial: &Partial) -> Option<Domains> {
        let part = &self.parts[number];
        let mut domains = self.base.clone();
        let mut waiting = Vec::new();
        for axis in &part.axes {
            if let Some(level) = partial[*axis] {
                domains.set(*axis, level);
                waiting.extend(&self.by_axis[*axis]);
            }
        }
        waiting.sort_unstable();
        waiting.dedup();
        self.spend(NODE + self.base.size() + 6 * part.axes.len() as u64);
        if self.is_exhausted() || !self.propagate(part, waiting, &mut domains) {
            return None;
        }
        // Mostly, what is left of each axis goes together.
        let mut near = domains.clone();
        for axis in &part.axes {
            let level = Some(before[*axis]).filter(|level| domains.has(*axis, *level));
            near.set(*axis, level.or_else(|| domains.levels(*axis).next())?);
        }
        let levels: Vec<Level> = (0..before.len())
            .map(|axis| near.only(axis).unwrap_or_default())
            .collect();
        let holds = |rule: &usize| self.rules[*rule].holds(|axis| levels[axis]);
        self.spend(self.base.size() + 2 * before.len() as u64);
        self.spend(part.rules.iter().map(|rule| self.rules[*rule].cost()).sum());
        let negatives = part
            .axes
            .iter()
            .filter(|axis| part.negative && self.negative[**axis][usize::from(levels[**axis])]);
        if negatives.count() <= 1 && part.rules.iter().all(holds) {
            return Some(near);
        }
        let mut as_before = |axis: usize, levels: &mut Vec<Level>| {
            if let Some(at) = levels.iter().position(|level| *level == before[axis]) {
                levels.swap(0, at);
            }
        };
        self.search(part, domains, None, &mut as_before)
    }

    /// What [`Solver::may_change`] costs for an axis, about, in steps.
    pub(super) fn cost(&self, axis: usize) -> u64 {
        let rules: u64 = self.by_axis[axis].iter().map(|rule| self.rules[*rule].cost()).sum();
        rules + self.negative.len() as u64
    }

    /// What [`Solver::holds`] costs, about, in steps.
    pub(super) fn cost_of_row(&self) -> u64 {
        let rules: u64 = self.rules.iter().map(|rule| rule.cost()).sum();
        rules + self.negative.len() as u64
    }

    /// What a question about a level of an axis costs, about, in steps: the rules of its part are gone through, at each node of a
    /// search that has a node for each axis.
    pub(super) fn cost_of_search(&self, axis: usize) -> u64 {
        let Some(part) = self.part[axis] else { return 0 };
        let part = &self.parts[part];
        let of_axis = self.base.size() + NODE + 2 * part.axes.len() as u64;
        let rules: u64 = part
            .rules
            .iter()
            .map(|rule| RULE + 2 * self.rules[*rule].scope().len() as u64)
            .sum();
        (of_axis * part.axes.len() as u64).saturating_add(2 * rules)
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
        if !self.spend(self.base.size() + NODE) {
            return None;
        }
        let part = &self.parts[number];
        let mut domains = self.base.clone();
        for axis in &part.axes {
            if let Some(level) = partial[*axis] {
                domains.set(*axis, level);
            }
        }
        self.search(part, domains, None, prefer)
    }

    /// `set` is the axis that was given its level last, where nothing else is new.
    fn search(
        &self,
        part: &Part,
        mut domains: Domains,
        set: Option<usize>,
        prefer: &mut Prefer<'_>,
    ) -> Option<Domains> {
        let each = 2 * domains.width() as u64 * part.axes.len() as u64;
        // What is said of other axes was held against them already.
        let waiting = set.map_or(&part.rules, |axis| &self.by_axis[axis]);
        if !self.spend(domains.size() + each + NODE) || !self.propagate(part, waiting.clone(), &mut domains) {
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
            self.search(part, narrower, Some(axis), prefer)
        })
    }

    /// Takes out what no row can have, as far as single rules tell. False if an axis has nothing left.
    /// `waiting` are the rules that were not held against them yet.
    fn propagate(&self, part: &Part, mut waiting: Vec<usize>, domains: &mut Domains) -> bool {
        let mut is_waiting = vec![false; self.rules.len()];
        for rule in &waiting {
            is_waiting[*rule] = true;
        }
        if part.axes.iter().any(|axis| domains.len(*axis) == 0) {
            return false;
        }
        self.spend(self.rules.len() as u64 / 16 + waiting.len() as u64);
        let mut negatives_told = None;
        let mut is_less = true;
        loop {
            if part.negative && is_less {
                self.spend(4 * part.axes.len() as u64);
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
            is_waiting[number] = false;
            let before = self.meter.spent();
            let narrower = self.narrow(number, domains);
            self.taken.borrow_mut()[number] += self.meter.spent() - before;
            let Some(narrower) = narrower.filter(|_| !self.is_exhausted()) else {
                return false;
            };
            is_less = !narrower.is_empty();
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
        self.spend(RULE + 2 * (scope.len() * domains.width()) as u64);
        if let Some(diagram) = rule.diagram() {
            let (narrower, looks) = diagram.narrow(number, scope, domains, &mut self.walk.borrow_mut());
            self.spend(looks * EDGE);
            return narrower;
        }
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
        let combinations = left.iter().try_fold(1, |all: usize, levels| {
            all.checked_mul(levels.len()).filter(|all| *all <= FEW)
        });
        self.spend((scope.len() as u64) * 20);
        if combinations.is_none() {
            return Some(Vec::new());
        }
        self.spend(combinations.unwrap_or_default() as u64 * (50 + 4 * scope.len() as u64));
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
