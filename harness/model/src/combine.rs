//! Which combinations of the axes' values there are, and which of them are chosen: `constraints`, `include`, `exclude`, `seeds`,
//! `stronger`, and values with a weight or that are negative, as scenarios and files for `meshkat cover` have them.

mod choice;
mod strength;

use std::collections::HashMap;

pub use choice::{Choice, Mark};
use indexmap::IndexMap;
use serde_json::{Value, json};
pub use strength::{Strength, Stronger};

use crate::{
    axis::{ENVOY, written},
    expression::{Budget, Expression, Known, Problem, Variables, formula::Formula},
    limits::PROBLEMS,
    source::{Diagnostic, Place, Source},
    suggest::did_you_mean,
    yaml::{Kind, Node},
};

/// What is said about combinations in one file.
#[derive(Debug, Clone, Default)]
pub struct Combinations {
    /// What every combination must hold.
    pub constraints: Vec<Constraint>,
    /// Combinations that must be there, and may have values that the axes do not have.
    pub include: Vec<Given>,
    /// Combinations that are never there.
    pub exclude: Vec<Given>,
    /// Combinations of the axes' values that must be there and come first.
    pub seeds: Vec<Given>,
    /// Sets of axes that are combined more strongly than the others.
    pub stronger: Vec<Stronger>,
    /// The values that are not like the others. Who reads the axes knows them.
    pub marks: Vec<Mark>,
}

/// A CEL expression over the axes.
#[derive(Debug, Clone)]
pub struct Constraint {
    /// Where it was written.
    pub place: Place,
    /// As it was written.
    pub text: String,
    /// The indices of the axes on whose values it depends, in order.
    pub axes: Vec<usize>,
    /// Whether it asks for `params`, or for one of its fields.
    asks_params: bool,
    expression: Expression,
}

/// Values for some of the axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// Where it was written.
    pub place: Place,
    /// Index of the axis, value, and where the value was written.
    pub values: Vec<(usize, Value, Place)>,
}

impl Constraint {
    /// Whether it is true of these values of its axes, each with the axis' name. What it does is taken out of the budget.
    ///
    /// # Errors
    /// Why it is neither true nor false; that it would do too much.
    pub fn truth<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a str, &'a Value)>,
        budget: &Budget,
    ) -> Result<bool, String> {
        let values: IndexMap<String, Value> = values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        let params = self.asks_params.then(|| json!(values));
        let mut variables: Variables = values;
        // An axis of that name is `params.params`.
        variables.extend(params.map(|params| ("params".to_owned(), params)));
        self.expression.truth(&variables, budget)
    }

    /// The constraint as a formula over its axes, where it is one; each with its name and values, in their order. What it takes
    /// to find out is taken out of the budget.
    pub fn formula(&self, axes: &[(&str, Vec<&Value>)], budget: &Budget) -> Option<Formula> {
        self.expression.formula(axes, self.asks_params, budget)
    }
}

impl Combinations {
    /// Whether every combination is there, and nothing is said that could be impossible.
    pub fn are_all(&self) -> bool {
        let none_is_negative = !self.marks.iter().any(|mark| mark.negative);
        let given = [&self.include, &self.exclude, &self.seeds];
        self.constraints.is_empty() && none_is_negative && given.iter().all(|given| given.is_empty())
    }

    /// What is said of a value of an axis, if it is not like the others.
    pub fn mark(&self, axis: &str, value: &Value) -> Option<&Mark> {
        let mut marks = self.marks.iter();
        marks.find(|mark| mark.axis == axis && mark.value == *value)
    }

    /// Reads the keys `constraints`, `include`, `exclude`, `seeds` and `stronger` of a file with these axes. `outside` says what
    /// is wrong with a value that is in none of them, if anything.
    ///
    /// # Errors
    /// Everything that is invalid, in the order of the keys.
    pub fn read<'a>(
        source: &'a Source,
        file: &Node,
        axes: &'a IndexMap<String, Vec<Value>>,
        outside: impl Fn(&Value) -> Option<String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader {
            source,
            axes,
            words: Vec::new(),
            wrong: Vec::new(),
        };
        if ["include", "exclude", "seeds"]
            .iter()
            .any(|key| file.key(key).is_some())
        {
            let by_word = |values: &'a [Value]| values.iter().map(|value| (text(value), value)).collect();
            reader.words = axes.values().map(|values| by_word(values)).collect();
        }
        let mut read = Self::default();
        for item in reader.items(file, "constraints", "a list of CEL expressions", true) {
            if reader.is_full() {
                break;
            }
            read.constraints.extend(reader.constraint(item));
        }
        let rows = [
            ("include", &mut read.include, true),
            ("exclude", &mut read.exclude, false),
            ("seeds", &mut read.seeds, false),
        ];
        for (key, rows, may_be_outside) in rows {
            for item in reader.items(file, key, "a list of combinations", false) {
                if reader.is_full() {
                    break;
                }
                rows.extend(reader.given(item, key, may_be_outside, &outside));
            }
        }
        read.stronger = strength::stronger(file, axes, &mut |place, message, label, help| {
            reader.tell(place, message, label, help);
        });
        if reader.wrong.is_empty() {
            Ok(read)
        } else {
            Err(reader.wrong)
        }
    }
}

struct Reader<'a> {
    source: &'a Source,
    axes: &'a IndexMap<String, Vec<Value>>,
    /// The axes' values by how they read.
    words: Vec<HashMap<String, &'a Value>>,
    wrong: Vec<Diagnostic>,
}

/// An axis' value as it stands in texts.
fn text(value: &Value) -> String {
    crate::axis::text(value)
}

impl<'a> Reader<'a> {
    /// Whether so much is wrong already that nobody reads on.
    fn is_full(&self) -> bool {
        self.wrong.len() >= PROBLEMS
    }

    fn tell(&mut self, place: Place, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.wrong
            .push(Diagnostic::new(self.source, place, message, label).help(help));
    }

    /// The items of a key's list; one alone where `one` allows it.
    fn items<'n>(&mut self, file: &'n Node, key: &str, what: &str, one: bool) -> &'n [Node] {
        let Some(node) = file.get(key) else { return &[] };
        match &node.kind {
            Kind::Sequence(items) => items,
            Kind::Scalar { text, .. } if one && !text.is_empty() => std::slice::from_ref(node),
            _ => {
                self.tell(
                    node.place,
                    format!("`{key}` is {what}"),
                    "not a list",
                    self.example(key),
                );
                &[]
            }
        }
    }

    fn example(&self, key: &str) -> String {
        let example = self
            .axes
            .iter()
            .find_map(|(name, values)| Some((name, values.first()?)));
        let Some((name, value)) = example else {
            return "this file has no axes, of which there could be combinations".to_owned();
        };
        match key {
            "constraints" => {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), |word| format!("'{word}'"));
                format!("for example `constraints: [\"{} != {value}\"]`", self.spelt(name))
            }
            _ => format!("for example `{key}: [{{{name}: {}}}]`", text(value)),
        }
    }

    /// How an expression names an axis.
    fn spelt(&self, name: &str) -> String {
        match is_identifier(name) {
            true => format!("params.{name}"),
            false => format!("params['{name}']"),
        }
    }

    fn constraint(&mut self, item: &Node) -> Option<Constraint> {
        let Kind::Scalar { text, .. } = &item.kind else {
            let help = self.example("constraints");
            self.tell(
                item.place,
                "a constraint is a CEL expression over the axes",
                "not an expression",
                help,
            );
            return None;
        };
        let expression = match Expression::compile(text) {
            Ok(expression) => expression,
            Err(mut problem) => {
                problem.help = problem.help.replace("`that` takes a list", "`constraints` is a list");
                if problem.help.starts_with("for example") {
                    problem.help = self.example("constraints");
                }
                self.problem(item.place, text, problem);
                return None;
            }
        };
        let names: Vec<&str> = self.axes.keys().map(String::as_str).collect();
        let is_truth = |name: &&str| self.axes[*name].iter().any(Value::is_boolean);
        let known = Known {
            variables: names.iter().copied().chain(["params"]).collect(),
            not_truths: names
                .iter()
                .copied()
                .filter(|name| !is_truth(name))
                .chain(["params"])
                .collect(),
            axes: names.clone(),
        };
        let problems = expression.problems(&known);
        if !problems.is_empty() {
            for mut problem in problems {
                if problem.message.starts_with("there is no variable") {
                    problem.message = problem.message.replace("there is no variable", "there is no axis");
                    problem.message = problem.message.trim_end_matches(" here").to_owned();
                    problem.label = "unknown axis".to_owned();
                } else if problem.message.ends_with("neither true nor false") {
                    problem.help = self.example("constraints");
                }
                self.problem(item.place, text, problem);
            }
            return None;
        }
        let refers = expression.refers().clone();
        let depends = |(_, name): &(usize, &&str)| {
            refers.whole
                || refers
                    .variables
                    .iter()
                    .chain(&refers.fields)
                    .any(|known| known == **name)
        };
        let axes: Vec<usize> = names.iter().enumerate().filter(depends).map(|(axis, _)| axis).collect();
        if axes.is_empty() {
            let help = self.example("constraints");
            self.tell(
                item.place,
                "a constraint that asks for no axis",
                "the same in every combination",
                help,
            );
            return None;
        }
        Some(Constraint {
            place: item.place,
            text: text.clone(),
            axes,
            asks_params: refers.whole || !refers.fields.is_empty(),
            expression,
        })
    }

    fn problem(&mut self, place: Place, text: &str, problem: Problem) {
        self.wrong.push(problem.told(self.source, place, text));
    }

    fn given(
        &mut self,
        item: &Node,
        key: &str,
        may_be_outside: bool,
        outside: &impl Fn(&Value) -> Option<String>,
    ) -> Option<Given> {
        let Kind::Mapping(entries) = &item.kind else {
            let help = self.example(key);
            self.tell(
                item.place,
                format!("an item of `{key}` gives axes their values"),
                "not a mapping",
                help,
            );
            return None;
        };
        if entries.is_empty() {
            let help = self.example(key);
            self.tell(
                item.place,
                format!("an item of `{key}` that gives no value"),
                "an empty mapping",
                help,
            );
            return None;
        }
        let before = self.wrong.len();
        let mut values = Vec::new();
        for (name, node) in entries {
            let Some((axis, _, known)) = self.axes.get_full(&name.text) else {
                let help = did_you_mean(&name.text, self.axes.keys().map(String::as_str));
                self.tell(
                    name.place,
                    format!("there is no axis `{}`", name.text),
                    "unknown axis",
                    help,
                );
                continue;
            };
            let value = node.to_json();
            if value.is_array() || value.is_object() {
                let help = self.example(key);
                self.tell(
                    node.place,
                    format!("`{key}` gives each axis one value"),
                    "not a value",
                    help,
                );
                continue;
            }
            // A version of Envoy is what was written, and not the number that it looks like.
            let value = match name.text == ENVOY && known.iter().all(Value::is_string) {
                true => written(node),
                false => value,
            };
            // Values are told apart by how they read, as in ids.
            match self.words[axis].get(&text(&value)) {
                Some(known) => values.push((axis, (*known).clone(), node.place)),
                None if may_be_outside => match outside(&value) {
                    None => values.push((axis, value, node.place)),
                    Some(why) => self.tell(
                        node.place,
                        why,
                        "not allowed",
                        "ids have the form name[axis=value,axis=value]",
                    ),
                },
                None => {
                    let words: Vec<String> = known.iter().map(text).collect();
                    let help = did_you_mean(&text(&value), words.iter().map(String::as_str));
                    let message = format!("the axis `{}` has no value `{}`", name.text, text(&value));
                    self.tell(node.place, message, "unknown value", help);
                }
            }
        }
        values.sort_by_key(|(axis, ..)| *axis);
        (self.wrong.len() == before).then_some(Given {
            place: item.place,
            values,
        })
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
