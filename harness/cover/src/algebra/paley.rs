//! Axes of two levels, from the squares of a prime field.
//!
//! R. Paley (1933): for a prime p of the form 4n + 3, the squares modulo p give a Hadamard matrix of order p + 1. That matrix, and
//! the matrix above its complement, cover more than they have to; which strengths is looked up by trying (C. Colbourn: Covering
//! arrays from cyclotomy, 2010, has the theory). Known figures that follow: 12 rows for 11 axes and triples, 24 rows for 12 axes
//! and quadruples.

use super::array::Array;
use crate::{level::Level, problem::Problem, tuples::Tuples};

const PRIMES: [usize; 10] = [3, 7, 11, 19, 23, 31, 43, 47, 59, 67];

/// The smallest array of this kind for axes of two levels, if any of the primes that are tried is enough.
pub(super) fn array(axes: usize, ways: usize) -> Option<Array> {
    let all = PRIMES.into_iter().flat_map(|prime| {
        let once = matrix(prime);
        let complement = once
            .iter()
            .map(|row| row.iter().map(|level| 1 - level).collect::<Vec<Level>>());
        let twice: Vec<Vec<Level>> = once.iter().cloned().chain(complement).collect();
        // The first column of the matrix itself is always the same.
        let without_first: Vec<Vec<Level>> = once.iter().map(|row| row[1..].to_vec()).collect();
        [without_first, twice]
    });
    let mut all: Vec<Vec<Vec<Level>>> = all
        .filter(|rows| rows[0].len() >= axes && rows.len() >= 1 << ways.min(10))
        .collect();
    all.sort_by_key(Vec::len);
    let found = all.into_iter().find(|rows| covers(rows, axes, ways))?;
    let row = |row: Vec<Level>| row.into_iter().take(axes).map(Some).collect();
    Some(found.into_iter().map(row).collect())
}

/// A Hadamard matrix of order p + 1, with levels for signs.
fn matrix(prime: usize) -> Vec<Vec<Level>> {
    let is_square = |number: usize| (1..prime).any(|root| root * root % prime == number);
    let entry = |row: usize, column: usize| match (row, column) {
        (0, _) | (_, 0) => true,
        _ => row != column && is_square((column + prime - row) % prime),
    };
    (0..=prime)
        .map(|row| (0..=prime).map(|column| Level::from(entry(row, column))).collect())
        .collect()
}

fn covers(rows: &[Vec<Level>], axes: usize, ways: usize) -> bool {
    let Ok(tuples) = Tuples::new(&Problem::uniform(&vec![2; axes], ways)) else {
        return false;
    };
    let mut has = vec![false; tuples.len];
    for subset in &tuples.subsets {
        rows.iter().for_each(|row| has[subset.of_row(row)] = true);
    }
    has.iter().all(|has| *has)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::tests::missing;

    #[test]
    fn known_figures() {
        for (axes, ways, rows) in [(4, 3, 8), (8, 3, 12), (11, 3, 12), (10, 4, 24), (12, 4, 24)] {
            let array = array(axes, ways).unwrap();
            assert!(array.len() <= rows, "{axes} axes, {ways}: {}", array.len());
            assert_eq!(missing(&array, axes, 2, ways), 0);
        }
    }
}
