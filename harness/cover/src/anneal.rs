//! Fewer rows: one is taken out, and the others are changed entry by entry until nothing is missing.
//!
//! Simulated annealing after J. Stardom (2001) and J. Torres-Jimenez, E. Rodriguez-Tello (2012). Most changes are chosen so that
//! they cover a combination that is open, as in K. Nurmela's tabu search (2004): near the end, few others are of any use.

use fastrand::Rng;

use super::{
    board::Board,
    level::{Level, Partial, Row},
    solver::Solver,
};

/// Of a hundred changes, so many are for an open combination.
const AIMED: u8 = 85;

/// The chance to accept one open combination more is e^(-1/T). The temperature T falls from 0.3 to 0.23, and in every other attempt
/// from 0.4 to 0.2: the narrow range is best for pairs, and the wide one for whatever it does not suit. The figures, e^(-1/T) at
/// the start and what it is multiplied with at each step, are written out, and everything else is multiplication, so that no
/// machine's mathematics gives other rows.
const COOLING: [(f64, f64); 2] = [(0.035_674, 0.994_940_4), (0.082_085, 0.987_577_8)];
const STEPS: u64 = 200;

/// What a change costs beside the entries that are looked at.
const BESIDE: u64 = 24;

/// Steps of one search for what else a row must have.
const MOST_SEARCHED: u64 = 4_000_000;

/// Rows that are looked at for one change before they are counted.
const ROWS: usize = 1000;

/// What the levels of rows may be.
pub(super) struct Guard<'a> {
    solver: &'a Solver<'a>,
    levels: Vec<Vec<Level>>,
    is_free: bool,
    /// What a question about a change of each axis costs.
    costs: Vec<u64>,
    /// What a question about a whole row costs.
    of_row: u64,
    /// The axes that can be changed at all.
    axes: Vec<usize>,
}

/// How much work is left, in steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget(pub(super) u64);

impl<'a> Guard<'a> {
    pub(super) fn new(solver: &'a Solver<'a>, axes: usize) -> Self {
        let levels: Vec<Vec<Level>> = (0..axes).map(|axis| solver.base().levels(axis).collect()).collect();
        Self {
            solver,
            is_free: solver.has_no_rules(),
            costs: (0..axes).map(|axis| solver.cost(axis)).collect(),
            of_row: solver.cost_of_row(),
            axes: (0..axes).filter(|axis| levels[*axis].len() > 1).collect(),
            levels,
        }
    }

    fn allows(&self, row: &[Level], axis: usize, new: Level) -> bool {
        self.is_free || self.solver.is_free(axis) || self.solver.may_change(row, axis, new)
    }
}

/// Makes the rows fewer, as far as `lower` and the budget allow, on a board that `make` makes of them for so many steps.
pub(super) fn reduce<B: Board>(
    start: Vec<Row>,
    makes: u64,
    make: impl FnOnce(Vec<Row>) -> B,
    guard: &Guard<'_>,
    lower: usize,
    budget: Budget,
    rng: &mut Rng,
) -> Vec<Row> {
    let meter = guard.solver.meter();
    let before = meter.spent();
    let of = budget.0.min(meter.left());
    let Some(mut left) = of.checked_sub(makes) else {
        return start;
    };
    let best = fewer(&mut make(start), guard, lower, of, &mut left, rng);
    meter.back_to(before);
    meter.spend(of - left);
    best
}

fn fewer(board: &mut dyn Board, guard: &Guard<'_>, lower: usize, of: u64, left: &mut u64, rng: &mut Rng) -> Vec<Row> {
    let mut share = *left / 128;
    let mut attempts = 0_usize;
    let mut best = rows(board);
    loop {
        // Rows that have nothing of their own go first, and it is the rest of them that is kept.
        let mut is_best = board.open() > 0;
        while board.open() == 0 {
            let least = (0..board.rows()).map(|row| (board.alone(row), row)).min();
            *left = left.saturating_sub(board.rows() as u64 * board.work_of_row());
            let Some((alone, least)) = least else { return Vec::new() };
            let ends = board.rows() <= lower || *left == 0 || guard.axes.is_empty();
            if alone > 0 {
                if !is_best {
                    best = rows(board);
                    is_best = true;
                }
                if ends {
                    return best;
                }
            }
            if alone == 0 && *left == 0 {
                return rows(board);
            }
            board.remove(least);
        }
        if board.rows() == 0 || *left == 0 {
            return best;
        }
        attempts += 1;
        let mut attempt = Attempt {
            guard,
            cooling: COOLING[(attempts + 1) % 2],
            rng,
            left: share.min(*left),
            levels: Vec::new(),
        };
        let before = attempt.left;
        let found = attempt.run(board);
        *left -= before - attempt.left.min(before);
        // What did not suffice is doubled; after a success, half is a good guess.
        share = if found { (share / 2).max(of / 128) } else { share * 2 };
        if !found && *left < of / 128 {
            return best;
        }
    }
}

fn rows(board: &dyn Board) -> Vec<Row> {
    (0..board.rows()).map(|row| board.row(row).to_vec()).collect()
}

struct Attempt<'a> {
    guard: &'a Guard<'a>,
    cooling: (f64, f64),
    rng: &'a mut Rng,
    left: u64,
    /// The combination that a change is for.
    levels: Vec<(usize, Level)>,
}

impl Attempt<'_> {
    /// Whether nothing is open in the end.
    fn run(&mut self, board: &mut dyn Board) -> bool {
        let each = (self.left / STEPS).max(1);
        let (mut warm, cooler) = self.cooling;
        while self.left > 0 {
            let chances = chances(warm);
            let until = self.left.saturating_sub(each);
            while self.left > until {
                if board.open() == 0 {
                    return true;
                }
                if self.rng.u8(..100) < AIMED {
                    self.aimed(board, &chances);
                } else {
                    self.any(board, &chances);
                }
            }
            warm *= cooler;
        }
        board.open() == 0
    }

    fn spend(&mut self, work: u64) {
        self.left = self.left.saturating_sub(work + BESIDE);
    }

    fn accepts(&mut self, growth: i32, chances: &[u32; 32]) -> bool {
        growth <= 0
            || chances
                .get(growth as usize)
                .is_some_and(|chance| self.rng.u32(..) < *chance)
    }

    /// Changes any entry to anything else.
    fn any(&mut self, board: &mut dyn Board, chances: &[u32; 32]) {
        let axis = self.guard.axes[self.rng.usize(..self.guard.axes.len())];
        let row = self.rng.usize(..board.rows());
        let levels = &self.guard.levels[axis];
        let new = levels[self.rng.usize(..levels.len())];
        self.change(board, row, axis, new, chances);
    }

    /// Changes one entry, if it may be.
    fn change(&mut self, board: &mut dyn Board, row: usize, axis: usize, new: Level, chances: &[u32; 32]) {
        self.spend(board.work(axis) + self.guard.costs[axis]);
        if board.row(row)[axis] == new || !self.guard.allows(board.row(row), axis, new) {
            return;
        }
        let growth = board.growth(row, axis, new);
        if self.accepts(growth, chances) {
            board.set(row, axis, new);
        }
    }

    /// Changes a row so that it has an open combination: one that has all of it but one entry, or else as few as can be.
    fn aimed(&mut self, board: &mut dyn Board, chances: &[u32; 32]) {
        let mut levels = std::mem::take(&mut self.levels);
        board.opened(self.rng.usize(..board.open()), &mut levels);
        let rows = board.rows();
        let start = self.rng.usize(..rows);
        // Which of the entries is to change is a matter of chance, too.
        let turn = self.rng.usize(..levels.len());
        levels.rotate_left(turn);
        let mut nearest = (usize::MAX, start);
        let mut looked = 0_usize;
        for row in (start..rows).chain(0..start) {
            looked += 1;
            let has = board.row(row);
            // The first is taken to be the one that differs.
            let differs = 1 + levels[1..].iter().filter(|(axis, level)| has[*axis] != *level).count();
            if differs < nearest.0 {
                nearest = (differs, row);
                if differs == 1 {
                    break;
                }
            }
        }
        self.spend(4 + looked.saturating_sub(ROWS) as u64);
        let row = nearest.1;
        let (axis, new) = levels[0];
        if nearest.0 == 1 && self.guard.allows(board.row(row), axis, new) {
            self.change(board, row, axis, new, chances);
        } else {
            self.rebuild(board, row, &levels, chances);
        }
        self.levels = levels;
    }

    /// Gives a row several levels at once, and changes whatever else the rules then require.
    fn rebuild(&mut self, board: &mut dyn Board, row: usize, levels: &[(usize, Level)], chances: &[u32; 32]) {
        let before = board.row(row).to_vec();
        let mut after = before.clone();
        for (axis, level) in levels {
            after[*axis] = *level;
        }
        if !self.guard.is_free {
            self.spend(self.guard.of_row);
        }
        if !self.guard.is_free && !self.guard.solver.holds(&after) {
            let mut partial: Partial = vec![None; before.len()];
            for (axis, level) in levels {
                partial[*axis] = Some(*level);
            }
            // A search that finds no end changes nothing, and is paid for.
            let meter = self.guard.solver.meter();
            let spent = meter.spent();
            meter.allow(MOST_SEARCHED.min(self.left));
            let whole = self.guard.solver.changed(&before, &partial);
            self.spend(meter.back_to(spent));
            let Some(whole) = whole else { return };
            after = whole;
        }
        let open = board.open() as i32;
        for axis in 0..after.len() {
            if after[axis] != before[axis] {
                self.spend(board.work(axis));
                board.set(row, axis, after[axis]);
            }
        }
        let growth = board.open() as i32 - open;
        if !self.accepts(growth, chances) {
            for axis in 0..after.len() {
                if after[axis] != before[axis] {
                    board.set(row, axis, before[axis]);
                }
            }
        }
    }
}

/// The chance of each growth, of 2^32.
fn chances(warm: f64) -> [u32; 32] {
    let mut chance = f64::from(u32::MAX);
    std::array::from_fn(|growth| {
        if growth > 0 {
            chance *= warm;
        }
        chance as u32
    })
}
