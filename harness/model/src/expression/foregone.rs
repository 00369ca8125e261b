//! What can be told of an expression before anything is seen: that it always holds, or never.
//!
//! Three ways, each of which is sure of what it says. An expression that names nothing that is seen has its value already. A
//! comparison may be true by its form: `size(x) >= 0`, or both sides the same. And one of comparisons alone is tried with values
//! that are made of what is written in it, so that whatever it asks for is there in one try and not in another; one that is true
//! in all of them asks for nothing. An expression of any other kind is not judged.

use std::collections::BTreeSet;

use cel::{
    Context,
    common::ast::{Expr, IdedExpr, LiteralValue, operators},
};
use regex::Regex;
use serde_json::{Value, json};

use super::{
    budget::{self, Budget, MOST_STEPS},
    compiled::Expression,
    meter::{env, metered, parts, weight_of_json},
    names::TYPES,
    value::{Variables, to_cel, truth_of},
};

/// What an expression comes to, whatever is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foregone {
    /// It holds.
    Holds,
    /// It does not hold.
    Fails,
    /// It cannot be evaluated; why.
    Unevaluable(String),
}

/// More different values than these in one expression are not tried together.
const MOST_ATOMS: usize = 4;
/// More tries than these are not made, nor more steps taken for all of them.
const MOST_TRIES: usize = 2_000;
const STEPS: u64 = MOST_STEPS / 4;

/// Variables that are numbers from 0 up.
const NUMBERS: [&str; 8] = [
    "duration_ms",
    "errors",
    "max_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "requests",
    "status",
];
/// Mappings to numbers from 0 up.
const COUNTS: [&str; 3] = ["failures", "stats", "statuses"];
/// Variables that are lists or mappings.
const COLLECTIONS: [&str; 7] = [
    "endpoints",
    "failures",
    "headers",
    "pods",
    "served_by",
    "stats",
    "statuses",
];

/// What is compared, and how, in expressions that are tried.
const TRIED: [&str; 15] = [
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::IN,
    operators::CONDITIONAL,
    operators::NEGATE,
    "contains",
    "startsWith",
    "endsWith",
];

impl Expression {
    /// What it comes to whatever is seen, if that can be told; `params` are the values that are known before.
    pub fn foregone(&self, params: &Variables) -> Option<Foregone> {
        let seen = self.0.refers.variables.iter();
        let mut seen = seen.filter(|name| !TYPES.contains(&name.as_str()));
        if seen.next().is_none() {
            return Some(match self.truth(params, &Budget::default()) {
                Ok(true) => Foregone::Holds,
                Ok(false) => Foregone::Fails,
                Err(why) => Foregone::Unevaluable(why),
            });
        }
        let root = self.0.program.expression();
        let holds = |node: &IdedExpr| by_form(node) || by_trying(node, params).unwrap_or(false);
        let comes_to = || match &root.expr {
            _ if holds(root) => Some(true),
            Expr::Call(not) if not.func_name == operators::LOGICAL_NOT && not.args.iter().all(holds) => Some(false),
            _ => None,
        };
        let of_params = self.0.refers.whole || !self.0.refers.fields.is_empty();
        let truth = match of_params {
            true => comes_to(),
            // The same for all cases.
            false => *self.0.comes_to.get_or_init(comes_to),
        };
        truth.map(|truth| if truth { Foregone::Holds } else { Foregone::Fails })
    }
}

/// Whether an expression is true by its form alone.
fn by_form(node: &IdedExpr) -> bool {
    let call = match &node.expr {
        Expr::Call(call) => call,
        Expr::Literal(LiteralValue::Boolean(truth)) => return *truth.inner(),
        // `all` begins with true, and takes one item after the other: `@result && …`.
        Expr::Comprehension(of) if by_form(&of.accu_init) => {
            return match &of.loop_step.expr {
                Expr::Call(step) if step.func_name == operators::LOGICAL_AND => step.args.last().is_some_and(by_form),
                _ => false,
            };
        }
        _ => return false,
    };
    match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
        (operators::LOGICAL_AND, _, [left, right]) => by_form(left) && by_form(right),
        (operators::LOGICAL_OR, _, [left, right]) => by_form(left) || by_form(right),
        (operators::LOGICAL_NOT, _, [inner]) => match &inner.expr {
            Expr::Call(not) if not.func_name == operators::LOGICAL_NOT => not.args.first().is_some_and(by_form),
            _ => false,
        },
        (operators::CONDITIONAL, _, [_, one, other]) => by_form(one) && by_form(other),
        (operators::EQUALS | operators::LESS_EQUALS | operators::GREATER_EQUALS, _, [left, right])
            if same(left, right) =>
        {
            true
        }
        (operators::GREATER_EQUALS, _, [left, right]) | (operators::LESS_EQUALS, _, [right, left]) => {
            is_a_number(left) && number(right).is_some_and(|number| number <= 0.0)
        }
        (operators::GREATER, _, [left, right]) | (operators::LESS, _, [right, left]) => {
            is_a_number(left) && number(right).is_some_and(|number| number < 0.0)
        }
        ("matches", Some(_), [pattern]) | ("matches", None, [_, pattern]) => text(pattern).is_some_and(matches_all),
        ("contains" | "startsWith" | "endsWith", Some(_), [part]) => text(part) == Some(""),
        _ => false,
    }
}

/// Whether two expressions are written alike.
fn same(left: &IdedExpr, right: &IdedExpr) -> bool {
    let both = |one: &Option<Box<IdedExpr>>, other: &Option<Box<IdedExpr>>| match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => same(one, other),
        _ => false,
    };
    let all = |one: &[IdedExpr], other: &[IdedExpr]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
    };
    match (&left.expr, &right.expr) {
        (Expr::Ident(one), Expr::Ident(other)) => one == other,
        (Expr::Literal(one), Expr::Literal(other)) => one == other,
        (Expr::List(one), Expr::List(other)) => all(&one.elements, &other.elements),
        (Expr::Select(one), Expr::Select(other)) => {
            one.field == other.field && one.test == other.test && same(&one.operand, &other.operand)
        }
        (Expr::Call(one), Expr::Call(other)) => {
            one.func_name == other.func_name && both(&one.target, &other.target) && all(&one.args, &other.args)
        }
        _ => false,
    }
}

/// Whether an expression is a number that is never below 0.
fn is_a_number(node: &IdedExpr) -> bool {
    let of_counts = |operand: &IdedExpr| match &operand.expr {
        Expr::Ident(name) => COUNTS.contains(&name.as_str()),
        // Of what was kept: `before.stats`.
        Expr::Select(select) => COUNTS.contains(&select.field.as_str()),
        _ => false,
    };
    match &node.expr {
        Expr::Ident(name) => NUMBERS.contains(&name.as_str()),
        Expr::Select(select) => of_counts(&select.operand),
        Expr::Call(call) if call.func_name == "size" => true,
        Expr::Call(call) if call.func_name == operators::INDEX => call.args.first().is_some_and(of_counts),
        _ => false,
    }
}

fn number(node: &IdedExpr) -> Option<f64> {
    match &node.expr {
        Expr::Literal(LiteralValue::Int(number)) => Some(*number.inner() as f64),
        Expr::Literal(LiteralValue::UInt(number)) => Some(*number.inner() as f64),
        Expr::Literal(LiteralValue::Double(number)) => Some(*number.inner()),
        Expr::Call(call) if call.func_name == operators::NEGATE => number(call.args.first()?).map(|number| -number),
        _ => None,
    }
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Whether a pattern is found in every text: in nothing, in each letter by itself, and in a long line.
fn matches_all(pattern: &str) -> bool {
    let Ok(regex) = regex::RegexBuilder::new(pattern).size_limit(1 << 18).build() else {
        return false;
    };
    let found = |regex: &Regex, text: &str| regex.is_match(text);
    let letters = (0..128_u8).map(|letter| char::from(letter).to_string());
    found(&regex, "")
        && letters
            .chain([
                "é".to_owned(),
                "\u{10ffff}".to_owned(),
                "a\nb".to_owned(),
                "x ".repeat(5_000),
            ])
            .all(|text| found(&regex, &text))
}

/// Whether an expression is true with all values that are tried; none where it is not of a kind that can be tried.
fn by_trying(root: &IdedExpr, params: &Variables) -> Option<bool> {
    let mut tree = root.clone();
    let mut atoms = Vec::new();
    let mut written = Written::default();
    params.values().for_each(|value| written.json(value));
    abstracted(&mut tree, &mut atoms, &mut written)?;
    let values: Vec<Vec<Value>> = atoms.iter().map(|atom| written.values(&atom.kind)).collect();
    let tries: usize = values.iter().map(Vec::len).product();
    if atoms.is_empty() || atoms.len() > MOST_ATOMS || tries > MOST_TRIES {
        return None;
    }
    let (tree, parts) = (metered(&tree), parts(&tree).unsigned_abs());
    let budget = Budget::new(STEPS);
    Some((0..tries).all(|mut number| {
        let mut of_try = params.clone();
        for (atom, values) in atoms.iter().zip(&values) {
            of_try.insert(atom.name.clone(), values[number % values.len()].clone());
            number /= values.len();
        }
        let outcome = budget.spend(|| {
            budget::take(parts)?;
            let mut context = Context::with_env(env());
            for (name, value) in of_try {
                budget::take(weight_of_json(&value, budget::left()))?;
                context.add_variable_from_value(name, to_cel(&value));
            }
            truth_of(&tree, &context)
        });
        outcome.and_then(|truth| truth) == Ok(true)
    }))
}

/// Something that is seen, as a variable of its own.
struct Atom {
    name: String,
    kind: AtomKind,
    was: IdedExpr,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AtomKind {
    /// A number from 0 up.
    Number,
    Text,
    /// A list or a mapping.
    Collection,
    /// True or false: whether a field is there.
    Truth,
    /// Whatever an answer has.
    Anything,
}

/// Puts a variable in the place of each thing that is seen; none where there is anything that is not tried.
fn abstracted(node: &mut IdedExpr, atoms: &mut Vec<Atom>, written: &mut Written) -> Option<()> {
    let kind = match &node.expr {
        Expr::Literal(literal) => {
            written.literal(literal);
            return Some(());
        }
        Expr::List(list) => {
            // A list of what is written, to be one of.
            let literals = list.elements.iter().map(|item| match &item.expr {
                Expr::Literal(literal) => Some(literal),
                _ => None,
            });
            for literal in literals {
                written.literal(literal?);
            }
            return Some(());
        }
        Expr::Ident(name) if name == "params" => return None,
        Expr::Ident(name) if NUMBERS.contains(&name.as_str()) => AtomKind::Number,
        Expr::Ident(name) if ["ready", "text"].contains(&name.as_str()) => AtomKind::Text,
        Expr::Ident(name) if COLLECTIONS.contains(&name.as_str()) => AtomKind::Collection,
        Expr::Ident(name) if ["error", "json"].contains(&name.as_str()) => AtomKind::Anything,
        Expr::Select(select) if of_params(&select.operand) => return Some(()),
        Expr::Select(select) if select.test => is_path(&select.operand).then_some(AtomKind::Truth)?,
        Expr::Call(call) if call.func_name == "size" => {
            let of = call.target.as_deref().or(call.args.first())?;
            is_path(of).then_some(AtomKind::Number)?
        }
        _ if is_path(node) && !matches!(node.expr, Expr::Ident(_)) => AtomKind::Anything,
        Expr::Call(call) if call.func_name == operators::INDEX && call.args.first().is_some_and(of_params) => {
            return Some(());
        }
        Expr::Call(call) if TRIED.contains(&call.func_name.as_str()) => {
            let Expr::Call(call) = &mut node.expr else { return None };
            if let Some(target) = &mut call.target {
                abstracted(target, atoms, written)?;
            }
            return call.args.iter_mut().try_for_each(|of| abstracted(of, atoms, written));
        }
        _ => return None,
    };
    let known = atoms.iter().find(|atom| same(&atom.was, node));
    let name = known.map_or_else(|| format!("seen_{}", atoms.len()), |atom| atom.name.clone());
    let was = std::mem::replace(&mut node.expr, Expr::Ident(name.clone()));
    if !atoms.iter().any(|atom| atom.name == name) {
        let was = IdedExpr { id: node.id, expr: was };
        atoms.push(Atom { name, kind, was });
    }
    Some(())
}

fn of_params(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name == "params")
}

/// Whether an expression is a variable, or something inside of one: `json.pets[0].id`.
fn is_path(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Ident(name) => name != "params" && !name.starts_with('@'),
        Expr::Select(select) => !select.test && is_path(&select.operand),
        Expr::Call(call) if call.func_name == operators::INDEX => {
            let is_written = matches!(call.args.get(1).map(|at| &at.expr), Some(Expr::Literal(_)));
            is_written && call.args.first().is_some_and(is_path)
        }
        _ => false,
    }
}

/// The texts and numbers of an expression, of which values are made.
#[derive(Default)]
struct Written {
    texts: BTreeSet<String>,
    numbers: Vec<f64>,
}

impl Written {
    fn literal(&mut self, literal: &LiteralValue) {
        match literal {
            LiteralValue::String(text) => drop(self.texts.insert(text.inner().to_owned())),
            LiteralValue::Int(number) => self.numbers.push(*number.inner() as f64),
            LiteralValue::UInt(number) => self.numbers.push(*number.inner() as f64),
            LiteralValue::Double(number) => self.numbers.push(*number.inner()),
            LiteralValue::Boolean(_) | LiteralValue::Bytes(_) | LiteralValue::Null => {}
        }
    }

    fn json(&mut self, value: &Value) {
        match value {
            Value::String(text) => drop(self.texts.insert(text.clone())),
            Value::Number(number) => self.numbers.extend(number.as_f64()),
            Value::Object(fields) => fields.values().for_each(|value| self.json(value)),
            Value::Array(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn values(&self, kind: &AtomKind) -> Vec<Value> {
        match kind {
            AtomKind::Number => self.numbers(0.0),
            AtomKind::Text => self.texts(),
            AtomKind::Collection => self.collections(),
            AtomKind::Truth => vec![json!(false), json!(true)],
            AtomKind::Anything => {
                let mut all = vec![Value::Null, json!(false), json!(true)];
                all.extend(self.numbers(f64::MIN));
                all.extend(self.texts());
                all.extend(self.collections());
                all
            }
        }
    }

    /// Around each number that is written, and far away from all of them.
    fn numbers(&self, least: f64) -> Vec<Value> {
        let around = self
            .numbers
            .iter()
            .flat_map(|number| [number - 1.0, *number, number + 0.5, number + 1.0]);
        let mut all: Vec<f64> = [0.0, 1.0, -7.0, 1e9 + 7.0].into_iter().chain(around).collect();
        all.retain(|number| *number >= least);
        all.sort_by(f64::total_cmp);
        all.dedup();
        let whole = |number: f64| match number.fract() == 0.0 && number.abs() < 1e15 {
            true => json!(number as i64),
            false => json!(number),
        };
        all.into_iter().map(whole).collect()
    }

    /// Each text that is written, by itself and within others, another one, and none.
    fn texts(&self) -> Vec<Value> {
        let mut all = vec![String::new(), "another text".to_owned()];
        for text in &self.texts {
            all.extend([
                text.clone(),
                format!("x{text}"),
                format!("{text}x"),
                format!("x{text}x"),
            ]);
        }
        all.extend([self.texts.iter().map(String::as_str).collect::<Vec<_>>().join(" ")]);
        all.sort();
        all.dedup();
        all.into_iter().map(Value::from).collect()
    }

    /// Nothing, something else, and everything that is written.
    fn collections(&self) -> Vec<Value> {
        let mapped: serde_json::Map<String, Value> = self.texts.iter().map(|text| (text.clone(), json!(1))).collect();
        vec![
            json!([]),
            json!({}),
            json!(["another text"]),
            json!({"another text": 1}),
            json!(self.texts),
            Value::Object(mapped),
        ]
    }
}
