//! How many cases a scenario may have.

use super::{Scenario, size::product};
use crate::{
    limits::{CASES, CASES_TIMES_GROUPS, CASES_TIMES_SIZE, grouped},
    source::Diagnostic,
    yaml::Node,
};

/// What a step takes of memory beside its texts, in bytes of a file.
const STEP: u64 = 64;

impl Scenario {
    /// How many cases all combinations of the values would be, whatever is said of them.
    pub fn combined(&self) -> u128 {
        self.axes
            .values()
            .fold(1, |all: u128, values| all.saturating_mul(values.len() as u128))
    }

    /// How many cases there may be: fewer of a scenario whose cases are large.
    pub fn most_cases(&self) -> u64 {
        let steps = self.body.get("steps").map_or(0, Node::len) as u64;
        let mut bytes = 0;
        self.body.visit(&mut |text, _| bytes += text.len() as u64);
        (CASES_TIMES_SIZE / (bytes + STEP * steps).max(1)).min(CASES)
    }

    /// That so many cases, each with a mesh of so many groups, are too many, told where the axes are, if they are.
    pub fn too_many_groups(&self, cases: usize, groups: usize) -> Option<Diagnostic> {
        (cases.saturating_mul(groups) > CASES_TIMES_GROUPS).then(|| {
            let message = format!(
                "{} cases, each with a mesh of {} groups; at most {} with so large a mesh",
                grouped(cases as u64),
                grouped(groups as u64),
                grouped((CASES_TIMES_GROUPS / groups.max(1)) as u64)
            );
            Diagnostic::new(&self.source, self.axes_place(), message, "too many cases")
                .help("choose of them with `--coverage pairwise`, give fewer values, or take a smaller mesh")
        })
    }

    /// That there are too many cases, told where the axes are, if there are.
    pub fn too_many_cases(&self, cases: u128) -> Option<Diagnostic> {
        let most = self.most_cases();
        (cases > u128::from(most)).then(|| {
            let are = product(&self.axes, cases, "cases");
            let for_size = if most < CASES {
                ", as large as each of them is"
            } else {
                ""
            };
            let message = format!("{are}; at most {}{for_size}", grouped(most));
            Diagnostic::new(&self.source, self.axes_place(), message, "too many cases").help(
                "choose of them with `--coverage pairwise`, name one by its whole id, or give fewer axes or values",
            )
        })
    }
}
