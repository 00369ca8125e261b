//! From what a file says about combinations to a problem, and from a failure back to places in the file.

use std::{collections::BTreeSet, sync::Arc};

use indexmap::IndexMap;
use meshkat_model::{
    combine::{Combinations, Given},
    source::{Diagnostic, Place, Source},
};
use serde_json::Value;

use super::problem::{Axis, Choice, Failure, Kind, Level, Partial, Problem, Row, Strength, What};
use super::rule::Rule;

/// A problem, and where its parts were written.
#[derive(Debug)]
pub struct Asked {
    /// The problem.
    pub problem: Problem,
    source: Source,
    axes: Place,
    rules: Vec<Written>,
    seeds: Vec<Place>,
    include: Vec<Place>,
}

/// A rule as it was written.
#[derive(Debug)]
struct Written {
    place: Place,
    text: String,
}

impl Asked {
    /// Makes a problem of axes and of what is said about their combinations. `place` is that of the axes.
    ///
    /// # Errors
    /// A constraint that is neither true nor false of some values.
    pub fn new(
        source: &Source,
        place: Place,
        mut axes: Vec<Axis>,
        combinations: &Combinations,
        strength: Strength,
    ) -> Result<Self, Vec<Diagnostic>> {
        for axis in &mut axes {
            for choice in &mut axis.values {
                let Some(mark) = combinations.mark(&axis.name, &choice.value) else {
                    continue;
                };
                choice.weight = mark.weight;
                choice.kind = if mark.negative { Kind::Negative } else { Kind::Positive };
            }
        }
        for (axis, value, _) in combinations.include.iter().flat_map(|given| &given.values) {
            if level(&axes[*axis], value).is_none() {
                axes[*axis].values.push(Choice {
                    value: value.clone(),
                    weight: 1,
                    kind: Kind::Extra,
                });
            }
        }
        let mut asked = Self {
            problem: Problem::default(),
            source: source.clone(),
            axes: place,
            rules: Vec::new(),
            seeds: combinations.seeds.iter().map(|given| given.place).collect(),
            include: combinations.include.iter().map(|given| given.place).collect(),
        };
        let shared = Arc::new(axes.clone());
        let mut wrong = Vec::new();
        let mut rules = Vec::new();
        for constraint in &combinations.constraints {
            let scope = constraint.axes.clone();
            let sizes: Vec<usize> = scope.iter().map(|axis| axes[*axis].values.len()).collect();
            let (axes, own, written) = (shared.clone(), scope.clone(), constraint.clone());
            let question = move |levels: &[Level]| {
                let values = own.iter().zip(levels).map(|(axis, level)| {
                    let axis = &axes[*axis];
                    (axis.name.as_str(), &axis.values[usize::from(*level)].value)
                });
                written.truth(values)
            };
            match Rule::ask(scope.clone(), &sizes, Box::new(question)) {
                Ok(rule) => rules.push(rule),
                Err((levels, message)) => {
                    let values: Vec<(usize, Level)> = scope.into_iter().zip(levels).collect();
                    wrong.push(unanswered(source, constraint.place, &shared, &values, &message));
                }
            }
            asked.rules.push(Written {
                place: constraint.place,
                text: format!("`{}`", constraint.text.trim()),
            });
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        for given in &combinations.exclude {
            rules.push(Rule::forbid(&partial(&axes, given)));
            let values: Vec<String> = given
                .values
                .iter()
                .map(|(axis, value, _)| format!("{}: {}", axes[*axis].name, word(value)))
                .collect();
            asked.rules.push(Written {
                place: given.place,
                text: format!("exclude {{{}}}", values.join(", ")),
            });
        }
        asked.problem = Problem {
            include: combinations.include.iter().map(|given| partial(&axes, given)).collect(),
            seeds: combinations.seeds.iter().map(|given| partial(&axes, given)).collect(),
            axes,
            strength,
            stronger: combinations.stronger.clone(),
            rules,
        };
        Ok(asked)
    }

    /// The row of these values; none if they are not one for each axis.
    pub(crate) fn row(&self, values: &IndexMap<String, Value>) -> Option<Row> {
        let axes = self.problem.axes.iter();
        axes.map(|axis| level(axis, values.get(&axis.name)?)).collect()
    }

    /// Why there is no array, at the places that are to blame.
    pub fn tell(&self, failure: &Failure) -> Vec<Diagnostic> {
        let axes = &self.problem.axes;
        match failure {
            Failure::Impossible { what, blame } => vec![self.impossible(*what, blame)],
            Failure::Unanswered { rule, values, message } => {
                vec![unanswered(&self.source, self.rules[*rule].place, axes, values, message)]
            }
            Failure::TooMany { found, most, of } => vec![
                Diagnostic::new(
                    &self.source,
                    self.axes,
                    format!("there are more than {most} {of}: at least {found}"),
                    "too many",
                )
                .help("ask for less strength, or for fewer axes or values"),
            ],
        }
    }

    fn impossible(&self, what: What, blame: &[usize]) -> Diagnostic {
        let name = self.source.name();
        let what_is = match what {
            What::Everything => "no combination is possible".to_owned(),
            What::Value(axis, level) => {
                let axis = &self.problem.axes[axis];
                let value = word(&axis.values[usize::from(level)].value);
                format!("no combination has the value `{value}` of the axis `{}`", axis.name)
            }
            What::Seed(at) => format!("the seed in line {} is not possible", self.seeds[at].line),
            What::Included(at) => format!(
                "the included combination in line {} is not possible",
                self.include[at].line
            ),
        };
        let written: Vec<&Written> = blame.iter().map(|rule| &self.rules[*rule]).collect();
        let own = match what {
            What::Seed(at) => self.seeds[at],
            What::Included(at) => self.include[at],
            _ => self.axes,
        };
        // Nothing but two negative values can be wrong where no rule is to blame.
        let Some(first) = written.first() else {
            let help = "a combination has one negative value at the most";
            return Diagnostic::new(&self.source, own, what_is, "two negative values").help(help);
        };
        let each: Vec<String> = written
            .iter()
            .map(|rule| format!("{name}:{}: {}", rule.place.line, rule.text))
            .collect();
        let (message, label) = match each.len() {
            1 => (format!("{what_is}: one constraint leaves none"), "this alone"),
            some => (
                format!("{what_is}: {some} constraints together leave none"),
                "one of them",
            ),
        };
        Diagnostic::new(&self.source, first.place, message, label).help(format!("change {}", each.join(", or ")))
    }
}

fn unanswered(source: &Source, place: Place, axes: &[Axis], values: &[(usize, Level)], message: &str) -> Diagnostic {
    let values: Vec<String> = values
        .iter()
        .map(|(axis, level)| {
            format!(
                "{}={}",
                axes[*axis].name,
                word(&axes[*axis].values[usize::from(*level)].value)
            )
        })
        .collect();
    let message = match message.strip_prefix("neither true nor false: ") {
        Some(value) => format!(
            "with {} the constraint is {value}, neither true nor false",
            values.join(", ")
        ),
        None => format!("with {} the constraint has no value: {message}", values.join(", ")),
    };
    Diagnostic::new(source, place, message, "not a condition")
        .help("numbers compare with numbers, and words with words")
}

/// A value as it stands in texts.
pub(super) fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn level(axis: &Axis, value: &Value) -> Option<Level> {
    let at = axis
        .values
        .iter()
        .position(|choice| word(&choice.value) == word(value))?;
    Some(at as Level)
}

fn partial(axes: &[Axis], given: &Given) -> Partial {
    let mut row = vec![None; axes.len()];
    for (axis, value, _) in &given.values {
        row[*axis] = level(&axes[*axis], value);
    }
    row
}

/// The words of a list that stand in it more than once.
pub(super) fn twice<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known = BTreeSet::new();
    words.into_iter().filter(|word| !known.insert(*word)).collect()
}
