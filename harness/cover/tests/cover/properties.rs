//! What holds of every array.

use meshkat_cover::{Effort, Failure, Kind, Problem, Strength, What, cover};
use proptest::prelude::*;

use crate::{
    check::{Spec, has},
    parts::{first_impossible, parts},
};

/// The smallest number of rules that allow no row with these levels, if there is one.
fn smallest_blame(spec: &Spec, partial: &[Option<u16>]) -> Option<u32> {
    let rows: Vec<Vec<u16>> = spec.product().into_iter().filter(|row| has(row, partial)).collect();
    let kills = |set: u32| !rows.iter().any(|row| spec.holds(row, |rule| set & (1 << rule) != 0));
    (0..1_u32 << spec.rules())
        .filter(|set| kills(*set))
        .map(u32::count_ones)
        .min()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn every_array_keeps_its_promises(parts in parts(), seed in 0_u64..4) {
        let spec = parts.spec();
        match first_impossible(&spec) {
            Some(partial) => {
                let Err(Failure::Impossible { what, blame }) = cover(&spec.problem(), Effort::Quick, seed) else {
                    return Err(TestCaseError::fail(format!("{partial:?} is impossible, and nothing is said")));
                };
                let told = match what {
                    What::Value(axis, level) => (0..spec.axes.len()).map(|at| (at == axis).then_some(level)).collect(),
                    _ => vec![None; spec.axes.len()],
                };
                prop_assert_eq!(&told, &partial);
                let rows = spec.product().into_iter().filter(|row| has(row, &partial));
                let kills = !rows.into_iter().any(|row| spec.holds(&row, |rule| blame.contains(&rule)));
                prop_assert!(kills, "{:?} alone allow a row", blame);
                prop_assert_eq!(Some(blame.len() as u32), smallest_blame(&spec, &partial), "not the smallest: {:?}", blame);
            }
            None => {
                let spec = parts.with_rows(spec);
                let rows = cover(&spec.problem(), Effort::Quick, seed).unwrap();
                if let Err(wrong) = spec.check(&rows) {
                    return Err(TestCaseError::fail(wrong));
                }
                prop_assert_eq!(&rows, &cover(&spec.problem(), Effort::Quick, seed).unwrap(), "another array for the same seed");
                // Every entry costs a check by brute force.
                if rows.len() <= 8 && spec.product().len() <= 150 {
                    none_lighter_than_need_be(&spec, &rows)?;
                    none_is_there_for_nothing(&spec, &rows)?;
                }
            }
        }
    }

    #[test]
    fn full_is_every_row_that_the_rules_allow(parts in parts()) {
        let spec = parts.spec();
        if first_impossible(&spec).is_some() {
            return Ok(());
        }
        let problem = Problem { strength: Strength::Full, ..spec.problem() };
        let mut rows = cover(&problem, Effort::Quick, 0).unwrap();
        rows.sort();
        let all: Vec<Vec<u16>> = spec.product().into_iter().filter(|row| spec.holds(row, |_| true)).collect();
        prop_assert_eq!(rows, all);
    }
}

/// No entry of a row that was not asked for can be made heavier without losing anything.
fn none_lighter_than_need_be(spec: &Spec, rows: &[Vec<u16>]) -> Result<(), TestCaseError> {
    let asked = |row: &Vec<u16>| spec.seeds.iter().chain(&spec.include).any(|partial| has(row, partial));
    for at in (0..rows.len()).filter(|at| !asked(&rows[*at])) {
        for (axis, levels) in spec.axes.iter().enumerate() {
            let old = rows[at][axis];
            for (level, (kind, weight)) in levels.iter().enumerate() {
                if *weight > levels[usize::from(old)].1 && *kind == levels[usize::from(old)].0 {
                    let mut others = rows.to_vec();
                    others[at][axis] = level as u16;
                    // Where that makes it another one's twin, one of the two is enough.
                    if rows.contains(&others[at]) {
                        others.remove(at);
                    }
                    prop_assert!(
                        spec.check(&others).is_err(),
                        "{:?} could have {level} of the axis {axis}",
                        rows[at]
                    );
                }
            }
        }
    }
    Ok(())
}

/// Every row that was not asked for has something that no other one has.
fn none_is_there_for_nothing(spec: &Spec, rows: &[Vec<u16>]) -> Result<(), TestCaseError> {
    let asked = |row: &Vec<u16>| spec.seeds.iter().chain(&spec.include).any(|partial| has(row, partial));
    for at in (0..rows.len()).filter(|at| !asked(&rows[*at])) {
        let mut others = rows.to_vec();
        others.remove(at);
        prop_assert!(spec.check(&others).is_err(), "{:?} is there for nothing", rows[at]);
    }
    Ok(())
}

/// Larger problems, with rules, than brute force over all of their rows can check: every pair of levels must be covered, but for
/// those that are forbidden.
#[test]
fn many_axes_with_forbidden_pairs() {
    let mut spec = Spec::of(&[3; 8], 2);
    for axis in 0..7 {
        spec.forbidden.push(vec![(axis, 0), (axis + 1, 2)]);
    }
    let rows = cover(&spec.problem(), Effort::Quick, 0).unwrap();
    assert_eq!(spec.check(&rows), Ok(()));
    // Without rules 12 would do, and 9 are too few.
    assert!(rows.len() <= 16, "{} rows", rows.len());
}

/// Pairs that no single rule forbids: what two rules say together must be found.
#[test]
fn what_follows_from_several_rules_is_neither_covered_nor_missing() {
    let mut spec = Spec::of(&[2, 2, 2, 3], 2);
    // 0 of the first means 0 of the second, which means 0 of the third.
    spec.forbidden.push(vec![(0, 0), (1, 1)]);
    spec.forbidden.push(vec![(1, 0), (2, 1)]);
    let rows = cover(&spec.problem(), Effort::Quick, 0).unwrap();
    assert_eq!(spec.check(&rows), Ok(()));
    assert!(!rows.iter().any(|row| row[0] == 0 && row[2] == 1));
}

/// Heavier values are taken where there is a choice.
#[test]
fn a_heavy_value_is_more_frequent() {
    let mut spec = Spec::of(&[5, 5, 2], 2);
    let light = cover(&spec.problem(), Effort::Quick, 0).unwrap();
    spec.axes[2][1].1 = 10;
    let heavy = cover(&spec.problem(), Effort::Quick, 0).unwrap();
    let count = |rows: &[Vec<u16>]| rows.iter().filter(|row| row[2] == 1).count();
    assert!(
        count(&heavy) > count(&light) && count(&heavy) >= 15,
        "{} and {}",
        count(&heavy),
        count(&light)
    );
}

/// Also where rows were changed again and again until there were few.
#[test]
fn heavy_values_stay_where_rows_were_made_fewer() {
    let mut spec = Spec::of(&[3, 3, 3, 3, 3, 2], 2);
    spec.axes.iter_mut().for_each(|levels| levels[1].1 = 7);
    spec.forbidden.push(vec![(0, 1), (1, 1)]);
    for seed in 0..4 {
        let rows = cover(&spec.problem(), Effort::Quick, seed).unwrap();
        assert_eq!(spec.check(&rows), Ok(()));
        none_lighter_than_need_be(&spec, &rows).unwrap();
    }
}

/// Different seeds are different arrays, which hold all the same.
#[test]
fn another_seed_is_another_array() {
    let spec = Spec::of(&[4, 3, 3, 2], 2);
    let arrays: Vec<_> = (0..3)
        .map(|seed| cover(&spec.problem(), Effort::Quick, seed).unwrap())
        .collect();
    assert!(arrays[0] != arrays[1] || arrays[1] != arrays[2]);
    assert!(arrays.iter().all(|rows| spec.check(rows) == Ok(())));
}

/// Regression: an axis that has negative levels alone leaves no row without one, and there are arrays all the same.
#[test]
fn an_axis_of_negative_levels_alone() {
    let mut spec = Spec::of(&[2, 3, 2], 2);
    spec.axes[1].iter_mut().for_each(|level| level.0 = Kind::Negative);
    let rows = cover(&spec.problem(), Effort::Quick, 0).unwrap();
    assert_eq!(spec.check(&rows), Ok(()));
}

/// Regression: of no axes there is one combination.
#[test]
fn no_axes() {
    assert_eq!(cover(&Problem::default(), Effort::Quick, 0), Ok(vec![Vec::new()]));
}

/// A negative level is never beside another one, and each meets every positive one.
#[test]
fn negative_levels_come_one_at_a_time() {
    for ways in 1..4 {
        let mut spec = Spec::of(&[3, 3, 3, 2], ways);
        for (axis, level) in [(0, 2), (1, 0), (1, 2), (2, 1)] {
            spec.axes[axis][level].0 = Kind::Negative;
        }
        let rows = cover(&spec.problem(), Effort::Quick, 0).unwrap();
        assert_eq!(spec.check(&rows), Ok(()), "{ways}");
        let first = rows.iter().position(|row| spec.negatives(row) > 0).unwrap();
        assert!(
            rows[first..].iter().all(|row| spec.negatives(row) == 1),
            "those with negative levels come last"
        );
    }
}

/// Of many rules, those that are to blame are found, and none that is not.
#[test]
fn blame_among_many_rules() {
    let mut spec = Spec::of(&[3; 30], 2);
    for axis in 0..29 {
        spec.forbidden.push(vec![(axis, 0), (axis + 1, 2)]);
    }
    // 1 of the first forbids each level of the last, through the one before it.
    spec.forbidden.push(vec![(0, 1), (29, 0)]);
    spec.forbidden.push(vec![(0, 1), (29, 1)]);
    spec.forbidden.push(vec![(0, 1), (28, 0), (29, 2)]);
    spec.forbidden.push(vec![(0, 1), (28, 1)]);
    spec.forbidden.push(vec![(0, 1), (28, 2)]);
    let Err(Failure::Impossible { what, blame }) = cover(&spec.problem(), Effort::Quick, 0) else {
        panic!("nothing is said");
    };
    assert_eq!(what, What::Value(0, 1));
    // Of the last axis 0 and 1 are forbidden by one rule each, and 2 together with the rest of the chain.
    let kills = |rules: &[usize]| {
        let mut left = spec.clone();
        left.axes.iter_mut().for_each(|levels| levels.truncate(3));
        let forbidden = rules.iter().map(|rule| spec.forbidden[*rule].clone()).collect();
        left.forbidden = forbidden;
        cover(&left.problem(), Effort::Quick, 0).is_err()
    };
    assert!(kills(&blame), "{blame:?}");
    for without in 0..blame.len() {
        let mut fewer = blame.clone();
        fewer.remove(without);
        assert!(!kills(&fewer), "{blame:?} without {without} is enough");
    }
}
