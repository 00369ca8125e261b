//! Scenarios whose Envoys were given by whoever runs them: what a file refuses of these is left out, and no mistake.

use std::borrow::Cow;

use meshkat_cover::{Effort, Failure, Strength, What, cover};
use meshkat_model::{scenario::Scenario, source::Diagnostic};

use crate::expand::asked;

/// Values and combinations that are left out. Each is found by asking for all that are left.
const MOST: usize = 200;

/// The scenario without values of axes, and without included combinations, that no case can have with the Envoys that were
/// given. A scenario that has the Envoys of its file is as it is.
///
/// # Errors
/// What does not hold whichever Envoys there are.
pub(crate) fn with_cases(scenario: &Scenario) -> Result<Cow<'_, Scenario>, Vec<Diagnostic>> {
    let mut left = Cow::Borrowed(scenario);
    let mut times = 0;
    while left.has_given_envoys() && !left.combinations.are_all() && !is_empty(&left) {
        let asked = asked(&left, Strength::Ways(1))?;
        let Err(failure) = cover(&asked.problem, Effort::Quick, 0) else {
            break;
        };
        times += 1;
        let Failure::Impossible { what, .. } = failure else {
            return Err(asked.tell(&failure));
        };
        if times > MOST {
            return Err(asked.tell(&failure));
        }
        let less = left.into_owned();
        left = Cow::Owned(match what {
            What::Value(axis, value) if usize::from(value) < less.axes[axis].len() => {
                less.without_value(axis, usize::from(value))
            }
            What::Included(at) => less.without_included(at),
            What::Seed(at) => less.without_seed(at),
            What::Value(..) | What::Everything => less.without_cases(),
        });
    }
    Ok(left)
}

/// Whether a scenario has no case: it refuses every Envoy that was given.
pub(crate) fn is_empty(scenario: &Scenario) -> bool {
    scenario.axes.values().any(Vec::is_empty)
}
