//! From a scenario to its cases: every combination of the axes' values.

use indexmap::IndexMap;
use meshkat_model::{
    case::Case,
    scenario::{Meshes, Scenario},
    source::Diagnostic,
};
use serde_json::Value;

use crate::given::{is_empty, with_cases};

use crate::cover::{Asked, Axis, Kind, Level, Problem, Strength, cover};

/// Axes, each with its values.
type Axes = IndexMap<String, Vec<Value>>;

/// A value for each axis.
type Params = IndexMap<String, Value>;

/// The cases of a scenario, the last axis varying fastest; those with values that only `include` has come last.
///
/// # Errors
/// Everything that does not hold in any of the cases, each thing once, in the order of the file; what does not hold in some
/// cases alone tells in which.
pub fn expand(scenario: &Scenario, meshes: &dyn Meshes) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut cases = Vec::new();
    let mut wrong: Vec<Wrong> = Vec::new();
    let scenario = &*with_cases(scenario)?;
    if is_empty(scenario) {
        return Ok(cases);
    }
    let (axes, all) = match scenario.combinations.are_all() {
        true => (scenario.axes.clone(), combinations(&scenario.axes)),
        false => restricted(scenario)?,
    };
    for params in &all {
        match scenario.case(params.clone(), meshes) {
            Ok(case) => cases.push(case),
            Err(more) => note(&mut wrong, more, params),
        }
    }
    let mut told: Vec<Diagnostic> = wrong.into_iter().map(|wrong| wrong.tell(&axes, all.len())).collect();
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

/// A value as it stands in ids and texts.
pub(crate) fn axis_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The axes with all of their values, and the combinations that a scenario's constraints allow.
fn restricted(scenario: &Scenario) -> Result<(Axes, Vec<Params>), Vec<Diagnostic>> {
    let asked = asked(scenario, Strength::Full)?;
    let problem = &asked.problem;
    // How hard to try makes no difference where every row is wanted.
    let mut rows = cover(problem, crate::cover::Effort::Quick, 0).map_err(|failure| asked.tell(&failure))?;
    let is_extra = |row: &[Level]| {
        let mut levels = row.iter().zip(&problem.axes);
        levels.any(|(level, axis)| axis.values[usize::from(*level)].kind == Kind::Extra)
    };
    rows.sort_by_cached_key(|row| (is_extra(row), row.clone()));
    let values = |axis: &Axis| axis.values.iter().map(|choice| choice.value.clone()).collect();
    let axes = problem.axes.iter().map(|axis| (axis.name.clone(), values(axis)));
    Ok((axes.collect(), rows.iter().map(|row| params(problem, row)).collect()))
}

/// A scenario's axes and what it says about their combinations, as a problem.
pub(crate) fn asked(scenario: &Scenario, strength: Strength) -> Result<Asked, Vec<Diagnostic>> {
    let axes = scenario
        .axes
        .iter()
        .map(|(name, values)| Axis::new(name, values.iter().cloned()));
    let (source, combinations) = (&scenario.source, &scenario.combinations);
    Asked::new(source, scenario.axes_place(), axes.collect(), combinations, strength)
}

/// The values of a row.
pub(crate) fn params(problem: &Problem, row: &[Level]) -> IndexMap<String, Value> {
    let values = problem.axes.iter().zip(row);
    values
        .map(|(axis, level)| (axis.name.clone(), axis.values[usize::from(*level)].value.clone()))
        .collect()
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
