//! Expectations that were held against something, and what they refer to.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    expression::{Budget, Expression, Variables},
    scenario::value::OneOrMany,
    yaml::At,
};

/// One expectation, held against what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The line of the scenario that asked for it.
    pub line: usize,
    /// Whether it holds.
    pub passed: bool,
    /// What is wrong if it does not hold, in a sentence without a full stop.
    pub message: String,
    /// What was asked for.
    pub expected: String,
    /// What was seen.
    pub actual: String,
}

/// What expectations refer to beside what was just seen.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `pods`, `params`, and what earlier steps kept.
    pub variables: Variables,
    /// The group of each pod.
    pub groups: BTreeMap<String, String>,
}

impl Surroundings {
    /// Whether `pod` is called `name`, or belongs to the group `name`.
    pub(super) fn is(&self, pod: &str, name: &str) -> bool {
        pod == name || self.groups.get(pod).is_some_and(|group| group == name)
    }

    pub(super) fn of_group<'a>(&self, seen: impl IntoIterator<Item = &'a str>, group: &str) -> BTreeSet<&'a str> {
        seen.into_iter().filter(|pod| self.is(pod, group)).collect()
    }
}

/// Gathers checks.
pub(super) struct Checks<'a> {
    surroundings: &'a Surroundings,
    /// What expressions know of what was seen. Most steps have none, and nobody has to be told then.
    own: &'a dyn Fn() -> Variables,
    /// What was just seen, in one line; empty where it is in the values already.
    seen: &'a dyn Fn() -> String,
    /// What all expressions together may do.
    budget: Budget,
    pub(super) all: Vec<Check>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(
        surroundings: &'a Surroundings,
        own: &'a dyn Fn() -> Variables,
        seen: &'a dyn Fn() -> String,
    ) -> Self {
        Self {
            surroundings,
            own,
            seen,
            budget: Budget::default(),
            all: Vec::new(),
        }
    }

    pub(super) fn add(
        &mut self,
        line: usize,
        passed: bool,
        message: &str,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) {
        let (message, expected, actual) = (message.to_owned(), expected.into(), actual.into());
        self.all.push(Check {
            line,
            passed,
            message,
            expected,
            actual,
        });
    }

    pub(super) fn expressions(&mut self, expressions: &OneOrMany<At<String>>) {
        if expressions.is_empty() {
            return;
        }
        let mut variables = self.surroundings.variables.clone();
        variables.extend((self.own)());
        for text in expressions.iter() {
            let outcome = match Expression::compile(text) {
                Ok(expression) => expression
                    .holds(&variables, &self.budget)
                    .map_err(|unheld| unheld.actual),
                Err(error) => Err(format!("not a CEL expression: {}", error.message)),
            };
            let passed = outcome.is_ok();
            self.add(
                text.place.line,
                passed,
                "the expression is not true",
                text.value.clone(),
                outcome.err().map(|actual| self.with_seen(actual)).unwrap_or_default(),
            );
        }
    }

    /// What an expression came to does not tell what else was seen: the first of them tells it, if nothing else has.
    fn with_seen(&self, actual: String) -> String {
        let mut failed = self.all.iter().filter(|check| !check.passed);
        let seen = (self.seen)();
        if seen.is_empty() || failed.any(|check| check.actual.contains(&seen)) {
            return actual;
        }
        format!("{actual}; seen: {seen}")
    }
}

/// Holds expressions over the surroundings alone.
pub fn expressions(expressions: &OneOrMany<At<String>>, surroundings: &Surroundings) -> Vec<Check> {
    let mut checks = Checks::new(surroundings, &Variables::new, &String::new);
    checks.expressions(expressions);
    checks.all
}
