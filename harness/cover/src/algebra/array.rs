//! Arrays, and what finds small ones where no construction is known.

use fastrand::Rng;

use crate::{
    anneal::Budget,
    level::{Level, Row},
    meter::Meter,
};

/// Rows in which some entries may be anything.
pub(crate) type Array = Vec<Vec<Option<Level>>>;

/// What finds rows for every pair of so many axes with as many levels each, in whatever way serves.
pub(crate) type Uniform = fn(usize, usize, Budget, &Meter, &mut Rng) -> Vec<Row>;

/// An array for fewer axes or levels, found by whatever serves.
pub(super) fn smaller(
    axes: usize,
    levels: usize,
    budget: Budget,
    meter: &Meter,
    rng: &mut Rng,
    uniform: Uniform,
) -> Array {
    let rows = uniform(axes, levels, Budget(budget.0 / 16), meter, rng);
    rows.into_iter()
        .map(|row| row.into_iter().map(Some).collect())
        .collect()
}
