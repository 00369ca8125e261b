//! From what a file says about combinations to a problem, and from a failure back to places in the file.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use indexmap::IndexMap;
use meshkat_model::{
    combine::{Combinations, Constraint, Given, Mark},
    expression::Budget,
    limits::grouped,
    scenario::product,
    source::{Diagnostic, Place, Source},
};
use serde_json::Value;

use super::rule::{Rule, TABLE};
use super::{
    level::{Level, Partial, Row},
    problem::{Axis, Choice, Failure, Kind, Problem, Strength, What},
};

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
    levels: Levels,
}

/// The level of each value by how it reads, for each axis.
type Levels = Vec<HashMap<String, Level>>;

/// Steps of CEL that the constraints of one problem may take, whichever and however many of their values are asked for. What
/// counts the work of a search ends it long before.
const STEPS: u64 = 200_000_000;

/// Of these, for finding out whether they are formulas.
const FORMULAS: u64 = 500_000;

/// And for tables of all of their answers. Whatever has none is asked when it matters.
const TABLES: u64 = 1_000_000;

/// Parts of formulas that may be looked at for the graphs of the constraints of one problem.
const GRAPHS: usize = 5_000_000;

/// So few answers are always asked for at once.
const SMALL: u64 = 16;

/// What a question costs in the steps of a search: for each step of CEL, and beside these.
const EACH_STEP: u64 = 250;
const EACH_QUESTION: u64 = 2_000;

/// Axes, values and constraints of which a message tells.
const TOLD: usize = 20;

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
        let marks: HashMap<(&str, String), &Mark> = combinations
            .marks
            .iter()
            .rev()
            .map(|mark| ((mark.axis.as_str(), word(&mark.value)), mark))
            .collect();
        let mut levels = Levels::new();
        for axis in &mut axes {
            let mut by_word = HashMap::new();
            for (level, choice) in axis.values.iter_mut().enumerate() {
                let word = word(&choice.value);
                by_word.entry(word.clone()).or_insert(level as Level);
                let Some(mark) = marks.get(&(axis.name.as_str(), word)) else {
                    continue;
                };
                choice.weight = mark.weight;
                choice.kind = if mark.negative { Kind::Negative } else { Kind::Positive };
            }
            levels.push(by_word);
        }
        for (axis, value, _) in combinations.include.iter().flat_map(|given| &given.values) {
            let next = axes[*axis].values.len() as Level;
            if levels[*axis].contains_key(&word(value)) {
                continue;
            }
            levels[*axis].insert(word(value), next);
            axes[*axis].values.push(Choice {
                value: value.clone(),
                weight: 1,
                kind: Kind::Extra,
            });
        }
        let mut asked = Self {
            problem: Problem::default(),
            source: source.clone(),
            axes: place,
            rules: Vec::new(),
            seeds: combinations.seeds.iter().map(|given| given.place).collect(),
            include: combinations.include.iter().map(|given| given.place).collect(),
            levels,
        };
        let mut made = Made {
            axes: Arc::new(axes.clone()),
            budget: Arc::new(Budget::new(STEPS)),
            formulas: Budget::new(FORMULAS),
            graphs: GRAPHS,
            tables: TABLES,
        };
        let mut wrong = Vec::new();
        let mut rules = Vec::new();
        for constraint in &combinations.constraints {
            match made.rule(constraint) {
                Ok(rule) => rules.push(rule),
                Err((levels, message)) => {
                    let values: Vec<(usize, Level)> = constraint.axes.iter().copied().zip(levels).collect();
                    wrong.push(unanswered(source, constraint.place, &axes, &values, &message));
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
            rules.push(Rule::forbid(&partial(&asked.levels, given)));
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
            include: combinations
                .include
                .iter()
                .map(|given| partial(&asked.levels, given))
                .collect(),
            seeds: combinations
                .seeds
                .iter()
                .map(|given| partial(&asked.levels, given))
                .collect(),
            axes,
            strength,
            stronger: combinations.stronger.clone(),
            rules,
        };
        Ok(asked)
    }

    /// The row of these values; none if they are not one for each axis.
    pub fn row(&self, values: &IndexMap<String, Value>) -> Option<Row> {
        let axes = self.problem.axes.iter().zip(&self.levels);
        axes.map(|(axis, levels)| levels.get(&word(values.get(&axis.name)?)).copied())
            .collect()
    }

    /// The row whose values read like these, one for each axis in their order; none if there is no such value.
    pub fn row_of_words(&self, words: &[(&str, &str)]) -> Option<Row> {
        let axes = self.problem.axes.iter().zip(&self.levels);
        let row = axes.zip(words).map(|((axis, levels), (name, word))| {
            let level = levels.get(*word)?;
            (axis.name == *name).then_some(*level)
        });
        row.collect::<Option<Row>>()
            .filter(|row| words.len() == row.len() && row.len() == self.levels.len())
    }

    /// Why there is no array, at the places that are to blame.
    pub fn tell(&self, failure: &Failure) -> Vec<Diagnostic> {
        let axes = &self.problem.axes;
        match failure {
            Failure::Impossible { what, blame } => vec![self.impossible(*what, blame)],
            Failure::Unanswered { rule, values, message } => {
                vec![unanswered(&self.source, self.rules[*rule].place, axes, values, message)]
            }
            Failure::TooMany { found, most, of } => {
                let are = match (*of, self.problem.strength) {
                    ("rows", Strength::Full) if *found == self.problem.product() => {
                        let values = |axis: &Axis| axis.values.iter().map(|choice| choice.value.clone()).collect();
                        let axes = axes.iter().map(|axis| (axis.name.clone(), values(axis))).collect();
                        product(&axes, *found, "rows")
                    }
                    _ if *found == u128::MAX => format!("there are more {of} than can be counted"),
                    _ => format!("there are {} {of}, or more", grouped(*found)),
                };
                let message = format!("{are}; at most {}", grouped(*most));
                vec![
                    Diagnostic::new(&self.source, self.axes, message, "too many")
                        .help("ask for less strength, or for fewer axes or values"),
                ]
            }
            Failure::TooHard { steps, rule } => vec![self.too_hard(*steps, rule.and_then(|rule| self.rules.get(rule)))],
        }
    }

    fn too_hard(&self, steps: u64, rule: Option<&Written>) -> Diagnostic {
        let (place, message, label, help) = match rule {
            Some(rule) => (
                rule.place,
                format!(
                    "which combinations the constraints allow cannot be decided within {} steps",
                    grouped(steps)
                ),
                "most of them for this one",
                "write constraints over fewer axes, give fewer values, or ask for less strength",
            ),
            None => (
                self.axes,
                format!("so many combinations cannot be covered within {} steps", grouped(steps)),
                "these axes",
                "give fewer axes or values, or ask for less strength",
            ),
        };
        Diagnostic::new(&self.source, place, message, label)
            .help(format!("{help}; `meshkat cover --effort high` looks longer"))
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
            .take(TOLD)
            .map(|rule| format!("{name}:{}: {}", rule.place.line, rule.text))
            .collect();
        let more = match written.len().saturating_sub(TOLD) {
            0 => String::new(),
            more => format!(", or one of {more} more"),
        };
        let (message, label) = match written.len() {
            1 => (format!("{what_is}: one constraint leaves none"), "this alone"),
            some => (
                format!("{what_is}: {some} constraints together leave none"),
                "one of them",
            ),
        };
        Diagnostic::new(&self.source, first.place, message, label).help(format!("change {}{more}", each.join(", or ")))
    }
}

/// What rules are made of, and what may be spent on it.
struct Made {
    axes: Arc<Vec<Axis>>,
    /// For questions.
    budget: Arc<Budget>,
    /// For what tells whether a constraint is a formula.
    formulas: Budget,
    graphs: usize,
    tables: u64,
}

impl Made {
    /// A constraint as a rule: a graph where it is a formula, else a table where that takes little, else to be asked.
    fn rule(&mut self, constraint: &Constraint) -> Result<Rule, (Vec<Level>, String)> {
        let scope = constraint.axes.clone();
        let sizes: Vec<usize> = scope.iter().map(|axis| self.axes[*axis].values.len()).collect();
        let named = scope.iter().map(|axis| {
            let axis = &self.axes[*axis];
            (
                axis.name.as_str(),
                axis.values.iter().map(|choice| &choice.value).collect(),
            )
        });
        let named: Vec<(&str, Vec<&Value>)> = named.collect();
        if let Some(formula) = constraint.formula(&named, &self.formulas) {
            return Ok(Rule::formula(scope, &sizes, formula, &mut self.graphs));
        }
        let (axes, own, written, left) = (
            self.axes.clone(),
            scope.clone(),
            constraint.clone(),
            self.budget.clone(),
        );
        let spent = Arc::new(AtomicU64::new(0));
        let counted = spent.clone();
        let question = move |levels: &[Level]| {
            let values = own.iter().zip(levels).map(|(axis, level)| {
                let axis = &axes[*axis];
                (axis.name.as_str(), &axis.values[usize::from(*level)].value)
            });
            let before = left.left();
            let answer = written.truth(values, &left);
            let steps = before - left.left() + 2 * own.len() as u64;
            counted.fetch_add(EACH_QUESTION + steps * EACH_STEP, Ordering::Relaxed);
            answer
        };
        let all = sizes.iter().try_fold(1_u64, |all, size| all.checked_mul(*size as u64));
        if let Some(all) = all.filter(|all| *all <= TABLE as u64) {
            // What one answer takes tells what all of them take.
            let before = self.budget.left();
            let nothing = vec![0; scope.len()];
            question(&nothing).map_err(|message| (nothing, message))?;
            let table = (before - self.budget.left() + 2 * scope.len() as u64 + 4) * all;
            if table <= self.tables || all <= SMALL {
                self.tables = self.tables.saturating_sub(table);
                return Rule::ask(scope, &sizes, Box::new(question));
            }
        }
        Ok(Rule::ask_when_needed(scope, spent, Box::new(question)))
    }
}

fn unanswered(source: &Source, place: Place, axes: &[Axis], values: &[(usize, Level)], message: &str) -> Diagnostic {
    let words = values.iter().take(TOLD).map(|(axis, level)| {
        format!(
            "{}={}",
            axes[*axis].name,
            word(&axes[*axis].values[usize::from(*level)].value)
        )
    });
    let mut values: Vec<String> = words.chain((values.len() > TOLD).then(|| "…".to_owned())).collect();
    if values.is_empty() {
        values.push("any values".to_owned());
    }
    let message = match message.strip_prefix("neither true nor false: ") {
        Some(value) => format!(
            "with {} the constraint is {value}, neither true nor false",
            values.join(", ")
        ),
        None => format!("with {} the constraint has no value: {message}", values.join(", ")),
    };
    if message.contains(" more than ") && message.contains(" steps") {
        return Diagnostic::new(source, place, message, "too much work")
            .help("write constraints over fewer axes, or over axes with fewer values");
    }
    Diagnostic::new(source, place, message, "not a condition")
        .help("numbers compare with numbers, and words with words")
}

/// A value as it stands in texts.
pub(super) fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn partial(levels: &Levels, given: &Given) -> Partial {
    let mut row = vec![None; levels.len()];
    for (axis, value, _) in &given.values {
        row[*axis] = levels[*axis].get(&word(value)).copied();
    }
    row
}

/// The words of a list that stand in it more than once.
pub(super) fn twice<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known = BTreeSet::new();
    words.into_iter().filter(|word| !known.insert(*word)).collect()
}
