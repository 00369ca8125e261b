//! How much work is done, and how much may be.

use std::cell::Cell;

use super::problem::{Effort, Failure};

/// Counts work in steps, in every part of it. A step is about what it takes to look at one entry of a table: one or two nanoseconds on
/// a machine of today. It is a number and never the clock, so that what comes of it is the same on every machine.
#[derive(Debug)]
pub(super) struct Meter {
    spent: Cell<u64>,
    limit: Cell<u64>,
    total: u64,
}

impl Meter {
    /// A meter for so many steps.
    pub(super) fn new(total: u64) -> Self {
        Self {
            spent: Cell::new(0),
            limit: Cell::new(total),
            total,
        }
    }

    /// Lets what comes next do so much, and no more than is left of the whole.
    pub(super) fn allow(&self, steps: u64) {
        self.limit.set(self.spent.get().saturating_add(steps).min(self.total));
    }

    /// Counts what is done. Whether it may still be.
    pub(super) fn spend(&self, steps: u64) -> bool {
        self.spent.set(self.spent.get().saturating_add(steps));
        !self.is_exhausted()
    }

    /// Steps so far.
    pub(super) fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// Steps that are left of the whole.
    pub(super) fn left(&self) -> u64 {
        self.total.saturating_sub(self.spent.get())
    }

    /// Whether all is done that may be. What was not found since then may be there all the same.
    pub(super) fn is_exhausted(&self) -> bool {
        self.spent.get() > self.limit.get()
    }

    /// Takes back what was counted since there were so many steps, for who counts it otherwise.
    pub(super) fn back_to(&self, spent: u64) -> u64 {
        self.spent.replace(spent).saturating_sub(spent)
    }

    /// That it is not enough; `rule` took most of it.
    pub(super) fn too_hard(&self, rule: Option<usize>) -> Failure {
        Failure::TooHard {
            steps: self.limit.get(),
            rule,
        }
    }
}

impl Effort {
    /// Steps for making an array smaller, at the most.
    pub(super) fn improving(self) -> u64 {
        match self {
            Self::Quick => 12_000_000,
            Self::Default => 500_000_000,
            Self::High => 30_000_000_000,
        }
    }

    /// Steps for telling what rules allow, and for a first array.
    pub(super) fn deciding(self) -> u64 {
        match self {
            Self::Quick => 300_000_000,
            Self::Default => 350_000_000,
            Self::High => 5_000_000_000,
        }
    }

    /// Steps for everything that [`cover()`](super::cover()) does, at the most.
    pub fn steps(self) -> u64 {
        match self {
            Self::Quick => 312_000_000,
            Self::Default => 700_000_000,
            Self::High => 33_000_000_000,
        }
    }
}
