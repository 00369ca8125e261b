//! Pairs of axes with two levels each: the one family whose best is known for every size.
//!
//! G. Katona (1973); D. Kleitman, J. Spencer (1973): n rows suffice for C(n - 1, ⌊n/2⌋ - 1) axes, and no fewer do. Each column is
//! a set of ⌊n/2⌋ rows, the first among them: two of them differ in both ways, meet in the first row, and leave a row out.

use super::array::Array;
use crate::level::Level;

/// The smallest array for pairs of so many axes of two levels.
pub(super) fn pairs(axes: usize) -> Array {
    let rows = (4..).find(|rows| choose(rows - 1, rows / 2 - 1) >= axes).unwrap_or(4);
    let mut ones: Vec<usize> = (1..rows / 2).collect();
    let mut array = vec![Vec::with_capacity(axes); rows];
    for _ in 0..axes {
        for (number, row) in array.iter_mut().enumerate() {
            row.push(Some(Level::from(number == 0 || ones.contains(&number))));
        }
        next(&mut ones, rows);
    }
    array
}

/// The next set of so many of the numbers from 1 to `end` - 1.
fn next(set: &mut [usize], end: usize) {
    let size = set.len();
    let Some(moves) = (0..size).rev().find(|at| set[*at] < end - size + at) else {
        return;
    };
    set[moves] += 1;
    for at in moves + 1..size {
        set[at] = set[at - 1] + 1;
    }
}

fn choose(of: usize, some: usize) -> usize {
    (0..some).fold(1_usize, |all, at| all.saturating_mul(of - at) / (at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::tests::missing;

    #[test]
    fn as_few_rows_as_the_theorem_says() {
        // From the published table of covering array numbers, t = 2, v = 2.
        for (axes, rows) in [
            (2, 4),
            (3, 4),
            (4, 5),
            (10, 6),
            (11, 7),
            (15, 7),
            (35, 8),
            (56, 9),
            (57, 10),
            (100, 10),
            (126, 10),
            (127, 11),
        ] {
            let array = pairs(axes);
            assert_eq!(array.len(), rows, "{axes}");
            assert_eq!(missing(&array, axes, 2, 2), 0, "{axes}");
        }
    }
}
