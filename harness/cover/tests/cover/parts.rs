//! Problems to choose from: what covering arrays are tried with.

use meshkat_cover::Kind;
use proptest::{prelude::*, sample::Index};

use crate::check::Spec;

/// What a problem can be made of: more than any one uses.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    sizes: Vec<usize>,
    ways: usize,
    stronger: Option<(Vec<Index>, usize)>,
    forbidden: Vec<Vec<(Index, Index)>>,
    sums: Vec<(Vec<Index>, u16)>,
    negative: Vec<(Index, Index)>,
    weights: Vec<(Index, Index, u32)>,
    extra: Option<Index>,
    rows: Vec<(Index, Vec<bool>)>,
}

pub(crate) fn parts() -> impl Strategy<Value = Parts> {
    let index = any::<Index>;
    let some = |most: usize| prop::collection::vec(index(), 1..=most);
    (
        prop::collection::vec(1_usize..5, 1..6),
        1_usize..5,
        prop::option::of((some(4), 2_usize..4)),
        prop::collection::vec(prop::collection::vec((index(), index()), 1..4), 0..5),
        prop::collection::vec((some(3), 0_u16..3), 0..2),
        prop::collection::vec((index(), index()), 0..3),
        prop::collection::vec((index(), index(), 0_u32..5), 0..5),
        prop::option::of(index()),
        prop::collection::vec((index(), prop::collection::vec(any::<bool>(), 6)), 0..3),
    )
        .prop_map(
            |(sizes, ways, stronger, forbidden, sums, negative, weights, extra, rows)| Parts {
                sizes,
                ways,
                stronger,
                forbidden,
                sums,
                negative,
                weights,
                extra,
                rows,
            },
        )
}

impl Parts {
    pub(crate) fn spec(&self) -> Spec {
        let mut spec = Spec::of(&self.sizes, self.ways);
        let axis = |index: &Index| index.index(self.sizes.len());
        let level = |axis: usize, index: &Index| index.index(self.sizes[axis]);
        let different = |indices: &[Index]| {
            let mut axes: Vec<usize> = indices.iter().map(axis).collect();
            axes.sort_unstable();
            axes.dedup();
            axes
        };
        spec.stronger
            .extend(self.stronger.as_ref().map(|(axes, ways)| (different(axes), *ways)));
        for (at, l) in &self.negative {
            spec.axes[axis(at)][level(axis(at), l)].0 = Kind::Negative;
        }
        for (at, l, weight) in &self.weights {
            spec.axes[axis(at)][level(axis(at), l)].1 = *weight;
        }
        for levels in &self.forbidden {
            let mut set: Vec<(usize, u16)> = levels
                .iter()
                .map(|(at, l)| (axis(at), level(axis(at), l) as u16))
                .collect();
            set.sort_unstable();
            set.dedup_by_key(|(axis, _)| *axis);
            spec.forbidden.push(set);
        }
        spec.sums
            .extend(self.sums.iter().map(|(axes, rest)| (different(axes), *rest)));
        spec
    }

    /// Seeds, and an included row with a level from outside, of rows that are allowed.
    pub(crate) fn with_rows(&self, mut spec: Spec) -> Spec {
        let allowed: Vec<Vec<u16>> = spec
            .product()
            .into_iter()
            .filter(|row| spec.holds(row, |_| true))
            .collect();
        for (which, set) in &self.rows {
            let row = which.get(&allowed);
            let partial = row.iter().zip(set).map(|(level, set)| set.then_some(*level)).collect();
            spec.seeds.push(partial);
        }
        if let Some(extra) = &self.extra {
            let axis = extra.index(spec.axes.len());
            spec.axes[axis].push((Kind::Extra, 9));
            let mut row: Vec<Option<u16>> = extra.get(&allowed).iter().copied().map(Some).collect();
            row[axis] = Some(spec.axes[axis].len() as u16 - 1);
            let whole: Vec<u16> = row.iter().flatten().copied().collect();
            if spec.holds(&whole, |_| true) {
                spec.include.push(row);
            }
        }
        spec
    }
}

/// The first value that no row has; nothing set where there is no row at all.
pub(crate) fn first_impossible(spec: &Spec) -> Option<Vec<Option<u16>>> {
    let allowed: Vec<Vec<u16>> = spec
        .product()
        .into_iter()
        .filter(|row| spec.holds(row, |_| true))
        .collect();
    let nothing = vec![None; spec.axes.len()];
    if allowed.is_empty() {
        return Some(nothing);
    }
    let mut values =
        (0..spec.axes.len()).flat_map(|axis| (0..spec.axes[axis].len() as u16).map(move |level| (axis, level)));
    values
        .find(|(axis, level)| !allowed.iter().any(|row| row[*axis] == *level))
        .map(|(axis, level)| {
            let mut partial = nothing;
            partial[axis] = Some(level);
            partial
        })
}
