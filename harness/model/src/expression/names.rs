//! The names in an expression, held against what is known.

use cel::{
    Program,
    common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators},
};

use super::problem::Problem;
use crate::suggest::{did_you_mean, nearest};

/// What takes its arguments in brackets: `size(x)`.
const GLOBAL: [&str; 11] = [
    "bool", "bytes", "double", "dyn", "has", "int", "matches", "size", "string", "type", "uint",
];

/// What is called on a value: `x.size()`.
const MEMBER: [&str; 10] = [
    "all",
    "contains",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "map",
    "matches",
    "size",
    "startsWith",
];

/// What takes a name for each item, and is no function any more where it was written well.
const MACROS: [&str; 6] = ["all", "exists", "exists_one", "filter", "has", "map"];

/// The names of types, which `type(x)` can be compared with.
pub(super) const TYPES: [&str; 10] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// What CEL's functions are called elsewhere.
const ELSEWHERE: [(&str, &str); 8] = [
    ("any", "exists"),
    ("beginsWith", "startsWith"),
    ("count", "size"),
    ("every", "all"),
    ("includes", "contains"),
    ("len", "size"),
    ("length", "size"),
    ("some", "exists"),
];

/// The functions that CEL has.
pub(super) fn functions() -> impl Iterator<Item = &'static str> {
    GLOBAL
        .into_iter()
        .chain(MEMBER.into_iter().filter(|name| !GLOBAL.contains(name)))
}

/// What an expression may refer to.
#[derive(Debug, Clone, Default)]
pub struct Known<'a> {
    /// Every variable.
    pub variables: Vec<&'a str>,
    /// Those among them that are never true or false by themselves.
    pub not_truths: Vec<&'a str>,
    /// The fields of `params`.
    pub axes: Vec<&'a str>,
}

pub(super) fn problems(text: &str, program: &Program, known: &Known<'_>) -> Vec<Problem> {
    let mut names = Names {
        text,
        program,
        known,
        bound: Vec::new(),
        found: Vec::new(),
    };
    names.walk(program.expression());
    if names.found.is_empty() && names.never_a_truth(program.expression()) {
        names.found.push(Problem {
            at: 0,
            len: text.len(),
            message: "this expression is neither true nor false".to_owned(),
            label: "a value, and not a condition".to_owned(),
            help: "compare it with something, as in `status == 200`".to_owned(),
        });
    }
    names.found
}

struct Names<'a> {
    text: &'a str,
    program: &'a Program,
    known: &'a Known<'a>,
    /// What macros such as `all` have named around what is looked at.
    bound: Vec<&'a str>,
    found: Vec<Problem>,
}

impl<'a> Names<'a> {
    fn walk(&mut self, node: &'a IdedExpr) {
        match &node.expr {
            Expr::Ident(name) => self.variable(node, name),
            Expr::Select(select) => {
                if matches!(&select.operand.expr, Expr::Ident(name) if name == "params") {
                    self.axis(node, &select.field);
                }
                self.walk(&select.operand);
            }
            Expr::Call(call) => {
                if let (
                    operators::INDEX,
                    [
                        of,
                        IdedExpr {
                            expr: Expr::Literal(LiteralValue::String(field)),
                            ..
                        },
                    ],
                ) = (call.func_name.as_str(), call.args.as_slice())
                    && matches!(&of.expr, Expr::Ident(name) if name == "params")
                {
                    self.axis(node, field.inner());
                }
                self.function(&call.func_name, call.target.is_some());
                call.target.iter().for_each(|target| self.walk(target));
                call.args.iter().for_each(|argument| self.walk(argument));
            }
            Expr::List(list) => list.elements.iter().for_each(|item| self.walk(item)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(of) => of.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(comprehension) => {
                self.walk(&comprehension.iter_range);
                self.walk(&comprehension.accu_init);
                let around = self.bound.len();
                self.bound.push(&comprehension.accu_var);
                self.bound.push(&comprehension.iter_var);
                self.bound.extend(comprehension.iter_var2.as_deref());
                self.walk(&comprehension.loop_cond);
                self.walk(&comprehension.loop_step);
                self.walk(&comprehension.result);
                self.bound.truncate(around);
            }
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn entry(&mut self, entry: &'a EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.walk(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.walk(&entry.key);
                self.walk(&entry.value);
            }
        }
    }

    fn variable(&mut self, node: &IdedExpr, name: &str) {
        let known = self.known.variables.contains(&name) || self.bound.contains(&name) || TYPES.contains(&name);
        if known || name.starts_with('@') {
            return;
        }
        let help = did_you_mean(name, self.known.variables.iter().copied());
        self.tell(
            Some(node),
            name,
            format!("there is no variable `{name}` here"),
            "unknown variable",
            help,
        );
    }

    fn axis(&mut self, node: &IdedExpr, name: &str) {
        // A scenario without axes has no `params` at all, which is told of the variable.
        if self.known.axes.contains(&name) || !self.known.variables.contains(&"params") {
            return;
        }
        let help = did_you_mean(name, self.known.axes.iter().copied());
        self.tell(
            Some(node),
            name,
            format!("there is no axis `{name}`"),
            "unknown axis",
            help,
        );
    }

    fn function(&mut self, name: &str, on_a_value: bool) {
        let is_operator = !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_operator {
            return;
        }
        if MACROS.contains(&name) {
            let help = if name == "has" {
                "for example `has(json.pets)`".to_owned()
            } else {
                format!("it takes a name and what it is to be, as in `json.pets.{name}(pet, pet.id > 0)`")
            };
            self.tell(
                None,
                name,
                format!("`{name}` is not called so"),
                "other arguments are wanted",
                help,
            );
        } else if !on_a_value && MEMBER.contains(&name) && !GLOBAL.contains(&name) {
            let help = format!("for example `text.{name}('…')`");
            self.tell(
                None,
                name,
                format!("`{name}` is called on a value"),
                "called on nothing",
                help,
            );
        } else if on_a_value && GLOBAL.contains(&name) && !MEMBER.contains(&name) {
            let help = format!("for example `{name}(json.id)`");
            self.tell(
                None,
                name,
                format!("`{name}` takes its value in brackets"),
                "called on a value",
                help,
            );
        } else if !functions().any(|known| known == name) {
            let elsewhere = nearest(name, ELSEWHERE.iter().map(|(other, _)| *other))
                .and_then(|near| ELSEWHERE.iter().find(|(other, _)| *other == near))
                .filter(|_| nearest(name, functions()).is_none());
            let near = elsewhere.map_or(name, |(_, here)| here);
            self.tell(
                None,
                name,
                format!("CEL has no function `{name}`"),
                "unknown function",
                did_you_mean(near, functions()),
            );
        }
    }

    fn tell(&mut self, node: Option<&IdedExpr>, name: &str, message: String, label: &str, help: String) {
        // The parser's places count characters. Where they do not fit, the name is looked for.
        let marked = node
            .and_then(|node| self.program.source_info().offset_for(node.id))
            .and_then(|(start, _)| self.text.char_indices().nth(start as usize))
            .map(|(at, _)| at);
        let at = marked
            .and_then(|from| find_word(self.text, name, from))
            .or_else(|| find_word(self.text, name, 0))
            .unwrap_or_default();
        let problem = Problem {
            at,
            len: name.len(),
            message,
            label: label.to_owned(),
            help,
        };
        // A name that is used twice is told once.
        if !self.found.iter().any(|known| known.message == problem.message) {
            self.found.push(problem);
        }
    }

    /// Whether the whole can have no truth, as far as can be told before it is evaluated.
    fn never_a_truth(&self, node: &IdedExpr) -> bool {
        let arithmetic = [
            operators::ADD,
            operators::SUBSTRACT,
            operators::MULTIPLY,
            operators::DIVIDE,
            operators::MODULO,
        ];
        match &node.expr {
            Expr::Ident(name) => self.known.not_truths.contains(&name.as_str()),
            Expr::Literal(literal) => !matches!(literal, LiteralValue::Boolean(_)),
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => true,
            Expr::Call(call) => {
                let name = call.func_name.as_str();
                let other = ["bytes", "double", "int", "size", "string", "type", "uint"];
                arithmetic.contains(&name) || name == operators::NEGATE || other.contains(&name)
            }
            _ => false,
        }
    }
}

/// What to write instead of a field that other languages have and CEL has not: `json.pets.length`.
pub(super) fn length(node: &IdedExpr) -> Option<String> {
    let is_length = |field: &str| matches!(field, "length" | "len" | "count");
    match &node.expr {
        Expr::Select(select) if is_length(&select.field) => Some(format!(
            "CEL counts with `size()`: write `.size()` in place of `.{}`",
            select.field
        )),
        Expr::Select(select) => length(&select.operand),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).find_map(length),
        Expr::List(list) => list.elements.iter().find_map(length),
        Expr::Comprehension(of) => [&of.iter_range, &of.loop_step, &of.result].into_iter().find_map(length),
        _ => None,
    }
}

/// Where `name` stands as a word of its own, from `from` on.
fn find_word(text: &str, name: &str, from: usize) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.get(from..)?
        .match_indices(name)
        .map(|(at, _)| from + at)
        .find(|at| !text[..*at].ends_with(is_word) && !text[at + name.len()..].starts_with(is_word))
}
