//! Arrays that are known, of axes with the same number of levels each.
//!
//! What is made here is a start: whatever it does not cover is added, and whatever is too much taken away.

mod array;
mod binary;
mod field;
mod orthogonal;
mod paley;
mod starter;

use fastrand::Rng;

use self::array::{Array, Uniform, smaller};
use super::{anneal::Budget, level::Level, meter::Meter};

/// The smallest array of `axes` axes with `levels` levels each that is known here, if any is: not all have a construction.
pub(super) fn smallest(
    axes: usize,
    levels: usize,
    ways: usize,
    budget: Budget,
    meter: &Meter,
    rng: &mut Rng,
    uniform: Uniform,
) -> Option<Array> {
    let mut all = Vec::new();
    if ways < 2 || axes < ways || levels < 2 {
        return None;
    }
    if levels == 2 && ways == 2 {
        return Some(binary::pairs(axes));
    }
    all.extend(orthogonal::array(axes, levels, ways));
    if levels == 2 {
        all.extend(paley::array(axes, ways));
    }
    let smallest = |all: &[Array]| all.iter().map(Vec::len).min().unwrap_or(usize::MAX);
    if ways == 2 && smallest(&all) > levels * levels {
        all.extend(product(axes, levels, budget, meter, rng, uniform));
        let most = smallest(&all);
        all.extend(starter::array(axes, levels, most, budget, meter, rng, uniform));
    }
    all.into_iter().min_by_key(Vec::len)
}

/// Whether the array of this kind is the smallest that there can be.
pub(super) fn is_best(levels: usize, ways: usize) -> bool {
    levels == 2 && ways == 2
}

/// A small array, repeated side by side, over an orthogonal array that tells the repetitions apart: of `q` levels, an array of
/// `n` rows for `k` axes gives one of n + q² - q rows for k·q axes. The q constant rows are not needed twice.
///
/// From C. Colbourn, S. Martirosyan, G. Mullen, D. Shasha, G. Sherwood, J. Yucas: Products of mixed covering arrays of strength
/// two (2006).
fn product(
    axes: usize,
    levels: usize,
    budget: Budget,
    meter: &Meter,
    rng: &mut Rng,
    uniform: Uniform,
) -> Option<Array> {
    let field = field::Field::new(levels)?;
    if axes <= 2 * levels {
        return None;
    }
    let narrow = axes.div_ceil(levels);
    let over = smaller(narrow, levels, budget, meter, rng, uniform);
    let over = over
        .iter()
        .map(|row| (0..axes).map(|axis| row[axis % narrow]).collect());
    // The lines y = a·x + b; those with a = 0 are the constant rows.
    let lines = (1..levels).flat_map(|a| (0..levels).map(move |b| (a, b)));
    let under = lines.map(|(a, b)| {
        let value = |axis: usize| field.add(field.times(a, axis / narrow), b);
        (0..axes).map(|axis| Some(value(axis) as Level)).collect()
    });
    Some(over.chain(under).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fill::uniform, problem::Problem, tuples::Tuples};

    /// How many combinations no row of an array has; an entry that may be anything counts for none.
    pub(super) fn missing(array: &Array, axes: usize, levels: usize, ways: usize) -> usize {
        let tuples = Tuples::new(&Problem::uniform(&vec![levels; axes], ways)).unwrap();
        let mut has = vec![false; tuples.len];
        for row in array {
            assert_eq!(row.len(), axes);
            assert!(row.iter().flatten().all(|level| usize::from(*level) < levels));
            for tuple in tuples.subsets.iter().filter_map(|subset| subset.of_partial(row)) {
                has[tuple] = true;
            }
        }
        has.iter().filter(|has| !**has).count()
    }

    #[test]
    fn products_cover_every_pair() {
        let mut rng = Rng::with_seed(0);
        for (axes, levels) in [(7, 3), (20, 3), (40, 4), (23, 5)] {
            let array = product(
                axes,
                levels,
                Budget(1_000_000),
                &Meter::new(u64::MAX),
                &mut rng,
                uniform,
            )
            .unwrap();
            assert_eq!(missing(&array, axes, levels, 2), 0, "{axes} of {levels}");
        }
        assert_eq!(
            product(40, 6, Budget(0), &Meter::new(u64::MAX), &mut rng, uniform),
            None,
            "6 is no power of a prime"
        );
    }
}
