//! Which of a scenario's cases a coverage chooses.

use std::{collections::HashSet, fmt};

use meshkat_model::{case::case_id, scenario::Scenario, source::Diagnostic};

use crate::{
    cover::{Effort, Strength, cover},
    expand::{asked, params},
    given::{is_empty, with_cases},
};

/// How much of the full product of a scenario's axes runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Each value of each axis once.
    Each,
    /// Each pair of values of each two axes.
    Pairwise,
    /// Each three values of each three axes.
    ThreeWise,
    /// Every combination.
    Full,
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Each => "each",
            Self::Pairwise => "pairwise",
            Self::ThreeWise => "3-wise",
            Self::Full => "full",
        })
    }
}

/// The ids of the cases that a coverage chooses: all of them are ids of [`expand`](crate::expand()), and the same with the same
/// seed.
///
/// # Errors
/// Constraints that leave nothing, or nothing of a value.
pub fn chosen(scenario: &Scenario, coverage: Coverage, seed: u64) -> Result<HashSet<String>, Vec<Diagnostic>> {
    let scenario = &*with_cases(scenario)?;
    if is_empty(scenario) {
        return Ok(HashSet::new());
    }
    let strength = match coverage {
        Coverage::Each => Strength::Ways(1),
        Coverage::Pairwise => Strength::Ways(2),
        Coverage::ThreeWise => Strength::Ways(3),
        Coverage::Full => Strength::Full,
    };
    let asked = asked(scenario, strength)?;
    let rows = cover(&asked.problem, Effort::Quick, seed).map_err(|failure| asked.tell(&failure))?;
    let ids = rows
        .iter()
        .map(|row| case_id(&scenario.id, &params(&asked.problem, row)));
    Ok(ids.collect())
}
