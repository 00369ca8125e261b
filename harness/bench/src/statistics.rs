//! Medians, percentiles and ranges.

/// The smallest, the middle and the largest of some numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    /// The smallest number that no more than one in twenty exceeds.
    pub(crate) p95: f64,
    /// The smallest number that no more than one in a hundred exceeds.
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one number; of none, all are NaN.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) && middle > 0 {
            f64::midpoint(at(middle - 1), at(middle))
        } else {
            at(middle)
        };
        Self {
            min: at(0),
            median,
            p95: at((sorted.len() * 19).div_ceil(20).saturating_sub(1)),
            p99: at((sorted.len() * 99).div_ceil(100).saturating_sub(1)),
            max: at(sorted.len().saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_one_of_the_numbers() {
        let spread = Spread::of((1..=100).map(f64::from));
        assert_eq!((spread.min, spread.p95, spread.max), (1.0, 95.0, 100.0));
        assert!((spread.p99 - 99.0).abs() < f64::EPSILON);
        assert!((spread.median - 50.5).abs() < f64::EPSILON);
        let spread = Spread::of([7.0]);
        assert_eq!(
            (spread.min, spread.median, spread.p95, spread.max),
            (7.0, 7.0, 7.0, 7.0)
        );
        assert!(Spread::of([]).p95.is_nan());
    }
}
