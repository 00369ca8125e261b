//! Cases, and what decides where they run.

use meshkat_model::{case::Case, scenario::verb::Impact};

use crate::{expected::Expected, sharing::Sharing};

/// A case, and what decides where it runs.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its number among those that were asked for.
    pub(crate) number: usize,
    pub(crate) case: Case,
    pub(crate) impact: Impact,
    /// It asks for the past, and is the first on its mesh.
    is_first: bool,
    /// What it is expected to take, with a repair.
    pub(crate) ms: u64,
}

/// Where on a mesh a case has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Position {
    First,
    Anywhere,
    Last,
}

impl Member {
    pub(crate) fn new(number: usize, case: Case, expected: &Expected) -> Self {
        let impact = case.impact();
        let repair = if impact == Impact::Repairable {
            expected.repair(&case.mesh)
        } else {
            0
        };
        Self {
            number,
            impact,
            is_first: case.asks_for_the_past(),
            ms: expected.case(&case).ms + repair,
            case,
        }
    }

    pub(crate) fn position(&self) -> Position {
        match (self.is_first, self.impact) {
            (true, _) => Position::First,
            (false, Impact::Lasting) => Position::Last,
            (false, _) => Position::Anywhere,
        }
    }

    /// Whether it shares a mesh with nobody.
    pub(crate) fn is_alone(&self, sharing: Sharing) -> bool {
        if self.case.mesh.alone.is_some() {
            return true;
        }
        match sharing {
            Sharing::Nothing => true,
            Sharing::Looks => self.impact != Impact::None,
            Sharing::Repairs => self.is_first && self.impact == Impact::Lasting,
        }
    }
}
