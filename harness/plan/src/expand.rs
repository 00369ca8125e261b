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
/// Everything that does not hold in any of the cases, each thing once, in the order of the file; what does not hold in some
/// cases alone tells in which.
pub fn expand(scenario: &Scenario, meshes: &dyn Meshes) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut cases = Vec::new();
    let mut wrong: Vec<Wrong> = Vec::new();
    let all = combinations(&scenario.axes);
    for params in &all {
        match scenario.case(params.clone(), meshes) {
            Ok(case) => cases.push(case),
            Err(more) => note(&mut wrong, more, params),
        }
    }
    let mut told: Vec<Diagnostic> = wrong
        .into_iter()
        .map(|wrong| wrong.tell(&scenario.axes, all.len()))
        .collect();
    if told.is_empty() {
        told.extend(scenario.never_taken(&cases));
    }
    if told.is_empty() {
        return Ok(cases);
    }
    told.sort_by_key(|diagnostic| diagnostic.place.offset);
    Err(told)
}

/// Something that does not hold, and the cases in which it does not.
struct Wrong<'a> {
    diagnostic: Diagnostic,
    seen: Vec<&'a IndexMap<String, Value>>,
}

/// Adds what is wrong in one case. The same place may read differently from case to case and is still one mistake, but
/// what one case tells of one place are as many mistakes.
fn note<'a>(wrong: &mut Vec<Wrong<'a>>, more: Vec<Diagnostic>, params: &'a IndexMap<String, Value>) {
    for diagnostic in more {
        let same = |known: &&mut Wrong<'_>| {
            let is_new = known.seen.last() != Some(&params);
            is_new && known.diagnostic.place == diagnostic.place && known.diagnostic.label == diagnostic.label
        };
        match wrong.iter_mut().find(same) {
            Some(known) => known.seen.push(params),
            None => wrong.push(Wrong {
                diagnostic,
                seen: vec![params],
            }),
        }
    }
}

impl Wrong<'_> {
    fn tell(mut self, axes: &IndexMap<String, Vec<Value>>, of: usize) -> Diagnostic {
        if self.seen.len() < of {
            // An axis matters if some of its values go well.
            let matters = axes.iter().filter_map(|(name, values)| {
                let values = values
                    .iter()
                    .filter(|value| self.seen.iter().any(|params| params.get(name) == Some(value)));
                let texts: Vec<String> = values.map(axis_text).collect();
                (texts.len() < axes[name].len()).then(|| format!("{name}={}", texts.join(" or ")))
            });
            let matters: Vec<String> = matters.collect();
            let only = match matters.is_empty() {
                true => format!("in {} of {of} cases", self.seen.len()),
                false => format!("only with {}", matters.join(" and ")),
            };
            self.diagnostic.message = format!("{} ({only})", self.diagnostic.message);
        }
        self.diagnostic
    }
}

fn axis_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The full product of the axes; of no axes, the one empty combination.
pub(crate) fn combinations(axes: &IndexMap<String, Vec<Value>>) -> Vec<IndexMap<String, Value>> {
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
