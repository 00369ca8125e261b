//! Arrays that a single row generates: its rotations, moved by a cyclic group of levels.
//!
//! K. Meagher, B. Stevens: Group construction of covering arrays (2005); J. Lobb, C. Colbourn, P. Danziger, B. Stevens,
//! J. Torres-Jimenez: Cover starters for covering arrays of strength two (2012). Of v levels, f are fixed and the others moved by
//! a group of v - f: k axes need k·(v - f) rows, and an array of f levels for what only the fixed ones meet. For that, at each
//! distance around the starter, every difference must occur, and every fixed level before and behind a moved one.

use fastrand::Rng;

use super::array::{Array, Uniform, smaller};
use crate::{anneal::Budget, level::Level, meter::Meter};

/// The chance to accept one thing missing more: e^(-1/0.33), and its powers.
const WARM: f64 = 0.048_301;

/// What a change costs for each axis, in entries that a board looks at.
const WORK: u64 = 12;

/// A smaller array than one of `most` rows, if a starter for it is found.
pub(super) fn array(
    axes: usize,
    levels: usize,
    most: usize,
    budget: Budget,
    meter: &Meter,
    rng: &mut Rng,
    uniform: Uniform,
) -> Option<Array> {
    let mut best: Option<Array> = None;
    let mut patience = 2_usize;
    // With more fixed levels there are fewer rows, and fewer starters. At each distance there is room for `axes` pairs.
    for fixed in 1..levels.min((axes + 1).saturating_sub(levels)) {
        let moved = levels - fixed;
        if moved < 2 {
            break;
        }
        if meter.is_exhausted() {
            break;
        }
        if axes * moved >= most {
            continue;
        }
        // A search that failed says little, as another one begins elsewhere; but two that failed are enough.
        let starter = loop {
            let found = search(axes, levels, fixed, budget.0 / 3, meter, rng);
            patience -= usize::from(found.is_none());
            if found.is_some() || patience == 0 || meter.is_exhausted() {
                break found;
            }
        };
        let Some(starter) = starter else { break };
        let mut array: Array = Vec::new();
        for turn in 0..axes {
            for step in 0..moved {
                let level = |axis: usize| match starter[(axis + turn) % axes] {
                    level if level < moved => (level + step) % moved,
                    fixed => fixed,
                };
                array.push((0..axes).map(|axis| Some(level(axis) as Level)).collect());
            }
        }
        let of_fixed = match fixed {
            1 => vec![vec![Some(0); axes]],
            _ => smaller(axes, fixed, budget, meter, rng, uniform),
        };
        let lift = |level: Option<Level>| level.map(|level| level + moved as Level);
        array.extend(of_fixed.into_iter().map(|row| row.into_iter().map(lift).collect()));
        if best.as_ref().is_none_or(|best| array.len() < best.len()) {
            best = Some(array);
        }
    }
    best.filter(|best| best.len() < most)
}

/// A row that generates everything, found by annealing; the levels from `levels - fixed` on are the fixed ones.
fn search(axes: usize, levels: usize, fixed: usize, work: u64, meter: &Meter, rng: &mut Rng) -> Option<Vec<usize>> {
    let mut ring = Ring::new(axes, levels, fixed, rng);
    let turns = work / (axes as u64 * WORK);
    for turn in 0..turns {
        if ring.missing == 0 {
            meter.spend(turn * axes as u64 * WORK);
            return Some(ring.row);
        }
        let (at, new) = (rng.usize(..axes), rng.usize(..levels));
        let (old, before) = (ring.row[at], ring.missing);
        ring.set(at, new);
        if ring.missing > before {
            let chance = (before..ring.missing).fold(1.0, |chance, _| chance * WARM);
            if rng.f64() >= chance {
                ring.set(at, old);
            }
        }
    }
    meter.spend(turns * axes as u64 * WORK);
    None
}

struct Ring {
    row: Vec<usize>,
    moved: usize,
    fixed: usize,
    /// How many differences and neighbourhoods there are at each distance.
    kinds: usize,
    counts: Vec<u32>,
    missing: usize,
}

impl Ring {
    fn new(axes: usize, levels: usize, fixed: usize, rng: &mut Rng) -> Self {
        let moved = levels - fixed;
        let kinds = moved + 2 * fixed;
        let distances = axes / 2;
        let mut ring = Self {
            row: (0..axes)
                .map(|at| if at < fixed { moved + at } else { rng.usize(..moved) })
                .collect(),
            moved,
            fixed,
            kinds,
            counts: vec![0; (distances + 1) * kinds],
            missing: distances * kinds,
        };
        for at in 0..axes {
            for distance in 1..=distances {
                ring.count(distance, at, (at + distance) % axes, true);
            }
        }
        ring
    }

    fn set(&mut self, at: usize, new: usize) {
        self.around(at, false);
        self.row[at] = new;
        self.around(at, true);
    }

    fn around(&mut self, at: usize, there: bool) {
        let axes = self.row.len();
        for distance in 1..=axes / 2 {
            self.count(distance, at, (at + distance) % axes, there);
            self.count(distance, (at + axes - distance) % axes, at, there);
        }
    }

    /// Counts the pair of two places. Of two fixed levels nothing is counted: another array has these.
    fn count(&mut self, distance: usize, one: usize, other: usize, there: bool) {
        let (one, other) = (self.row[one], self.row[other]);
        let kind = match (one < self.moved, other < self.moved) {
            (true, true) => (one + self.moved - other) % self.moved,
            (false, true) => one,
            (true, false) => other + self.fixed,
            (false, false) => return,
        };
        let count = &mut self.counts[distance * self.kinds + kind];
        if there {
            *count += 1;
            self.missing -= usize::from(*count == 1);
        } else {
            *count -= 1;
            self.missing += usize::from(*count == 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{algebra::tests::missing, fill::uniform};

    #[test]
    fn a_starter_generates_everything() {
        let mut rng = Rng::with_seed(0);
        for (axes, levels, rows) in [(20, 10, 181), (14, 6, 71), (13, 7, 79)] {
            let array = array(
                axes,
                levels,
                usize::MAX,
                Budget(40_000_000),
                &Meter::new(u64::MAX),
                &mut rng,
                uniform,
            )
            .unwrap();
            assert!(array.len() <= rows, "{axes} of {levels}: {}", array.len());
            assert_eq!(missing(&array, axes, levels, 2), 0, "{axes} of {levels}");
        }
    }
}
