//! Scenarios whose Envoys were given by whoever runs them: what a file refuses of these is left out, and no mistake.

use std::borrow::Cow;

use meshkat_cover::{Effort, Strength, What, all_impossible};
use meshkat_model::{scenario::Scenario, source::Diagnostic};

use crate::problem::asked;

/// The scenario without values of axes, and without included combinations, that no case can have with the Envoys that were
/// given. A scenario that has the Envoys of its file is as it is.
///
/// # Errors
/// What is invalid whichever Envoys there are.
pub(crate) fn with_cases(scenario: &Scenario) -> Result<Cow<'_, Scenario>, Vec<Diagnostic>> {
    if !scenario.has_given_envoys() || scenario.combinations.are_all() || is_empty(scenario) {
        return Ok(Cow::Borrowed(scenario));
    }
    let asked = asked(scenario, Strength::Ways(1))?;
    let impossible = all_impossible(&asked.problem, Effort::Quick).map_err(|failure| asked.tell(&failure))?;
    // The last ones first, so that the numbers of the others stay what they are.
    let left = impossible
        .into_iter()
        .rev()
        .fold(scenario.clone(), |left, what| match what {
            What::Value(axis, value) if usize::from(value) < left.axes[axis].len() => {
                left.without_value(axis, usize::from(value))
            }
            What::Included(at) => left.without_included(at),
            What::Seed(at) => left.without_seed(at),
            What::Value(..) | What::Everything => left.without_cases(),
        });
    Ok(Cow::Owned(left))
}

/// Whether a scenario has no case: it refuses every Envoy that was given.
pub(crate) fn is_empty(scenario: &Scenario) -> bool {
    scenario.axes.values().any(Vec::is_empty)
}
