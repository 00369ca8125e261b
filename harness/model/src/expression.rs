//! Expectations beyond the shorthand: CEL, the language that Envoy and Kubernetes use.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use cel::{
    Context, Program, Value,
    common::ast::{Expr, IdedExpr, operators},
};
use indexmap::IndexMap;

/// What CEL itself brings.
const FUNCTIONS: [&str; 20] = [
    "all",
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "has",
    "int",
    "map",
    "matches",
    "max",
    "min",
    "size",
    "startsWith",
    "string",
    "uint",
];

/// Variables by name.
pub type Variables = IndexMap<String, serde_json::Value>;

/// A CEL expression that is true or false.
#[derive(Debug)]
pub struct Expression {
    program: Program,
}

/// Why a text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// In the expression, from 1; 1 where CEL does not say.
    pub column: usize,
    /// What CEL says.
    pub message: String,
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
    /// What is not CEL.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        // A parser that fails inside must not take the whole run with it.
        match catch_unwind(AssertUnwindSafe(|| Program::compile(text))) {
            Ok(Ok(program)) => Ok(Self { program }),
            Ok(Err(errors)) => {
                let (column, message) = errors.errors.first().map_or((1, errors.to_string()), |error| {
                    (usize::try_from(error.pos.1).unwrap_or(1).max(1), error.msg.clone())
                });
                Err(CompileError { column, message })
            }
            Err(_) => Err(CompileError {
                column: 1,
                message: "it cannot be read as CEL".to_owned(),
            }),
        }
    }

    /// The first variable that is not among `known`, if there is one.
    pub fn unknown_variable(&self, known: &[&str]) -> Option<String> {
        let references = self.program.references();
        let mut unknown: Vec<&str> = references.variables();
        let bound = bound_variables(self.program.expression());
        unknown.retain(|name| !known.contains(name) && !name.starts_with('@') && !bound.iter().any(|own| own == name));
        unknown.sort_unstable();
        unknown.first().map(|&name| name.to_owned())
    }

    /// The first function that CEL does not have, if there is one.
    pub fn unknown_function(&self) -> Option<String> {
        let references = self.program.references();
        let mut unknown = references.functions();
        unknown.retain(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.contains("__"));
        unknown
            .retain(|name| name.chars().any(char::is_alphanumeric) && !name.starts_with('_') && !name.ends_with('_'));
        unknown.retain(|name| !FUNCTIONS.contains(name));
        unknown.sort_unstable();
        unknown.first().map(|&name| name.to_owned())
    }

    /// The functions that CEL has.
    pub fn functions() -> impl Iterator<Item = &'static str> {
        FUNCTIONS.into_iter()
    }

    /// Whether the expression is true with these variables.
    ///
    /// # Errors
    /// The values from which it follows that it is not.
    pub fn holds(&self, variables: &Variables) -> Result<(), Unheld> {
        let mut context = Context::default();
        for (name, value) in variables {
            context.add_variable_from_value(name.clone(), to_cel(value));
        }
        let result = catch_unwind(AssertUnwindSafe(|| self.program.execute(&context)));
        let actual = match result {
            Ok(Ok(Value::Bool(true))) => return Ok(()),
            Ok(Ok(Value::Bool(false))) => {
                explain(self.program.expression(), &context).unwrap_or_else(|| "false".to_owned())
            }
            Ok(Ok(other)) => format!("neither true nor false: {}", show(&other)),
            Ok(Err(error)) => format!("it cannot be evaluated: {error}"),
            Err(_) => "it cannot be evaluated".to_owned(),
        };
        Err(Unheld { actual })
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

/// The names that macros such as `all` bind.
fn bound_variables(expression: &IdedExpr) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![expression];
    while let Some(node) = open.pop() {
        match &node.expr {
            Expr::Comprehension(comprehension) => {
                found.push(comprehension.iter_var.clone());
                found.extend(comprehension.iter_var2.clone());
                found.push(comprehension.accu_var.clone());
                open.extend([
                    &comprehension.iter_range,
                    &comprehension.accu_init,
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ]);
            }
            Expr::Call(call) => {
                open.extend(call.args.iter());
                open.extend(call.target.as_deref());
            }
            Expr::List(list) => open.extend(list.elements.iter()),
            Expr::Select(select) => open.push(&select.operand),
            _ => {}
        }
    }
    found
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
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(text: &str) -> Result<(), String> {
        let variables = Variables::from([
            ("status".to_owned(), json!(200)),
            (
                "json".to_owned(),
                json!({"pets": [{"id": 1, "name": "Rex"}, {"id": 2, "name": "Tom"}]}),
            ),
            ("rate".to_owned(), json!(0.5)),
        ]);
        Expression::compile(text)
            .unwrap()
            .holds(&variables)
            .map_err(|unheld| unheld.actual)
    }

    #[test]
    fn true_expressions_hold() {
        for text in [
            "status == 200",
            "status >= 200 && status < 300",
            "json.pets.size() == 2",
            "size(json.pets) == 2",
            "json.pets.all(pet, pet.id > 0)",
            "json.pets.exists(pet, pet.name == 'Rex')",
            "json.pets[0].name.startsWith('R')",
            "status in [200, 503]",
            "rate < 0.6 && rate > 0.4",
            "has(json.pets) && !has(json.cats)",
            "json.pets.map(pet, pet.id) == [1, 2]",
        ] {
            assert_eq!(holds(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_false_one_shows_both_sides() {
        assert_eq!(holds("json.pets.size() == 3"), Err("2 == 3 is false".to_owned()));
        assert_eq!(
            holds("status == 200 && json.pets[1].name == 'Rex'"),
            Err("\"Tom\" == \"Rex\" is false".to_owned())
        );
        assert_eq!(
            holds("status in [404, 503]"),
            Err("200 in [404,503] is false".to_owned())
        );
        assert!(
            holds("json.cats.size() == 1")
                .unwrap_err()
                .starts_with("it cannot be evaluated")
        );
        assert_eq!(holds("status + 1"), Err("neither true nor false: 201".to_owned()));
    }

    #[test]
    fn unknown_names_are_found_before_anything_runs() {
        let known = ["json", "status"];
        let unknown = |text: &str| Expression::compile(text).unwrap().unknown_variable(&known);
        assert_eq!(unknown("json.pets.all(pet, pet.id > 0) && status == 1"), None);
        assert_eq!(unknown("stauts == 1"), Some("stauts".to_owned()));
        let function = |text: &str| Expression::compile(text).unwrap().unknown_function();
        assert_eq!(
            function("json.pets.size() == 1 && json.pets.all(p, p.name.matches('^R')) || !(1 + 1 > -2)"),
            None
        );
        assert_eq!(function("lenght(json) == 1"), Some("lenght".to_owned()));
    }

    #[test]
    fn what_is_not_cel_is_an_error_and_never_a_panic() {
        for text in [
            "status ==",
            "(",
            "status = 200",
            "'",
            "a b",
            "",
            "..",
            "${x}",
            "json.[0]",
            "\u{0}",
        ] {
            assert!(Expression::compile(text).is_err(), "{text}");
        }
    }
}
