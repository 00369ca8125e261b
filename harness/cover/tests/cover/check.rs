//! What an array promises, checked by brute force over every row that there could be. None of the generator's code is used: neither
//! its numbers of combinations, nor its solver, nor its rules.

use std::collections::BTreeSet;

use meshkat_cover::Kind;

/// A problem as the check knows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spec {
    /// For each axis its levels.
    pub(crate) axes: Vec<Vec<(Kind, u32)>>,
    pub(crate) ways: usize,
    pub(crate) stronger: Vec<(Vec<usize>, usize)>,
    /// Levels that are never together.
    pub(crate) forbidden: Vec<Vec<(usize, u16)>>,
    /// Axes whose levels' sum is never this, modulo 3.
    pub(crate) sums: Vec<(Vec<usize>, u16)>,
    pub(crate) seeds: Vec<Vec<Option<u16>>>,
    pub(crate) include: Vec<Vec<Option<u16>>>,
}

impl Spec {
    /// Axes of so many positive levels.
    pub(crate) fn of(sizes: &[usize], ways: usize) -> Self {
        Self {
            axes: sizes.iter().map(|size| vec![(Kind::Positive, 1); *size]).collect(),
            ways,
            ..Self::default()
        }
    }

    fn kind(&self, axis: usize, level: u16) -> Kind {
        self.axes[axis][usize::from(level)].0
    }

    pub(crate) fn negatives(&self, row: &[u16]) -> usize {
        let all = row.iter().enumerate();
        all.filter(|(axis, level)| self.kind(*axis, **level) == Kind::Negative)
            .count()
    }

    /// Whether a row holds the rules of these numbers, and has one negative level at the most.
    pub(crate) fn holds(&self, row: &[u16], rules: impl Fn(usize) -> bool) -> bool {
        let mut forbidden = self.forbidden.iter().enumerate();
        let first_sum = self.forbidden.len();
        let mut sums = self.sums.iter().enumerate();
        self.negatives(row) <= 1
            && forbidden.all(|(at, levels)| !rules(at) || levels.iter().any(|(axis, level)| row[*axis] != *level))
            && sums.all(|(at, (scope, rest))| {
                !rules(first_sum + at) || scope.iter().map(|axis| row[*axis]).sum::<u16>() % 3 != *rest
            })
    }

    /// Every row of levels that are not extra.
    pub(crate) fn product(&self) -> Vec<Vec<u16>> {
        let levels =
            |axis: usize| (0..self.axes[axis].len() as u16).filter(move |level| self.kind(axis, *level) != Kind::Extra);
        (0..self.axes.len()).fold(vec![Vec::new()], |rows, axis| {
            let longer = |row: Vec<u16>| levels(axis).map(move |level| [row.as_slice(), &[level]].concat());
            rows.into_iter().flat_map(longer).collect()
        })
    }

    /// The sets of axes that are combined.
    pub(crate) fn sets(&self) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.axes.len()).collect();
        let asked = self.stronger.iter().map(|(axes, ways)| (axes.clone(), *ways));
        let asked = asked.chain([(all, self.ways)]);
        asked
            .flat_map(|(axes, ways)| {
                let axes: BTreeSet<usize> = axes.into_iter().collect();
                let axes: Vec<usize> = axes.into_iter().collect();
                let ways = ways.min(axes.len()) as u32;
                let sets = (0_u32..1 << axes.len()).filter(move |set| set.count_ones() == ways && ways > 0);
                sets.map(move |set| {
                    (0..axes.len())
                        .filter(|at| set & (1 << at) != 0)
                        .map(|at| axes[at])
                        .collect()
                })
            })
            .collect()
    }

    /// What is wrong with an array, if anything.
    pub(crate) fn check(&self, rows: &[Vec<u16>]) -> Result<(), String> {
        let product = self.product();
        let allowed: Vec<&Vec<u16>> = product.iter().filter(|row| self.holds(row, |_| true)).collect();
        for row in rows {
            if row.len() != self.axes.len() || !self.holds(row, |_| true) {
                return Err(format!("{row:?} breaks a rule"));
            }
            let is_included = self.include.iter().any(|include| has(row, include));
            let extra = (0..row.len()).any(|axis| self.kind(axis, row[axis]) == Kind::Extra);
            if extra && !is_included {
                return Err(format!("{row:?} has a level from outside, and is not included"));
            }
        }
        if rows.iter().collect::<BTreeSet<_>>().len() < rows.len() {
            return Err("a row is there twice".to_owned());
        }
        for partial in self.seeds.iter().chain(&self.include) {
            if !rows.iter().any(|row| has(row, partial)) {
                return Err(format!("{partial:?} is in no row"));
            }
        }
        for (at, seed) in self.seeds.iter().enumerate() {
            if !rows.iter().take(at + 1).any(|row| has(row, seed)) {
                return Err(format!("the seed {seed:?} does not come first"));
            }
        }
        for set in self.sets() {
            let of = |row: &[u16]| -> Vec<u16> { set.iter().map(|axis| row[*axis]).collect() };
            let positive = |row: &&Vec<u16>| self.negatives(row) == 0;
            let possible: BTreeSet<Vec<u16>> = allowed.iter().map(|row| of(row)).collect();
            let without: BTreeSet<Vec<u16>> = allowed.iter().copied().filter(positive).map(|row| of(row)).collect();
            let covered: BTreeSet<Vec<u16>> = rows.iter().map(|row| of(row)).collect();
            let covered_without: BTreeSet<Vec<u16>> = rows.iter().filter(positive).map(|row| of(row)).collect();
            if let Some(missing) = possible.difference(&covered).next() {
                return Err(format!("{missing:?} of the axes {set:?} is in no row"));
            }
            if let Some(missing) = without.difference(&covered_without).next() {
                return Err(format!("{missing:?} of the axes {set:?} is hidden by negative levels"));
            }
        }
        Ok(())
    }
}

pub(crate) fn has(row: &[u16], partial: &[Option<u16>]) -> bool {
    row.iter()
        .zip(partial)
        .all(|(level, asked)| asked.is_none_or(|asked| asked == *level))
}

/// The check itself notices what it is for.
#[test]
fn the_check_refuses_what_is_wrong() {
    let rows: Vec<Vec<u16>> = vec![vec![0, 0, 0], vec![0, 1, 1], vec![1, 0, 1], vec![1, 1, 0]];
    let spec = Spec::of(&[2, 2, 2], 2);
    assert_eq!(spec.check(&rows), Ok(()));
    assert!(spec.check(&rows[1..]).unwrap_err().contains("in no row"));
    assert!(
        spec.check(&[rows.clone(), rows.clone()].concat())
            .unwrap_err()
            .contains("twice")
    );
    let mut forbidden = spec.clone();
    forbidden.forbidden.push(vec![(0, 1), (1, 1)]);
    assert!(forbidden.check(&rows).unwrap_err().contains("breaks a rule"));
    assert_eq!(
        forbidden
            .check(&[&rows[..3], &[vec![1, 0, 0]][..]].concat())
            .unwrap_err(),
        "[1, 0] of the axes [1, 2] is in no row"
    );
    let mut seeded = spec.clone();
    seeded.seeds.push(vec![Some(1), Some(1), Some(1)]);
    assert!(seeded.check(&rows).unwrap_err().contains("in no row"));
    let mut negative = spec.clone();
    negative.axes[0][1].0 = Kind::Negative;
    assert!(negative.check(&rows).unwrap_err().contains("hidden"));
    let mut stronger = spec;
    stronger.stronger.push((vec![0, 1, 2], 3));
    assert!(stronger.check(&rows).unwrap_err().contains("in no row"));
}
