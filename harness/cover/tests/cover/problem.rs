//! From what the check knows of a problem to the problem itself.

use meshkat_cover::{Axis, Problem, Rule, Strength, Stronger};
use serde_json::json;

use crate::check::Spec;

impl Spec {
    pub(crate) fn problem(&self) -> Problem {
        let axes = self.axes.iter().enumerate().map(|(number, levels)| {
            let mut axis = Axis::new(format!("a{number}"), (0..levels.len()).map(|level| json!(level)));
            for (choice, (kind, weight)) in axis.values.iter_mut().zip(levels) {
                (choice.kind, choice.weight) = (*kind, *weight);
            }
            axis
        });
        let forbidden = self.forbidden.iter().map(|levels| {
            let mut partial = vec![None; self.axes.len()];
            for (axis, level) in levels {
                partial[*axis] = Some(*level);
            }
            Rule::forbid(&partial)
        });
        let sums = self.sums.iter().map(|(scope, rest)| {
            let sizes: Vec<usize> = scope.iter().map(|axis| self.axes[*axis].len()).collect();
            let rest = *rest;
            let question = move |levels: &[u16]| Ok(levels.iter().sum::<u16>() % 3 != rest);
            Rule::ask(scope.clone(), &sizes, Box::new(question)).expect("it has an answer")
        });
        let stronger = self.stronger.iter().map(|(axes, ways)| Stronger {
            axes: axes.clone(),
            strength: Strength::Ways(*ways),
        });
        Problem {
            axes: axes.collect(),
            strength: Strength::Ways(self.ways),
            stronger: stronger.collect(),
            rules: forbidden.chain(sums).collect(),
            include: self.include.clone(),
            seeds: self.seeds.clone(),
        }
    }

    pub(crate) fn rules(&self) -> usize {
        self.forbidden.len() + self.sums.len()
    }
}
