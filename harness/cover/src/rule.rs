//! A rule that every row must hold, as a question about the levels of some axes.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use meshkat_model::expression::formula::Formula;

use super::{
    diagram::Diagram,
    level::{Level, Partial},
};

/// How many combinations are asked once and for all. Rules over more are asked when they matter, and answers kept.
pub(super) const TABLE: usize = 1 << 16;

/// How many answers of one rule are kept.
const KEPT: usize = 1 << 16;

/// What a question costs in steps, where it does not say so itself.
const QUESTION: u64 = 5_000;

/// And a question of a formula beside its parts: whether the answer is known is looked up.
const LOOKED_UP: u64 = 150;

/// What a part of a formula costs.
const PART: u64 = 6;

/// What is asked with the levels of a rule's axes, in their order. An error tells why there is no answer.
pub type Question = dyn Fn(&[Level]) -> Result<bool, String> + Send + Sync;

/// A rule.
pub struct Rule {
    scope: Vec<usize>,
    test: Test,
}

enum Test {
    /// These levels are never together.
    Forbidden(Vec<Level>),
    /// An answer for each combination, the last axis of the scope fastest, and the same as a graph.
    Table {
        sizes: Vec<usize>,
        allowed: Vec<bool>,
        diagram: Diagram,
    },
    /// What a formula allows.
    Graph(Diagram),
    Asked {
        question: Box<Question>,
        /// What all questions took, in steps.
        spent: Arc<AtomicU64>,
        answers: Mutex<HashMap<Vec<Level>, bool>>,
        /// How often it was asked, and not remembered.
        asked: AtomicU64,
        trouble: Mutex<Option<Trouble>>,
    },
}

/// The levels of a rule's axes for which it has no answer, and why.
pub(super) type Trouble = (Vec<Level>, String);

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule over {:?}", self.scope)
    }
}

impl Rule {
    /// These levels are never in one row together.
    pub fn forbid(partial: &Partial) -> Self {
        let set = partial
            .iter()
            .enumerate()
            .filter_map(|(axis, level)| Some((axis, (*level)?)));
        let (scope, levels) = set.unzip();
        Self {
            scope,
            test: Test::Forbidden(levels),
        }
    }

    /// A rule over the axes of `scope`, which have so many `sizes` levels. A small number of combinations is asked at once,
    /// so that no answer is asked for twice.
    ///
    /// # Errors
    /// The first levels for which there is no answer, where all are asked at once.
    pub fn ask(scope: Vec<usize>, sizes: &[usize], question: Box<Question>) -> Result<Self, (Vec<Level>, String)> {
        let all = sizes.iter().try_fold(1_usize, |all, size| all.checked_mul(*size));
        let test = match all.filter(|all| *all <= TABLE) {
            Some(all) => {
                let mut levels = vec![0; sizes.len()];
                let mut allowed = Vec::with_capacity(all);
                for _ in 0..all {
                    allowed.push(question(&levels).map_err(|message| (levels.clone(), message))?);
                    next(&mut levels, sizes);
                }
                Test::Table {
                    sizes: sizes.to_vec(),
                    diagram: Diagram::of_table(sizes, &allowed),
                    allowed,
                }
            }
            None => Test::asked(QUESTION, Arc::default(), question),
        };
        Ok(Self { scope, test })
    }

    /// A rule that is asked when it matters. The question adds to `spent` what it took, in steps.
    pub(super) fn ask_when_needed(scope: Vec<usize>, spent: Arc<AtomicU64>, question: Box<Question>) -> Self {
        Self {
            scope,
            test: Test::asked(0, spent, question),
        }
    }

    /// A rule that a formula says, whose names are indices of `scope`. `left` is the work that there may be for graphs; a formula
    /// that has none of a bearable size is asked, as a question is, but at far less cost.
    pub(super) fn formula(scope: Vec<usize>, sizes: &[usize], formula: Formula, left: &mut usize) -> Self {
        let test = match Diagram::of_formula(&formula, sizes, left) {
            Some(diagram) => Test::Graph(diagram),
            None => {
                let cost = LOOKED_UP + formula.size() as u64 * PART;
                let question = move |levels: &[Level]| Ok(formula.value(&|name| usize::from(levels[name])) != 0);
                Test::asked(cost, Arc::default(), Box::new(question))
            }
        };
        Self { scope, test }
    }

    /// The axes that it is about, each once.
    pub fn scope(&self) -> &[usize] {
        &self.scope
    }

    /// The levels of the scope that are never together, if the rule is no more than that.
    pub(super) fn forbidden(&self) -> Option<&[Level]> {
        match &self.test {
            Test::Forbidden(levels) => Some(levels),
            _ => None,
        }
    }

    /// Whether the rule holds, where `level` tells the level of an axis of the scope.
    pub fn holds(&self, level: impl Fn(usize) -> Level) -> bool {
        self.answer(self.scope.iter().map(|axis| level(*axis)))
    }

    /// Whether the rule holds of these levels of its scope.
    pub(super) fn allows(&self, levels: &[Level]) -> bool {
        self.answer(levels.iter().copied())
    }

    fn answer(&self, of_scope: impl Iterator<Item = Level>) -> bool {
        match &self.test {
            Test::Forbidden(levels) => !of_scope.eq(levels.iter().copied()),
            Test::Graph(diagram) => diagram.allows(of_scope),
            Test::Table { sizes, allowed, .. } => {
                let at = of_scope
                    .zip(sizes)
                    .fold(0, |at, (level, size)| at * size + usize::from(level));
                allowed[at]
            }
            Test::Asked {
                question,
                answers,
                asked,
                trouble,
                ..
            } => {
                let levels: Vec<Level> = of_scope.collect();
                let known = answers.lock().ok().and_then(|known| known.get(&levels).copied());
                known.unwrap_or_else(|| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let answer = question(&levels).unwrap_or_else(|message| {
                        if let Ok(mut trouble) = trouble.lock() {
                            trouble.get_or_insert((levels.clone(), message));
                        }
                        false
                    });
                    if let Ok(mut known) = answers.lock()
                        && known.len() < KEPT
                    {
                        known.insert(levels, answer);
                    }
                    answer
                })
            }
        }
    }

    /// What it allows as a graph, if that is known.
    pub(super) fn diagram(&self) -> Option<&Diagram> {
        match &self.test {
            Test::Table { diagram, .. } | Test::Graph(diagram) => Some(diagram),
            Test::Forbidden(_) | Test::Asked { .. } => None,
        }
    }

    /// What an answer costs, about, in steps.
    pub(super) fn cost(&self) -> u64 {
        let scope = self.scope.len() as u64;
        match &self.test {
            Test::Forbidden(_) => 4 + scope,
            Test::Table { .. } => 10 + 4 * scope,
            Test::Graph(_) => 16 + 7 * scope,
            Test::Asked { asked, spent, .. } => {
                let asked = asked.load(Ordering::Relaxed);
                // As much as the others took on average.
                let each = spent.load(Ordering::Relaxed).checked_div(asked).unwrap_or(QUESTION);
                each + LOOKED_UP + 10 * scope
            }
        }
    }

    /// What was spent so far on questions to which the answer was not known, in steps.
    pub(super) fn spent_on_questions(&self) -> u64 {
        match &self.test {
            Test::Asked { spent, .. } => spent.load(Ordering::Relaxed),
            _ => 0,
        }
    }

    /// Forgets the answers that were kept, so that whatever is counted comes out the same as the first time.
    pub(super) fn forget(&self) {
        if let Test::Asked {
            answers, asked, spent, ..
        } = &self.test
        {
            if let Ok(mut known) = answers.lock() {
                known.clear();
            }
            asked.store(0, Ordering::Relaxed);
            spent.store(0, Ordering::Relaxed);
        }
    }

    /// The first levels for which there was no answer. Until somebody looks, the rule counts as not held.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        match &self.test {
            Test::Asked { trouble, .. } => trouble.lock().ok().and_then(|trouble| trouble.clone()),
            _ => None,
        }
    }
}

impl Test {
    /// Each question takes `cost` steps beside what it adds to `spent` itself.
    fn asked(cost: u64, spent: Arc<AtomicU64>, question: Box<Question>) -> Self {
        let counted = spent.clone();
        Self::Asked {
            question: Box::new(move |levels: &[Level]| {
                counted.fetch_add(cost, Ordering::Relaxed);
                question(levels)
            }),
            spent,
            answers: Mutex::default(),
            asked: AtomicU64::new(0),
            trouble: Mutex::default(),
        }
    }
}

/// The next combination, the last position fastest; all zero after the last one.
pub(super) fn next(levels: &mut [Level], sizes: &[usize]) {
    for (level, size) in levels.iter_mut().zip(sizes).rev() {
        *level += 1;
        if usize::from(*level) < *size {
            return;
        }
        *level = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_rule_and_a_large_one_answer_alike() {
        let even = |levels: &[Level]| Ok(levels.iter().sum::<Level>() % 2 == 0);
        let small = Rule::ask(vec![0, 2], &[3, 3], Box::new(even)).unwrap();
        assert!(matches!(small.test, Test::Table { .. }));
        let large = Rule::ask((0..20).collect(), &[3; 20], Box::new(even)).unwrap();
        assert!(matches!(large.test, Test::Asked { .. }));
        for level in 0..3 {
            assert_eq!(small.holds(|axis| if axis == 0 { level } else { 0 }), level % 2 == 0);
            assert_eq!(large.holds(|axis| if axis == 0 { level } else { 0 }), level % 2 == 0);
        }
    }

    #[test]
    fn what_has_no_answer_is_told() {
        let none = |levels: &[Level]| {
            if levels[0] == 1 {
                Err("odd".to_owned())
            } else {
                Ok(true)
            }
        };
        let small = Rule::ask(vec![0], &[2], Box::new(none));
        assert_eq!(small.unwrap_err(), (vec![1], "odd".to_owned()));
        let large = Rule::ask((0..20).collect(), &[3; 20], Box::new(none)).unwrap();
        assert!(large.trouble().is_none());
        assert!(!large.holds(|_| 1));
        assert_eq!(large.trouble().map(|(_, why)| why), Some("odd".to_owned()));
    }
}
