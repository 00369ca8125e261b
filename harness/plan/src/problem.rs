//! A scenario's axes, as the problem of covering their combinations.

use indexmap::IndexMap;
use meshkat_cover::{Asked, Axis, Level, Problem, Strength};
use meshkat_model::{scenario::Scenario, source::Diagnostic};
use serde_json::Value;

use crate::coverage::Coverage;

/// A scenario's axes and what it says about their combinations, for a coverage.
pub(crate) fn asked_for(scenario: &Scenario, coverage: Coverage) -> Result<Asked, Vec<Diagnostic>> {
    let strength = match coverage {
        Coverage::Each => Strength::Ways(1),
        Coverage::Pairwise => Strength::Ways(2),
        Coverage::ThreeWise => Strength::Ways(3),
        Coverage::Full => Strength::Full,
    };
    let mut asked = asked(scenario, strength)?;
    if coverage == Coverage::Each {
        // Whoever wants each value once wants no more.
        asked.problem.stronger.clear();
    }
    Ok(asked)
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
