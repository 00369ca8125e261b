//! An expression that was read, and whether it holds.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use cel::{
    Context, Program, Value,
    common::ast::{Expr, IdedExpr, operators},
};

use super::{
    budget::{self, Budget},
    meter::{env, metered, parts, weight_of_json},
    names::{self, Known},
    problem::Problem,
    refers::{self, Refers},
    value::{UNEVALUABLE, Variables, show, to_cel, truth_of},
    words,
};

/// How many bytes of expressions are remembered: those of a scenario are asked once for each of its cases.
const REMEMBERED: usize = 1 << 16;

/// A CEL expression that is true or false.
#[derive(Debug, Clone)]
pub struct Expression(pub(super) Arc<Compiled>);

#[derive(Debug)]
pub(super) struct Compiled {
    text: String,
    pub(super) program: Program,
    /// The same, with what counts its steps.
    metered: IdedExpr,
    pub(super) refers: Refers,
    parts: u64,
    /// Its truth if that is the same whatever is seen, once that was asked; of those that do not ask for axes.
    pub(super) comes_to: OnceLock<Option<bool>>,
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
        static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
        /// Expressions by their texts, and how long these are together.
        type Known = (HashMap<String, Expression>, usize);
        words::readable(text)?;
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(expression) = known().0.get(text) {
            return Ok(expression.clone());
        }
        let expression = Self::parse(text)?;
        let mut known = known();
        if known.1 >= REMEMBERED {
            *known = Known::default();
        }
        known.1 += text.len();
        known.0.insert(text.to_owned(), expression.clone());
        Ok(expression)
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        // A parser that fails inside must not take the whole run with it.
        match catch_unwind(AssertUnwindSafe(|| Program::compile(text))) {
            Ok(Ok(program)) => Ok(Self(Arc::new(Compiled {
                text: text.to_owned(),
                metered: metered(program.expression()),
                refers: refers::refers(program.expression()),
                parts: parts(program.expression()).unsigned_abs(),
                comes_to: OnceLock::new(),
                program,
            }))),
            Ok(Err(errors)) => Err(words::of_parser(text, &errors)),
            Err(_) => Err(words::unreadable(text)),
        }
    }

    /// Every name that is not known, and that the expression can be neither true nor false.
    pub fn problems(&self, known: &Known<'_>) -> Vec<Problem> {
        names::problems(&self.0.text, &self.0.program, known)
    }

    /// What the expression depends on.
    pub fn refers(&self) -> &Refers {
        &self.0.refers
    }

    /// The functions that CEL has.
    pub fn functions() -> impl Iterator<Item = &'static str> {
        names::functions()
    }

    /// Whether the expression is true with these variables. What it does is taken out of the budget.
    ///
    /// # Errors
    /// The values from which it follows that it is not; that it would do too much.
    pub fn holds(&self, variables: &Variables, budget: &Budget) -> Result<(), Unheld> {
        let spent = budget.spend(|| {
            let context = self.context(variables)?;
            match self.truth_in(&context) {
                Ok(true) => Ok(None),
                Ok(false) => {
                    let why = explain(self.0.program.expression(), &context);
                    Ok(Some(why.unwrap_or_else(|| "false".to_owned())))
                }
                Err(neither) => Ok(Some(neither)),
            }
        });
        match spent.and_then(|outcome| outcome) {
            Ok(None) => Ok(()),
            Ok(Some(actual)) | Err(actual) => Err(Unheld { actual }),
        }
    }

    /// The expression's value with these variables. What it does is taken out of the budget.
    ///
    /// # Errors
    /// Why it is neither true nor false; that it would do too much.
    pub fn truth(&self, variables: &Variables, budget: &Budget) -> Result<bool, String> {
        budget.spend(|| self.truth_in(&self.context(variables)?))?
    }

    fn truth_in(&self, context: &Context<'_, '_>) -> Result<bool, String> {
        truth_of(&self.0.metered, context).map_err(|why| match names::length(self.0.program.expression()) {
            Some(instead) if why.starts_with(UNEVALUABLE) => format!("{why}; {instead}"),
            _ => why,
        })
    }

    /// The variables that the expression asks for, as CEL has them.
    fn context(&self, variables: &Variables) -> Result<Context<'static, 'static>, String> {
        let refers = &self.0.refers;
        budget::take(self.0.parts)?;
        let mut context = Context::with_env(env());
        let asks_params = refers.whole || !refers.fields.is_empty();
        for (name, value) in variables {
            if refers.variables.contains(name) || name == "params" && asks_params {
                budget::take(weight_of_json(value, budget::left()))?;
                context.add_variable_from_value(name.clone(), to_cel(value));
            }
        }
        Ok(context)
    }
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
        let left_holds = matches!(context.resolve(&metered(left)), Ok(Value::Bool(true)));
        return explain(if left_holds { right } else { left }, context);
    }
    let sign = call.func_name.trim_matches(['_', '@']);
    let known = ["==", "!=", "<", "<=", ">", ">=", "in"];
    if !known.contains(&sign) {
        return None;
    }
    let left = context.resolve(&metered(left)).ok()?;
    let right = context.resolve(&metered(right)).ok()?;
    Some(format!("{} {sign} {} is false", show(&left), show(&right)))
}
