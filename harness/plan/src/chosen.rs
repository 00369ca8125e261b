//! Which of a scenario's cases a coverage chooses.

use std::collections::{HashMap, HashSet};

use meshkat_cover::{Asked, Effort, Level, Row, Rule, cover, cover_preferring};
use meshkat_model::{
    capability::Capabilities,
    case::{Case, case_id},
    scenario::Scenario,
    source::Diagnostic,
};

use crate::{
    coverage::Coverage,
    given::{is_empty, with_cases},
    problem::{asked_for, params},
    skip::why_not,
};

/// The ids of the cases that a coverage chooses of a scenario: ids of `cases`, which are all that [`expand`](crate::expand())
/// gives, and the same with the same seed and capabilities.
///
/// What any case has that a runtime of these capabilities can run is in a chosen case that it can run. What only others have is
/// in as few of those as will do.
///
/// # Errors
/// Constraints that leave nothing, or nothing of a value.
pub fn chosen(
    scenario: &Scenario,
    cases: &[Case],
    coverage: Coverage,
    seed: u64,
    capabilities: &Capabilities,
) -> Result<HashSet<String>, Vec<Diagnostic>> {
    let scenario = &*with_cases(scenario)?;
    if is_empty(scenario) {
        return Ok(HashSet::new());
    }
    let mut asked = asked_for(scenario, coverage)?;
    let rows = match can_run(&asked, cases, capabilities).filter(|_| coverage != Coverage::Full) {
        None => cover(&asked.problem, Effort::Quick, seed),
        Some(can_run) => cover_preferring(&mut asked.problem, can_run, Effort::Quick, seed),
    };
    let rows = rows.map_err(|failure| asked.tell(&failure))?;
    let ids = rows
        .iter()
        .map(|row| case_id(&scenario.id, &params(&asked.problem, row)));
    Ok(ids.collect())
}

/// Which rows are cases that can run, as a rule over as few axes as will do; none where all or none of them are.
fn can_run(asked: &Asked, cases: &[Case], capabilities: &Capabilities) -> Option<Rule> {
    let axes = &asked.problem.axes;
    let rows = cases.iter().filter_map(|case| {
        let row = asked.row(&case.params)?;
        Some((row, why_not(case, capabilities).is_none()))
    });
    let rows: Vec<(Row, bool)> = rows.collect();
    if rows.iter().all(|(_, can)| *can) || !rows.iter().any(|(_, can)| *can) {
        return None;
    }
    let mut scope: Vec<usize> = (0..axes.len()).collect();
    for axis in (0..axes.len()).rev() {
        let without: Vec<usize> = scope.iter().copied().filter(|other| *other != axis).collect();
        if answers(&without, &rows).is_some() {
            scope = without;
        }
    }
    let answers = answers(&scope, &rows)?;
    let sizes: Vec<usize> = scope.iter().map(|axis| axes[*axis].values.len()).collect();
    // What is no case is another rule's business.
    let question = move |levels: &[Level]| Ok(answers.get(levels).copied().unwrap_or(true));
    Rule::ask(scope, &sizes, Box::new(question)).ok()
}

/// Whether rows can run, by their levels of these axes; none where these do not tell.
fn answers(scope: &[usize], rows: &[(Row, bool)]) -> Option<HashMap<Row, bool>> {
    let mut answers = HashMap::new();
    for (row, can) in rows {
        let levels: Row = scope.iter().map(|axis| row[*axis]).collect();
        if *answers.entry(levels).or_insert(*can) != *can {
            return None;
        }
    }
    Some(answers)
}
