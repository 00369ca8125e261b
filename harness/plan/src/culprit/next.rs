//! Which case to run next.

use meshkat_model::culprit::Why;

use super::{
    explain::{Conjunction, Explanation, failures_of},
    table::{Part, Row, Seen, Table, distance, has, has_all, size},
};

/// A case that has all that the failures of a cause share but for one value. If it fails, the value is no part of the
/// cause; if it passes, the value is needed.
pub(super) fn split(table: &Table, explanation: &Explanation) -> Option<(usize, Why)> {
    explanation.iter().find_map(|cause| {
        let rows = failures_of(table, cause, explanation);
        let shared = table.shared(rows.iter().copied());
        let base = rows.iter().min_by_key(|row| size(row))?;
        // What is least likely to be needed comes first: it fails, and the rest is nearer to the cause.
        let (needed, besides): (Vec<Part>, Vec<Part>) = shared.iter().partition(|part| cause.contains(part));
        besides
            .iter()
            .chain(&needed)
            .find_map(|part| without(table, part, &shared, base))
    })
}

/// Where nothing passes, or nothing small explains the failures: a case away from what the failures share, or from the
/// smallest of them, in one value.
pub(super) fn apart(table: &Table) -> Option<(usize, Why)> {
    let base = table.failing().min_by_key(|row| size(row))?;
    let shared = table.shared(table.failing());
    let whole = table.parts(base);
    let tried = |parts: &[Part]| parts.iter().find_map(|part| without(table, part, parts, base));
    tried(&shared).or_else(|| tried(&whole))
}

/// An untried case that has all of `shared` but `part`, as near to `base` as there is. None where a passing case shows
/// already that `part` is needed.
fn without(table: &Table, part: &Part, shared: &[Part], base: &Row) -> Option<(usize, Why)> {
    let rest: Conjunction = shared.iter().filter(|other| *other != part).copied().collect();
    if table.passing().any(|row| has_all(row, &rest)) {
        return None;
    }
    let untried = (0..table.rows.len()).filter(|number| table.seen[*number] == Seen::Nothing);
    let lacks = untried.filter(|number| {
        let row = &table.rows[*number];
        has_all(row, &rest) && !has(row, part)
    });
    let nearest = lacks.min_by_key(|number| {
        let row = &table.rows[*number];
        (distance(row, base), size(row), *number)
    })?;
    let without = table.values(&[*part]);
    Some((nearest, Why::Split { without }))
}

/// A case that is nearer to the first values than the smallest failure: at once the nearest that has a cause, and else one
/// value nearer.
pub(super) fn shrink(table: &Table, causes: &[Conjunction]) -> Option<(usize, Why)> {
    let smallest = table.failing().min_by_key(|row| size(row))?;
    let untried = |number: &usize| table.seen[*number] == Seen::Nothing;
    let at_once = causes.iter().filter_map(|cause| {
        let mut row: Row = vec![0; table.axes.len()];
        cause.iter().for_each(|(axis, value)| row[*axis] = *value);
        let number = table.find(&row).filter(untried)?;
        (size(&row) < size(smallest)).then_some(number)
    });
    let found = at_once
        .min_by_key(|number| size(&table.rows[*number]))
        .or_else(|| nearer(table, smallest).find(untried))?;
    Some((found, Why::Shrink))
}

/// The cases that are one value nearer to the first ones than `row`, as far as the scenario has them.
pub(super) fn nearer<'a>(table: &'a Table, row: &'a Row) -> impl Iterator<Item = usize> + 'a {
    let away = row.iter().enumerate().filter(|(_, value)| **value != 0);
    away.filter_map(|(axis, _)| {
        let mut nearer = row.clone();
        nearer[axis] = 0;
        table.find(&nearer)
    })
}
