//! How large arrays are: never larger than PICT's of the published table (pairwise.org).

use meshkat_cover::{Effort, Problem, cover};

/// How many combinations of each so many axes are in no row.
fn missing(sizes: &[usize], ways: usize, rows: &[Vec<u16>]) -> usize {
    let mut at: Vec<usize> = (0..ways).collect();
    let mut missing = 0;
    loop {
        let all: usize = at.iter().map(|axis| sizes[*axis]).product();
        let mut has = vec![false; all];
        for row in rows {
            has[at
                .iter()
                .fold(0, |number, axis| number * sizes[*axis] + usize::from(row[*axis]))] = true;
        }
        missing += has.iter().filter(|has| !**has).count();
        let Some(moves) = (0..ways)
            .rev()
            .find(|position| at[*position] < sizes.len() - ways + position)
        else {
            return missing;
        };
        at[moves] += 1;
        for position in moves + 1..ways {
            at[position] = at[position - 1] + 1;
        }
    }
}

fn at_most(parts: &[(usize, usize)], ways: usize, effort: Effort, most: usize) {
    let sizes: Vec<usize> = parts
        .iter()
        .flat_map(|(size, axes)| std::iter::repeat_n(*size, *axes))
        .collect();
    let rows = cover(&Problem::uniform(&sizes, ways), effort, 0).unwrap();
    assert_eq!(missing(&sizes, ways, &rows), 0, "{parts:?}");
    assert!(rows.len() <= most, "{parts:?}: {} rows, and not {most}", rows.len());
}

#[test]
fn never_larger_than_picts() {
    at_most(&[(3, 4)], 2, Effort::Default, 9);
    at_most(&[(3, 13)], 2, Effort::Default, 18);
    at_most(&[(4, 15), (3, 17), (2, 29)], 2, Effort::Default, 37);
    at_most(&[(4, 1), (3, 39), (2, 35)], 2, Effort::Default, 27);
    at_most(&[(2, 100)], 2, Effort::Default, 15);
    at_most(&[(10, 20)], 2, Effort::Default, 210);
}

/// The quick effort, of scenarios, is no worse for arrays of this size.
#[test]
fn quick_is_good_enough() {
    at_most(&[(3, 4)], 2, Effort::Quick, 9);
    at_most(&[(3, 13)], 2, Effort::Quick, 18);
    at_most(&[(4, 15), (3, 17), (2, 29)], 2, Effort::Quick, 37);
    at_most(&[(2, 100)], 2, Effort::Quick, 10);
}

#[test]
fn the_figures_that_are_known_to_be_the_best() {
    at_most(&[(2, 10)], 2, Effort::Default, 6);
    at_most(&[(3, 4)], 3, Effort::Quick, 27);
    at_most(&[(4, 2), (3, 2), (2, 2)], 3, Effort::Default, 48);
    at_most(&[(5, 6)], 3, Effort::Quick, 125);
    at_most(&[(2, 10)], 4, Effort::Quick, 24);
    at_most(&[(2, 11)], 3, Effort::Quick, 12);
}
