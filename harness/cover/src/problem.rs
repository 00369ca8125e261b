//! What is to be covered.

pub use meshkat_model::combine::{Strength, Stronger};
use serde_json::Value;

use super::{
    level::{Level, Partial},
    rule::Rule,
};

/// A covering problem. Rows are of levels in the order of `axes`.
#[derive(Debug, Default)]
pub struct Problem {
    /// What varies.
    pub axes: Vec<Axis>,
    /// How many axes are combined with one another.
    pub strength: Strength,
    /// Sets of axes that are combined more strongly than the others.
    pub stronger: Vec<Stronger>,
    /// What every row must hold.
    pub rules: Vec<Rule>,
    /// Rows that must be there, and may have [`Kind::Extra`] values. Where one says nothing, a value is chosen.
    pub include: Vec<Partial>,
    /// Rows that must be there and come first. Where one says nothing, a value is chosen.
    pub seeds: Vec<Partial>,
}

/// An axis and its values.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Its values; a [`Level`] is an index of these.
    pub values: Vec<Choice>,
}

/// A value of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The value.
    pub value: Value,
    /// Where the rows leave a choice, the heaviest is taken. 1 by default.
    pub weight: u32,
    /// What it is for.
    pub kind: Kind,
}

/// What a value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary one.
    Positive,
    /// One that what is tested must refuse. A row has one of these at the most, since the first refusal would hide the
    /// others; and combinations of positive values are covered by rows without any, as far as rules allow.
    Negative,
    /// One that only included rows have. Nothing requires it to be covered.
    Extra,
}

/// How hard to try for few rows. Bounds are numbers of operations, never the clock, so that results are the same on every
/// machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For arrays that are made again and again, as those of scenarios: hundredths of a second.
    Quick,
    /// About a second.
    Default,
    /// Half a minute.
    High,
}

/// Why there is no array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The rules leave nothing of it.
    Impossible {
        /// Of what.
        what: What,
        /// Indices of rules: a smallest set that does so by itself; of many rules, one that does so no longer without any
        /// of its own.
        blame: Vec<usize>,
    },
    /// A rule that is neither true nor false of some values.
    Unanswered {
        /// The rule's index.
        rule: usize,
        /// The values of its axes.
        values: Vec<(usize, Level)>,
        /// What it says instead.
        message: String,
    },
    /// More combinations than memory is for.
    TooMany {
        /// How many, at least.
        found: u128,
        /// How many there may be.
        most: u64,
        /// Of what.
        of: &'static str,
    },
    /// Whether and how the rules allow it, or a first array, takes more work than the effort is for.
    TooHard {
        /// The steps that it may take; a step is one or two nanoseconds.
        steps: u64,
        /// The index of the rule that took the most of them, if any did.
        rule: Option<usize>,
    },
}

/// What can be impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Any row at all.
    Everything,
    /// A row with this value of this axis.
    Value(usize, Level),
    /// The seed of this index.
    Seed(usize),
    /// The included row of this index.
    Included(usize),
}

impl Axis {
    /// An axis with plain values.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
        let plain = |value| Choice {
            value,
            weight: 1,
            kind: Kind::Positive,
        };
        Self {
            name: name.into(),
            values: values.into_iter().map(plain).collect(),
        }
    }

    /// The levels of some kind.
    pub(super) fn levels(&self, of: impl Fn(Kind) -> bool) -> Vec<Level> {
        let all = self.values.iter().enumerate();
        all.filter(|(_, choice)| of(choice.kind))
            .map(|(level, _)| level as Level)
            .collect()
    }
}

impl Problem {
    /// A problem without rules: axes of so many values each, which are numbers from 0.
    pub fn uniform(sizes: &[usize], strength: usize) -> Self {
        let axis = |(number, size): (usize, &usize)| Axis::new(format!("a{number}"), (0..*size).map(Value::from));
        Self {
            axes: sizes.iter().enumerate().map(axis).collect(),
            strength: Strength::Ways(strength),
            ..Self::default()
        }
    }

    /// How many positive and how many negative values an axis has.
    pub(super) fn sizes(&self, axis: usize) -> (u128, u128) {
        let values = self.axes.get(axis).map_or(&[][..], |axis| axis.values.as_slice());
        let count = |kind: Kind| values.iter().filter(|choice| choice.kind == kind).count() as u128;
        (count(Kind::Positive), count(Kind::Negative))
    }

    /// How many rows there would be if every value went with every other.
    pub(super) fn product(&self) -> u128 {
        let sizes = self.axes.iter().map(|axis| axis.values.len() as u128);
        sizes.fold(1, u128::saturating_mul)
    }

    pub(super) fn kind(&self, axis: usize, level: Level) -> Kind {
        self.axes[axis].values[usize::from(level)].kind
    }
}
