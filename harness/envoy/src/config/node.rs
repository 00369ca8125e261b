//! Where the parts of a document stand.

use super::{path::Step, value::camel_case};

/// Where a value stands, and where those do that are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) column: usize,
    below: Below,
}

/// What stands in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Below {
    /// Nothing that has places.
    Nothing,
    /// The fields of a mapping.
    Fields(Vec<(String, Node)>),
    /// The items of a list.
    Items(Vec<Node>),
}

impl Node {
    /// A place with nothing in it. Line and column count from 1.
    pub(super) fn at(line: usize, column: usize) -> Self {
        Self {
            line,
            column,
            below: Below::Nothing,
        }
    }

    /// The same with what stands in it.
    pub(super) fn with(mut self, below: Below) -> Self {
        self.below = below;
        self
    }

    /// Whether it and all in it have one.
    #[cfg(test)]
    pub(super) fn has_place(&self) -> bool {
        let below = match &self.below {
            Below::Nothing => true,
            Below::Fields(fields) => fields.iter().all(|(_, node)| node.has_place()),
            Below::Items(items) => items.iter().all(Self::has_place),
        };
        below && self.line >= 1 && self.column >= 1
    }

    pub(super) fn step(&self, step: &Step) -> Option<&Self> {
        match (step, &self.below) {
            (Step::Field(name), Below::Fields(fields)) => {
                let camel = camel_case(name);
                let mut fields = fields.iter();
                fields
                    .find(|(spelled, _)| spelled == name || *spelled == camel)
                    .map(|(_, node)| node)
            }
            (Step::Item(index), Below::Items(items)) => items.get(*index),
            _ => None,
        }
    }
}
