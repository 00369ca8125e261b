//! From a scenario to its cases: every combination of the axes' values.

use std::collections::HashSet;

use indexmap::IndexMap;
use meshkat_cover::{Axis, Effort, Failure, Kind, Level, Partial, Problem, Row, Strength, cover, holds};
use meshkat_model::{
    axis::text,
    case::Case,
    limits::{PROBLEMS, grouped},
    scenario::{Meshes, Scenario},
    source::Diagnostic,
};
use serde_json::Value;

use crate::{
    coverage::Coverage,
    given::{is_empty, with_cases},
    problem::{asked, asked_for, params},
};

/// Values of an axis of which a message tells.
const TOLD: usize = 10;

/// Axes, each with its values.
type Axes = IndexMap<String, Vec<Value>>;

/// A value for each axis.
type Params = IndexMap<String, Value>;

/// A scenario's cases.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// The last axis varying fastest; those with values that only `include` has come last.
    pub cases: Vec<Case>,
    /// Whether these are all that there are; otherwise a coverage has chosen them already, as all would be too many.
    pub are_all: bool,
}

/// The cases of a scenario, the last axis varying fastest; those with values that only `include` has come last.
///
/// # Errors
/// That there are too many. Everything that is invalid in any of the cases, each thing once, in the order of the file; what
/// is invalid in some cases alone tells in which.
pub fn expand(scenario: &Scenario, meshes: &dyn Meshes) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let all = expand_or_choose(scenario, meshes, Coverage::Full, 0)?;
    Ok(all.cases)
}

/// All cases of a scenario; where these are too many, those that a coverage chooses with this seed. The others are then never
/// made.
///
/// # Errors
/// Those of [`expand()`]; that those that are chosen are too many, too.
pub fn expand_or_choose(
    scenario: &Scenario,
    meshes: &dyn Meshes,
    coverage: Coverage,
    seed: u64,
) -> Result<Expanded, Vec<Diagnostic>> {
    let scenario = &*with_cases(scenario)?;
    if is_empty(scenario) {
        return Ok(Expanded {
            cases: Vec::new(),
            are_all: true,
        });
    }
    let (axes, rows, are_all) = match rows(scenario) {
        Ok((axes, rows)) => (axes, rows, true),
        Err(Refused::TooMany(_)) if coverage != Coverage::Full => {
            let asked = asked_for(scenario, coverage)?;
            let rows = cover(&asked.problem, Effort::Quick, seed).map_err(|failure| asked.tell(&failure))?;
            if let Some(too_many) = scenario.too_many_cases(rows.len() as u128) {
                return Err(vec![too_many]);
            }
            let rows = rows.iter().map(|row| params(&asked.problem, row)).collect();
            (scenario.axes.clone(), rows, false)
        }
        Err(Refused::TooMany(too_many)) => return Err(vec![*too_many]),
        Err(Refused::Other(wrong)) => return Err(wrong),
    };
    let cases = cases(scenario, meshes, &axes, &rows, are_all)?;
    Ok(Expanded { cases, are_all })
}

/// The case of this id, made without the others; none if the scenario has no such case.
///
/// # Errors
/// What is invalid in it.
pub fn case_of_id(scenario: &Scenario, meshes: &dyn Meshes, id: &str) -> Result<Option<Case>, Vec<Diagnostic>> {
    let values = id
        .strip_prefix(scenario.id.as_str())
        .and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
    let Some(values) = values else { return Ok(None) };
    let words: Option<Vec<(&str, &str)>> = values.split(',').map(|value| value.split_once('=')).collect();
    let Some(words) = words else { return Ok(None) };
    if is_empty(scenario) {
        return Ok(None);
    }
    let asked = asked(scenario, Strength::Ways(1))?;
    let problem = &asked.problem;
    let row = asked.row_of_words(&words).filter(|row| {
        let is_extra = |(axis, level): (&Axis, &Level)| axis.values[usize::from(*level)].kind == Kind::Extra;
        let only_included = problem.axes.iter().zip(row).any(is_extra);
        let has = |given: &Partial| {
            given
                .iter()
                .zip(row)
                .all(|(asked, level)| asked.is_none_or(|asked| asked == *level))
        };
        holds(problem, row) && (!only_included || problem.include.iter().any(has))
    });
    match row {
        None => Ok(None),
        Some(row) => scenario.case(params(problem, &row), meshes).map(Some),
    }
}

/// So many cases with the same mistakes, and none without, are enough to know them: a file with a misspelt key has them in all of
/// its 20,000 cases.
const ENOUGH: usize = 64;

/// How many mistakes are looked at, the same one in several cases counted each time. Each takes up to a millisecond.
const TROUBLES: usize = 2000;

/// Why there are no rows.
enum Refused {
    /// There would be too many of them.
    TooMany(Box<Diagnostic>),
    Other(Vec<Diagnostic>),
}

/// The values of each case, and the axes with all of their values.
fn rows(scenario: &Scenario) -> Result<(Axes, Vec<Params>), Refused> {
    let too_many = |cases: u128| {
        let told = scenario.too_many_cases(cases);
        told.map_or(Ok(()), |told| Err(Refused::TooMany(Box::new(told))))
    };
    if scenario.combinations.are_all() {
        too_many(scenario.combined())?;
        return Ok((scenario.axes.clone(), combinations(&scenario.axes)));
    }
    let asked = asked(scenario, Strength::Full).map_err(Refused::Other)?;
    // How hard to try makes no difference where every row is wanted.
    let rows = cover(&asked.problem, Effort::Quick, 0);
    if let Err(Failure::TooMany { .. } | Failure::TooHard { .. }) = &rows {
        too_many(scenario.combined())?;
    }
    let rows = rows.map_err(|failure| Refused::Other(asked.tell(&failure)))?;
    too_many(rows.len() as u128)?;
    Ok(restricted(&asked.problem, rows))
}

fn cases(
    scenario: &Scenario,
    meshes: &dyn Meshes,
    axes: &Axes,
    all: &[Params],
    are_all: bool,
) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut cases = Vec::new();
    let mut wrong: Vec<Wrong> = Vec::new();
    let (mut made, mut troubles) = (0, 0);
    for params in all {
        made += 1;
        match scenario.case(params.clone(), meshes) {
            Ok(case) => {
                if let Some(too_many) = scenario.too_many_groups(all.len(), case.mesh.groups.len()) {
                    return Err(vec![too_many]);
                }
                cases.push(case);
            }
            Err(more) => {
                troubles += more.len();
                note(&mut wrong, more, params);
            }
        }
        // Nobody reads more at once; and what is wrong in each of so many has nothing to do with the axes.
        let is_everywhere = || made >= ENOUGH && wrong.iter().all(|wrong| wrong.seen.len() == made);
        if wrong.len() > PROBLEMS || troubles > TROUBLES || (troubles > 0 && is_everywhere()) {
            break;
        }
    }
    let mut told: Vec<Diagnostic> = wrong
        .into_iter()
        .map(|wrong| wrong.tell(axes, made, made < all.len()))
        .collect();
    // What none of the chosen cases has may be in one that was not made.
    if told.is_empty() && are_all {
        told.extend(scenario.never_taken(&cases));
    }
    if told.is_empty() {
        return Ok(cases);
    }
    told.sort_by_key(|diagnostic| diagnostic.place.offset);
    Err(told)
}

/// Something that is invalid, and the cases in which it is.
struct Wrong<'a> {
    diagnostic: Diagnostic,
    seen: Vec<&'a IndexMap<String, Value>>,
}

/// Adds what is wrong in one case. The same place may read differently from case to case and is still one mistake, but
/// what one case tells of one place are as many mistakes.
fn note<'a>(wrong: &mut Vec<Wrong<'a>>, more: Vec<Diagnostic>, params: &'a IndexMap<String, Value>) {
    for diagnostic in more {
        if wrong.len() > PROBLEMS {
            return;
        }
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
    /// `of` so many cases, which are the first ones only if there are `more`.
    fn tell(mut self, axes: &IndexMap<String, Vec<Value>>, of: usize, more: bool) -> Diagnostic {
        if self.seen.len() < of {
            // An axis matters if some of its values go well.
            let matters = axes.iter().filter_map(|(name, values)| {
                let seen = self.seen.iter().filter_map(|params| params.get(name)).map(text);
                let seen: HashSet<String> = seen.collect();
                let texts: Vec<String> = values.iter().map(text).filter(|text| seen.contains(text)).collect();
                let more = match texts.len().saturating_sub(TOLD) {
                    0 => String::new(),
                    more => format!(" or {} more", grouped(more as u64)),
                };
                let shown = texts[..texts.len().min(TOLD)].join(" or ");
                (texts.len() < values.len()).then(|| format!("{name}={shown}{more}"))
            });
            let matters: Vec<String> = matters.collect();
            let only = match matters.is_empty() {
                _ if more => format!("in {} of the first {of} cases", self.seen.len()),
                true => format!("in {} of {of} cases", self.seen.len()),
                false => format!("only with {}", matters.join(" and ")),
            };
            self.diagnostic.message = format!("{} ({only})", self.diagnostic.message);
        }
        self.diagnostic
    }
}

/// The axes with all of their values, and the combinations that a scenario's constraints allow.
fn restricted(problem: &Problem, mut rows: Vec<Row>) -> (Axes, Vec<Params>) {
    let is_extra = |row: &[Level]| {
        let mut levels = row.iter().zip(&problem.axes);
        levels.any(|(level, axis)| axis.values[usize::from(*level)].kind == Kind::Extra)
    };
    rows.sort_by_cached_key(|row| (is_extra(row), row.clone()));
    let values = |axis: &Axis| axis.values.iter().map(|choice| choice.value.clone()).collect();
    let axes = problem.axes.iter().map(|axis| (axis.name.clone(), values(axis)));
    (axes.collect(), rows.iter().map(|row| params(problem, row)).collect())
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
