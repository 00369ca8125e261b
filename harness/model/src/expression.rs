//! Expectations beyond the shorthand: CEL, the language that Envoy and Kubernetes use.

mod names;
mod refers;
mod words;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

use cel::{
    Context, Env, Program, Value,
    common::ast::{Expr, IdedExpr, operators},
};
use indexmap::IndexMap;

pub use self::{names::Known, refers::Refers};

/// An expression is read once more for each part of it; nobody reads one that is longer.
const LONGEST: usize = 1000;

/// How deep brackets may lie in one another.
const DEEPEST: usize = 30;

/// Variables by name.
pub type Variables = IndexMap<String, serde_json::Value>;

/// A CEL expression that is true or false.
#[derive(Debug)]
pub struct Expression {
    text: String,
    program: Program,
}

/// What is wrong in an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The bytes of the expression before it.
    pub at: usize,
    /// How many bytes of the expression it covers.
    pub len: usize,
    /// In a sentence without a full stop.
    pub message: String,
    /// A few words at the place itself.
    pub label: String,
    /// The way out.
    pub help: String,
}

/// What came of an expression that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheld {
    /// The values from which it follows.
    pub actual: String,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is not CEL, and what no person can read.
    pub fn compile(text: &str) -> Result<Self, Problem> {
        words::readable(text)?;
        // A parser that fails inside must not take the whole run with it.
        match catch_unwind(AssertUnwindSafe(|| Program::compile(text))) {
            Ok(Ok(program)) => Ok(Self {
                text: text.to_owned(),
                program,
            }),
            Ok(Err(errors)) => Err(words::of_parser(text, &errors)),
            Err(_) => Err(words::unreadable(text)),
        }
    }

    /// Every name that is not known, and that the expression can be neither true nor false.
    pub fn problems(&self, known: &Known<'_>) -> Vec<Problem> {
        names::problems(&self.text, &self.program, known)
    }

    /// What the expression depends on.
    pub fn refers(&self) -> Refers {
        refers::refers(self.program.expression())
    }

    /// The functions that CEL has.
    pub fn functions() -> impl Iterator<Item = &'static str> {
        names::functions()
    }

    /// Whether the expression is true with these variables.
    ///
    /// # Errors
    /// The values from which it follows that it is not.
    pub fn holds(&self, variables: &Variables) -> Result<(), Unheld> {
        let context = context(variables);
        let actual = match self.truth_in(&context) {
            Ok(true) => return Ok(()),
            Ok(false) => explain(self.program.expression(), &context).unwrap_or_else(|| "false".to_owned()),
            Err(neither) => neither,
        };
        Err(Unheld { actual })
    }

    /// The expression's value with these variables.
    ///
    /// # Errors
    /// Why it is neither true nor false.
    pub fn truth(&self, variables: &Variables) -> Result<bool, String> {
        self.truth_in(&context(variables))
    }

    fn truth_in(&self, context: &Context<'_, '_>) -> Result<bool, String> {
        match catch_unwind(AssertUnwindSafe(|| self.program.execute(context))) {
            Ok(Ok(Value::Bool(truth))) => Ok(truth),
            Ok(Ok(other)) => Err(format!("neither true nor false: {}", show(&other))),
            Ok(Err(error)) => Err(format!("it cannot be evaluated: {error}")),
            Err(_) => Err("it cannot be evaluated".to_owned()),
        }
    }
}

fn context(variables: &Variables) -> Context<'static, 'static> {
    // What CEL's functions are is looked up once.
    static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));
    let mut context = Context::with_env(ENV.clone());
    for (name, value) in variables {
        context.add_variable_from_value(name.clone(), to_cel(value));
    }
    context
}

/// Both sides of what is compared; of several parts joined by "and", the first that is not true.
fn explain(expression: &IdedExpr, context: &Context<'_, '_>) -> Option<String> {
    let Expr::Call(call) = &expression.expr else {
        return None;
    };
    let [left, right] = call.args.as_slice() else {
        return None;
    };
    if call.func_name == operators::LOGICAL_AND {
        let left_holds = matches!(context.resolve(left), Ok(Value::Bool(true)));
        return explain(if left_holds { right } else { left }, context);
    }
    let sign = call.func_name.trim_matches(['_', '@']);
    let known = ["==", "!=", "<", "<=", ">", ">=", "in"];
    if !known.contains(&sign) {
        return None;
    }
    let left = context.resolve(left).ok()?;
    let right = context.resolve(right).ok()?;
    Some(format!("{} {sign} {} is false", show(&left), show(&right)))
}

fn to_cel(value: &serde_json::Value) -> Value {
    use serde_json::Value as J;
    match value {
        J::Null => Value::Null,
        J::Bool(value) => Value::Bool(*value),
        // Whole numbers are all of one type here, so that `status == 200` compares like with like.
        J::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        J::String(text) => Value::from(text.clone()),
        J::Array(items) => Value::from(items.iter().map(to_cel).collect::<Vec<_>>()),
        J::Object(entries) => {
            let entries: HashMap<String, Value> = entries
                .iter()
                .map(|(key, value)| (key.clone(), to_cel(value)))
                .collect();
            Value::from(entries)
        }
    }
}

fn show(value: &Value) -> String {
    value.json().map_or_else(
        |_| format!("{value:?}"),
        |json| crate::observation::shorten(&json.to_string(), 300),
    )
}

#[cfg(test)]
mod tests;
