//! The cases of a scenario as rows of numbers, and what is known of each.

use indexmap::IndexMap;
use serde_json::Value;

/// A value of an axis: the axis's number, and the value's number in it.
pub(super) type Part = (usize, usize);

/// One value for each axis, by number; 0 is the axis's first.
pub(super) type Row = Vec<usize>;

/// What is known of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It was not run.
    Nothing,
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It says nothing: it was skipped, its environment broke, or its verdict changed. It is not tried again.
    Useless,
}

/// Every case that a scenario has.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) axes: IndexMap<String, Vec<Value>>,
    pub(super) rows: Vec<Row>,
    pub(super) seen: Vec<Seen>,
    /// Whether there may be cases, and so values, that are not here.
    pub(super) is_part: bool,
}

impl Table {
    /// The axes' values in the order in which the cases bring them.
    pub(super) fn new<'a>(cases: impl Iterator<Item = &'a IndexMap<String, Value>>) -> Self {
        let mut axes: IndexMap<String, Vec<Value>> = IndexMap::new();
        let mut rows = Vec::new();
        for params in cases {
            let mut row = vec![0; axes.len()];
            for (axis, value) in params {
                let entry = axes.entry(axis.clone());
                let number = entry.index();
                let values = entry.or_default();
                let at = values.iter().position(|known| known == value).unwrap_or_else(|| {
                    values.push(value.clone());
                    values.len() - 1
                });
                row.resize(row.len().max(number + 1), 0);
                row[number] = at;
            }
            rows.push(row);
        }
        let seen = vec![Seen::Nothing; rows.len()];
        Self {
            axes,
            rows,
            seen,
            is_part: false,
        }
    }

    pub(super) fn with(&self, seen: Seen) -> impl Iterator<Item = &Row> + Clone {
        let all = self.rows.iter().zip(&self.seen);
        all.filter(move |(_, what)| **what == seen).map(|(row, _)| row)
    }

    pub(super) fn failing(&self) -> impl Iterator<Item = &Row> + Clone {
        self.with(Seen::Failed)
    }

    pub(super) fn passing(&self) -> impl Iterator<Item = &Row> + Clone {
        self.with(Seen::Passed)
    }

    /// What a row has of the axes that vary at all, or may do so.
    pub(super) fn parts(&self, row: &Row) -> Vec<Part> {
        let parts = row.iter().copied().enumerate();
        parts
            .filter(|(axis, _)| self.is_part || self.axes[*axis].len() > 1)
            .collect()
    }

    /// What all of these rows have.
    pub(super) fn shared<'a>(&self, mut rows: impl Iterator<Item = &'a Row>) -> Vec<Part> {
        let Some(first) = rows.next() else { return Vec::new() };
        let mut parts = self.parts(first);
        for row in rows {
            parts.retain(|part| has(row, part));
        }
        parts
    }

    /// Parts as values by axis.
    pub(super) fn values(&self, parts: &[Part]) -> IndexMap<String, Value> {
        let named = parts.iter().filter_map(|(axis, value)| {
            let (name, values) = self.axes.get_index(*axis)?;
            Some((name.clone(), values.get(*value)?.clone()))
        });
        named.collect()
    }

    /// The number of the case with exactly these values.
    pub(super) fn find(&self, row: &Row) -> Option<usize> {
        self.rows.iter().position(|known| known == row)
    }
}

pub(super) fn has(row: &Row, part: &Part) -> bool {
    row[part.0] == part.1
}

pub(super) fn has_all(row: &Row, parts: &[Part]) -> bool {
    parts.iter().all(|part| has(row, part))
}

/// How many values are not the first of their axis.
pub(super) fn size(row: &Row) -> usize {
    row.iter().filter(|value| **value != 0).count()
}

/// In how many axes two rows differ.
pub(super) fn distance(one: &Row, other: &Row) -> usize {
    one.iter().zip(other).filter(|(a, b)| a != b).count()
}
