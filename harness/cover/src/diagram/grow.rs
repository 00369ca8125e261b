//! From a formula to a graph, axis by axis: what is left of the formula once the axes before have their levels is a node.

use std::collections::HashMap;

use meshkat_model::expression::formula::{Comparison, Formula};

use super::{DEAD, DONE, Diagram, Nodes};
use crate::level::Level;

/// Parts of formulas that may be looked at for one graph.
const MOST: usize = 2_000_000;

/// Edges that a graph may have before what is alike is joined.
const MOST_EDGES: usize = 200_000;

impl Diagram {
    /// Of a formula over axes with so many levels; its names are indices of these. None if it would be large. Takes what it does
    /// out of `left`.
    pub(crate) fn of_formula(formula: &Formula, sizes: &[usize], left: &mut usize) -> Option<Self> {
        let most = MOST.min(*left);
        let mut work = 0;
        let grown = grow(formula, sizes, most, &mut work);
        *left = left.saturating_sub(work);
        grown
    }
}

fn grow(formula: &Formula, sizes: &[usize], most: usize, work: &mut usize) -> Option<Diagram> {
    let mut layers: Vec<Vec<u32>> = Vec::new();
    let mut states = vec![formula.clone()];
    let mut edges_in_all = 0;
    for (axis, size) in sizes.iter().enumerate() {
        let mut known: HashMap<Formula, u32> = HashMap::new();
        let mut next = Vec::new();
        let mut edges = Vec::new();
        for state in &states {
            for level in 0..*size {
                let rest = with(state, axis, level as Level);
                *work += 20 + 3 * state.size();
                if *work > most {
                    return None;
                }
                edges.push(match rest {
                    Formula::Is(0) => DEAD,
                    rest => *known.entry(rest).or_insert_with_key(|rest| {
                        next.push(rest.clone());
                        next.len() as u32 - 1
                    }),
                });
            }
        }
        edges_in_all += edges.len();
        if edges_in_all > MOST_EDGES {
            return None;
        }
        layers.push(edges);
        states = next;
    }
    // What is left without axes is a truth, and only that which is true is there.
    let mut below: Vec<u32> = states
        .iter()
        .map(|state| if *state == Formula::Is(0) { DEAD } else { DONE })
        .collect();
    let mut nodes = Nodes::default();
    for (edges, size) in layers.iter().zip(sizes).rev() {
        nodes.known.clear();
        below = edges
            .chunks(*size)
            .map(|edges| {
                let joined: Vec<u32> = edges
                    .iter()
                    .map(|edge| if *edge == DEAD { DEAD } else { below[*edge as usize] })
                    .collect();
                nodes.of(&joined)
            })
            .collect();
    }
    Some(Diagram {
        sizes: sizes.to_vec(),
        first: nodes.first,
        edges: nodes.edges,
        root: below.first().copied().unwrap_or(DEAD),
    })
}

/// What is left of a formula when an axis has a level.
fn with(formula: &Formula, axis: usize, level: Level) -> Formula {
    let inner = |of: &Formula| with(of, axis, level);
    match formula {
        Formula::Is(number) => Formula::Is(*number),
        Formula::Of { name, values } if *name == axis => Formula::Is(values[usize::from(level)]),
        Formula::Of { .. } => formula.clone(),
        Formula::Sum(number, parts) => {
            let (mut number, mut left) = (*number, Vec::new());
            for part in parts {
                match inner(part) {
                    Formula::Is(more) => number += more,
                    other => left.push(other),
                }
            }
            if left.is_empty() {
                Formula::Is(number)
            } else {
                Formula::Sum(number, left)
            }
        }
        Formula::Times(number, of) => match inner(of) {
            Formula::Is(of) => Formula::Is(number * of),
            of => Formula::Times(*number, Box::new(of)),
        },
        Formula::Rest(of, by) => match inner(of) {
            Formula::Is(of) => Formula::Is(of % by),
            // Where nothing is below 0, only the rest of what is known matters.
            Formula::Sum(number, parts) if number >= 0 && parts.iter().all(|part| range(part).0 >= 0) => {
                Formula::Rest(Box::new(Formula::Sum(number % by, parts)), *by)
            }
            of => Formula::Rest(Box::new(of), *by),
        },
        Formula::All(parts) => all(parts.iter().map(inner), 0, Formula::All),
        Formula::Any(parts) => all(parts.iter().map(inner), 1, Formula::Any),
        Formula::Not(of) => match inner(of) {
            Formula::Is(of) => Formula::Is(i64::from(of == 0)),
            of => Formula::Not(Box::new(of)),
        },
        Formula::Compare(left, sign, right) => {
            let (left, right) = (inner(left), inner(right));
            let (of_left, of_right) = (range(&left), range(&right));
            // Whether it holds may follow from what both can come to.
            let sure = match sign {
                _ if of_left.0 == of_left.1 && of_right.0 == of_right.1 => Some(sign.holds(of_left.0, of_right.0)),
                Comparison::Equal => (of_left.1 < of_right.0 || of_right.1 < of_left.0).then_some(false),
                Comparison::Less | Comparison::AtMost => {
                    let (best, worst) = (sign.holds(of_left.0, of_right.1), sign.holds(of_left.1, of_right.0));
                    (best == worst).then_some(best)
                }
            };
            match sure {
                Some(holds) => Formula::Is(i64::from(holds)),
                None => Formula::Compare(Box::new(left), *sign, Box::new(right)),
            }
        }
    }
}

/// Parts joined by "and", of which a 0 decides; or by "or", and a 1.
fn all(parts: impl Iterator<Item = Formula>, decides: i64, join: fn(Vec<Formula>) -> Formula) -> Formula {
    let mut left = Vec::new();
    for part in parts {
        match part {
            Formula::Is(truth) if (truth != 0) == (decides != 0) => return Formula::Is(decides),
            Formula::Is(_) => {}
            other => left.push(other),
        }
    }
    if left.is_empty() {
        Formula::Is(1 - decides)
    } else {
        join(left)
    }
}

/// The smallest and the largest number that it could come to.
fn range(formula: &Formula) -> (i64, i64) {
    match formula {
        Formula::Is(number) => (*number, *number),
        Formula::Of { values, .. } => {
            let least = values.iter().min().copied().unwrap_or(0);
            (least, values.iter().max().copied().unwrap_or(0))
        }
        Formula::Sum(number, parts) => parts
            .iter()
            .map(range)
            .fold((*number, *number), |sum, part| (sum.0 + part.0, sum.1 + part.1)),
        Formula::Times(number, of) => {
            let of = range(of);
            let (one, other) = (number * of.0, number * of.1);
            (one.min(other), one.max(other))
        }
        Formula::Rest(of, by) => (if range(of).0 < 0 { 1 - by } else { 0 }, by - 1),
        _ => (0, 1),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rule::next;

    fn bits(axes: usize) -> Vec<Formula> {
        let values: Arc<[i64]> = vec![0, 1].into();
        (0..axes)
            .map(|name| Formula::Of {
                name,
                values: values.clone(),
            })
            .collect()
    }

    /// A graph says what its formula says, of every row.
    fn agrees(formula: &Formula, sizes: &[usize]) -> Diagram {
        let diagram = Diagram::of_formula(formula, sizes, &mut 10_000_000).expect("it is small");
        let mut levels = vec![0; sizes.len()];
        for _ in 0..sizes.iter().product() {
            let value = formula.value(&|axis| usize::from(levels[axis]));
            assert_eq!(
                diagram.allows(levels.iter().copied()),
                value != 0,
                "{formula:?} of {levels:?}"
            );
            next(&mut levels, sizes);
        }
        diagram
    }

    #[test]
    fn a_graph_says_what_its_formula_says() {
        let compare =
            |left: Formula, sign, right: i64| Formula::Compare(Box::new(left), sign, Box::new(Formula::Is(right)));
        for sign in [Comparison::Equal, Comparison::Less, Comparison::AtMost] {
            for number in -1..=8 {
                agrees(&compare(Formula::Sum(0, bits(7)), sign, number), &[2; 7]);
                agrees(
                    &Formula::Not(Box::new(compare(Formula::Sum(3, bits(5)), sign, number))),
                    &[2; 5],
                );
            }
        }
        let rest = |of| Formula::Rest(Box::new(of), 2);
        let odd = compare(rest(Formula::Sum(-3, bits(8))), Comparison::Equal, 1);
        agrees(&odd, &[2; 8]);
        let any = Formula::Any(vec![
            odd,
            Formula::All(bits(8)),
            Formula::Not(Box::new(bits(8).remove(3))),
        ]);
        agrees(&any, &[2; 8]);
        let words = |name, words: &[i64]| Formula::Of {
            name,
            values: words.to_vec().into(),
        };
        let same = Formula::Compare(
            Box::new(words(0, &[3, 5, 9])),
            Comparison::Equal,
            Box::new(words(2, &[5, 3, 3, 2])),
        );
        agrees(&same, &[3, 2, 4]);
        agrees(
            &Formula::Compare(
                Box::new(Formula::Times(-2, Box::new(words(1, &[0, 4])))),
                Comparison::Less,
                Box::new(words(0, &[-8, 0, 1])),
            ),
            &[3, 2],
        );
    }

    #[test]
    fn at_most_four_of_many_is_small() {
        let most = Formula::Compare(
            Box::new(Formula::Sum(0, bits(24))),
            Comparison::AtMost,
            Box::new(Formula::Is(4)),
        );
        let diagram = Diagram::of_formula(&most, &[2; 24], &mut 10_000_000).expect("it is small");
        assert!(diagram.edges.len() < 500, "{} edges", diagram.edges.len());
    }
}
