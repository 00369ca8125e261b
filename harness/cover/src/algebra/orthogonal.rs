//! Orthogonal arrays from polynomials.
//!
//! K. Bush: Orthogonal arrays of index unity (1952). The rows are the polynomials of a degree less than `ways` over a field of
//! `q` elements, the columns their values and their leading coefficient: any `ways` columns determine the polynomial.

use super::{array::Array, field::Field};
use crate::level::Level;

/// An array over the smallest field that is large enough. Where it has more elements than `levels`, these may be anything.
pub(super) fn array(axes: usize, levels: usize, ways: usize) -> Option<Array> {
    // Beyond twice the levels, more than half of the rows would be waste.
    let (q, field) = (levels.max(axes.saturating_sub(1))..=2 * levels).find_map(|q| Some((q, Field::new(q)?)))?;
    let rows = q
        .checked_pow(u32::try_from(ways).ok()?)
        .filter(|rows| *rows <= 20_000)?;
    let row = |polynomial: usize| {
        let coefficient = |at: usize| polynomial / q.pow(at as u32) % q;
        let value = |axis: usize| match axis {
            _ if axis == q => coefficient(ways - 1),
            _ => (0..ways)
                .rev()
                .fold(0, |sum, at| field.add(field.times(sum, axis), coefficient(at))),
        };
        (0..axes)
            .map(|axis| {
                Some(value(axis))
                    .filter(|value| *value < levels)
                    .map(|value| value as Level)
            })
            .collect()
    };
    Some((0..rows).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::tests::missing;

    #[test]
    fn every_combination_is_there_once() {
        for (axes, levels, ways, rows) in [
            (4, 3, 2, 9),
            (5, 4, 2, 16),
            (10, 9, 2, 81),
            (4, 3, 3, 27),
            (6, 5, 3, 125),
            (5, 4, 4, 256),
        ] {
            let array = array(axes, levels, ways).unwrap();
            assert_eq!(array.len(), rows);
            assert_eq!(missing(&array, axes, levels, ways), 0, "{axes} of {levels}, {ways}");
        }
    }

    #[test]
    fn a_field_that_is_too_large_serves_as_well() {
        let rows = array(7, 6, 2).unwrap();
        assert_eq!((rows.len(), missing(&rows, 7, 6, 2)), (49, 0));
        assert_eq!(array(20, 4, 2), None, "4 levels have 9 axes at the most");
    }
}
