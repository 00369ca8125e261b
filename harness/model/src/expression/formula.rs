//! An expression over names that have few values each, as arithmetic: what it comes to can be told without evaluating it anew
//! for each combination of values.
//!
//! Only what has a value whatever the names are is taken: whole numbers, words and truths, of the same kind for each value of a
//! name. Of all else, the expression itself has to be asked.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cel::{
    Context, Value,
    common::ast::{Expr, IdedExpr, operators},
};
use serde_json::json;

use super::{
    budget::{self, Budget},
    compiled::Expression,
    meter::{env, metered, parts, weight_of_json},
    refers,
    value::to_cel,
};

/// Numbers that sums and products may come to, so that none is too large to count with.
const LARGEST: i64 = 1 << 40;

/// Parts of a formula.
const PARTS: usize = 2000;

/// What an expression comes to, of some names with numbered values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Formula {
    /// A number. Truths are 0 and 1, and each word has a number of its own.
    Is(i64),
    /// The number that belongs to each value of a name.
    Of {
        /// The index of the name.
        name: usize,
        /// A number for each of its values.
        values: Arc<[i64]>,
    },
    /// The sum of a number and of these.
    Sum(i64, Vec<Formula>),
    /// A number times something.
    Times(i64, Box<Formula>),
    /// What remains when it is divided by a number above 0.
    Rest(Box<Formula>, i64),
    /// Whether each of them is true.
    All(Vec<Formula>),
    /// Whether any of them is true.
    Any(Vec<Formula>),
    /// Whether it is false.
    Not(Box<Formula>),
    /// Whether two numbers compare like this.
    Compare(Box<Formula>, Comparison, Box<Formula>),
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// They are the same.
    Equal,
    /// The first is less.
    Less,
    /// The first is not more.
    AtMost,
}

/// What a formula's number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Truth,
    Word,
}

impl Formula {
    /// What it comes to, where `level` tells which value each name has.
    pub fn value(&self, level: &impl Fn(usize) -> usize) -> i64 {
        match self {
            Self::Is(number) => *number,
            Self::Of { name, values } => values[level(*name)],
            Self::Sum(number, parts) => parts.iter().fold(*number, |sum, part| sum + part.value(level)),
            Self::Times(number, of) => number * of.value(level),
            Self::Rest(of, by) => of.value(level) % by,
            Self::All(parts) => i64::from(parts.iter().all(|part| part.value(level) != 0)),
            Self::Any(parts) => i64::from(parts.iter().any(|part| part.value(level) != 0)),
            Self::Not(of) => i64::from(of.value(level) == 0),
            Self::Compare(left, sign, right) => i64::from(sign.holds(left.value(level), right.value(level))),
        }
    }

    /// How many parts it has.
    pub fn size(&self) -> usize {
        1 + match self {
            Self::Is(_) | Self::Of { .. } => 0,
            Self::Sum(_, parts) | Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::size).sum(),
            Self::Times(_, of) | Self::Rest(of, _) | Self::Not(of) => of.size(),
            Self::Compare(left, _, right) => left.size() + right.size(),
        }
    }
}

impl Comparison {
    /// Whether two numbers compare like this.
    pub fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
        }
    }
}

impl Expression {
    /// The expression as a formula that is true or false, where it is one. `names` are all that it asks for, each with its
    /// values, by themselves or, with `params`, as fields of that. What it takes to find out is taken out of the budget.
    pub fn formula(&self, names: &[(&str, Vec<&serde_json::Value>)], params: bool, budget: &Budget) -> Option<Formula> {
        let mut reader = Reader {
            names,
            params,
            budget,
            asks: HashMap::new(),
            words: HashMap::new(),
        };
        let whole = self.0.program.expression();
        reader.note(whole)?;
        let (formula, kind) = reader.read(whole)?;
        (kind == Kind::Truth).then_some(formula)
    }
}

/// Which names a part of an expression asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nothing,
    /// The one of this index.
    One(usize),
    Several,
}

struct Reader<'a> {
    names: &'a [(&'a str, Vec<&'a serde_json::Value>)],
    params: bool,
    budget: &'a Budget,
    /// What each part asks for, found out once.
    asks: HashMap<*const IdedExpr, Asks>,
    words: HashMap<String, i64>,
}

impl Reader<'_> {
    /// Finds out what a part and those in it ask for; none if that is not known.
    fn note(&mut self, node: &IdedExpr) -> Option<Asks> {
        if self.asks.len() >= PARTS {
            return None;
        }
        let mut asks = Asks::Nothing;
        let mut more = |of: Asks| {
            asks = match (asks, of) {
                (asks, Asks::Nothing) => asks,
                (Asks::Nothing, of) => of,
                (asks, of) if asks == of => asks,
                _ => Asks::Several,
            };
        };
        match &node.expr {
            Expr::Call(call) if call.target.is_none() && call.func_name != operators::INDEX => {
                for part in &call.args {
                    more(self.note(part)?);
                }
            }
            _ => {
                let refers = refers::refers(node);
                if refers.whole {
                    return None;
                }
                for asked in refers.variables.iter().chain(&refers.fields) {
                    more(Asks::One(self.names.iter().position(|(name, _)| name == asked)?));
                }
            }
        }
        self.asks.insert(std::ptr::from_ref(node), asks);
        Some(asks)
    }

    fn read(&mut self, node: &IdedExpr) -> Option<(Formula, Kind)> {
        match self.asks.get(&std::ptr::from_ref(node))? {
            Asks::Nothing => self.constant(node),
            Asks::One(name) => self.each(node, *name),
            Asks::Several => self.parts_of(node),
        }
    }

    fn constant(&mut self, node: &IdedExpr) -> Option<(Formula, Kind)> {
        let (number, kind) = self.value(&metered(node), None)?;
        Some((Formula::Is(number), kind))
    }

    /// A part about one name: what it comes to for each of the name's values.
    fn each(&mut self, node: &IdedExpr, name: usize) -> Option<(Formula, Kind)> {
        let is_itself = match &node.expr {
            Expr::Ident(_) => true,
            Expr::Select(select) => {
                !select.test && matches!(&select.operand.expr, Expr::Ident(name) if name == "params")
            }
            _ => false,
        };
        let node = metered(node);
        let mut kinds = None;
        let mut values = Vec::new();
        for value in &self.names[name].1 {
            let (number, kind) = match is_itself {
                true => self.number(to_cel(value))?,
                false => self.value(&node, Some((self.names[name].0, *value)))?,
            };
            if *kinds.get_or_insert(kind) != kind {
                return None;
            }
            values.push(number);
        }
        let values = values.into();
        Some((Formula::Of { name, values }, kinds?))
    }

    /// What a part comes to, of a value of the one name that it asks for.
    fn value(&mut self, node: &IdedExpr, of: Option<(&str, &serde_json::Value)>) -> Option<(i64, Kind)> {
        let evaluate = || {
            budget::take(parts(node).unsigned_abs()).ok()?;
            let mut context = Context::with_env(env());
            if let Some((name, value)) = of {
                budget::take(2 * weight_of_json(value, budget::left())).ok()?;
                context.add_variable_from_value(name.to_owned(), to_cel(value));
                if self.params {
                    // An axis of that name is `params.params`.
                    context.add_variable_from_value("params".to_owned(), to_cel(&json!({ name: value })));
                }
            }
            catch_unwind(AssertUnwindSafe(|| context.resolve(node))).ok()?.ok()
        };
        let value = self.budget.spend(evaluate).ok()??;
        self.number(value)
    }

    /// The number that stands for a value.
    fn number(&mut self, value: Value) -> Option<(i64, Kind)> {
        let (number, kind) = match value {
            Value::Bool(truth) => (i64::from(truth), Kind::Truth),
            Value::Int(number) => (number, Kind::Number),
            Value::String(word) => {
                let next = self.words.len() as i64;
                (*self.words.entry(word.to_string()).or_insert(next), Kind::Word)
            }
            _ => return None,
        };
        (number.unsigned_abs() <= LARGEST.unsigned_abs()).then_some((number, kind))
    }

    /// A part about several names, of its own parts.
    fn parts_of(&mut self, node: &IdedExpr) -> Option<(Formula, Kind)> {
        let Expr::Call(call) = &node.expr else { return None };
        if call.target.is_some() {
            return None;
        }
        let parts: Vec<(Formula, Kind)> = call.args.iter().map(|part| self.read(part)).collect::<Option<_>>()?;
        let are = |kind: Kind| parts.iter().all(|(_, of)| *of == kind);
        let (truths, numbers) = (are(Kind::Truth), are(Kind::Number));
        let alike = parts.windows(2).all(|two| two[0].1 == two[1].1);
        let mut parts: Vec<Formula> = parts.into_iter().map(|(part, _)| part).collect();
        let formula = match (call.func_name.as_str(), parts.len()) {
            (operators::LOGICAL_AND, _) if truths => Formula::All(flat(parts, |part| match part {
                Formula::All(parts) => Ok(parts),
                other => Err(other),
            })),
            (operators::LOGICAL_OR, _) if truths => Formula::Any(flat(parts, |part| match part {
                Formula::Any(parts) => Ok(parts),
                other => Err(other),
            })),
            (operators::LOGICAL_NOT, 1) if truths => Formula::Not(Box::new(parts.pop()?)),
            (operators::CONDITIONAL, 3) if truths => {
                let (otherwise, then, condition) = (parts.pop()?, parts.pop()?, parts.pop()?);
                let not = Formula::Not(Box::new(condition.clone()));
                Formula::Any(vec![
                    Formula::All(vec![condition, then]),
                    Formula::All(vec![not, otherwise]),
                ])
            }
            (operators::ADD, 2) if numbers => sum(parts),
            (operators::SUBSTRACT, 2) if numbers => {
                let less = parts.pop()?;
                sum(vec![parts.pop()?, Formula::Times(-1, Box::new(less))])
            }
            (operators::NEGATE, 1) if numbers => Formula::Times(-1, Box::new(parts.pop()?)),
            (operators::MULTIPLY, 2) if numbers => match (parts.pop()?, parts.pop()?) {
                (Formula::Is(times), of) | (of, Formula::Is(times)) => Formula::Times(times, Box::new(of)),
                _ => return None,
            },
            (operators::MODULO, 2) if numbers => match (parts.pop()?, parts.pop()?) {
                (Formula::Is(by), of) if by > 0 => Formula::Rest(Box::new(of), by),
                _ => return None,
            },
            (sign, 2) if alike && (numbers || matches!(sign, operators::EQUALS | operators::NOT_EQUALS)) => {
                let (right, left) = (parts.pop()?, parts.pop()?);
                let (right, left) = (Box::new(right), Box::new(left));
                let not = |formula| Formula::Not(Box::new(formula));
                match sign {
                    operators::EQUALS => Formula::Compare(left, Comparison::Equal, right),
                    operators::NOT_EQUALS => not(Formula::Compare(left, Comparison::Equal, right)),
                    operators::LESS => Formula::Compare(left, Comparison::Less, right),
                    operators::LESS_EQUALS => Formula::Compare(left, Comparison::AtMost, right),
                    operators::GREATER => Formula::Compare(right, Comparison::Less, left),
                    operators::GREATER_EQUALS => Formula::Compare(right, Comparison::AtMost, left),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let kind = match formula {
            Formula::Sum(..) | Formula::Times(..) | Formula::Rest(..) => {
                bound(&formula).filter(|bound| *bound <= LARGEST)?;
                Kind::Number
            }
            _ => Kind::Truth,
        };
        Some((formula, kind))
    }
}

/// The parts, with those in them that are of the same kind as the whole.
fn flat(parts: Vec<Formula>, inner: impl Fn(Formula) -> Result<Vec<Formula>, Formula>) -> Vec<Formula> {
    let each = parts.into_iter();
    each.flat_map(|part| inner(part).unwrap_or_else(|other| vec![other]))
        .collect()
}

fn sum(parts: Vec<Formula>) -> Formula {
    let (mut number, mut all) = (0, Vec::new());
    for part in parts {
        match part {
            Formula::Is(more) => number += more,
            Formula::Sum(more, parts) => {
                number += more;
                all.extend(parts);
            }
            other => all.push(other),
        }
    }
    Formula::Sum(number, all)
}

/// The largest number that it or a part of it can come to, above or below 0.
fn bound(formula: &Formula) -> Option<i64> {
    Some(match formula {
        Formula::Is(number) => number.abs(),
        Formula::Of { values, .. } => values.iter().map(|value| value.abs()).max().unwrap_or(0),
        Formula::Sum(number, parts) => parts
            .iter()
            .try_fold(number.abs(), |all, part| all.checked_add(bound(part)?))?,
        Formula::Times(number, of) => number.abs().checked_mul(bound(of)?)?,
        Formula::Rest(of, by) => bound(of)?.max(*by),
        _ => 1,
    })
}
