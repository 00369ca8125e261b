//! From a scenario to its cases: every combination of the axes' values.

use indexmap::IndexMap;
use meshkat_model::{
    case::Case,
    scenario::{Meshes, Scenario},
    source::Diagnostic,
};
use serde_json::Value;

/// The cases of a scenario, the last axis varying fastest.
///
/// # Errors
/// Everything that does not hold in any of the cases, each thing once.
pub fn expand(scenario: &Scenario, meshes: &dyn Meshes) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut cases = Vec::new();
    let mut wrong: Vec<Diagnostic> = Vec::new();
    for params in combinations(&scenario.axes) {
        match scenario.case(params, meshes) {
            Ok(case) => cases.push(case),
            Err(more) => more.into_iter().for_each(|diagnostic| {
                let same_place =
                    |known: &Diagnostic| known.place == diagnostic.place && known.label == diagnostic.label;
                if !wrong.iter().any(same_place) {
                    wrong.push(diagnostic);
                }
            }),
        }
    }
    if wrong.is_empty() {
        wrong.extend(scenario.never_taken(&cases));
    }
    if wrong.is_empty() { Ok(cases) } else { Err(wrong) }
}

/// The full product of the axes; of no axes, the one empty combination.
fn combinations(axes: &IndexMap<String, Vec<Value>>) -> Vec<IndexMap<String, Value>> {
    axes.iter().fold(vec![IndexMap::new()], |rows, (name, values)| {
        rows.iter()
            .flat_map(|row| {
                values.iter().map(|value| {
                    let mut row = row.clone();
                    row.insert(name.clone(), value.clone());
                    row
                })
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_combination_once_in_the_order_of_the_file() {
        let axes = IndexMap::from([
            ("a".to_owned(), vec![json!(1), json!(2)]),
            ("b".to_owned(), vec![json!("x"), json!("y"), json!("z")]),
        ]);
        let rows = combinations(&axes);
        assert_eq!(rows.len(), 6);
        assert_eq!(
            rows[0],
            IndexMap::from([("a".to_owned(), json!(1)), ("b".to_owned(), json!("x"))])
        );
        assert_eq!(
            rows[5],
            IndexMap::from([("a".to_owned(), json!(2)), ("b".to_owned(), json!("z"))])
        );
        assert_eq!(
            combinations(&IndexMap::new()).len(),
            1,
            "without axes there is one case"
        );
    }
}
