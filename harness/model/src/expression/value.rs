//! Values: as CEL has them, and as a person reads them.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use cel::{Context, Value, common::ast::IdedExpr};
use indexmap::IndexMap;

use super::meter::MATCHES;
use crate::shorten::shorten;

/// Variables by name.
pub type Variables = IndexMap<String, serde_json::Value>;

/// How long what is told of an evaluation may be.
const TOLD: usize = 300;

/// How what is told of an expression begins that has no value.
pub(super) const UNEVALUABLE: &str = "it cannot be evaluated";

/// The value of a tree that counts its steps.
pub(super) fn truth_of(tree: &IdedExpr, context: &Context<'_, '_>) -> Result<bool, String> {
    // An evaluation that fails inside must not take the whole run with it.
    match catch_unwind(AssertUnwindSafe(|| context.resolve(tree))) {
        Ok(Ok(Value::Bool(truth))) => Ok(truth),
        Ok(Ok(other)) => Err(format!("neither true nor false: {}", show(&other))),
        Ok(Err(error)) => Err(format!(
            "{UNEVALUABLE}: {}",
            shorten(&error.to_string().replace(MATCHES, "matches"), TOLD)
        )),
        Err(_) => Err(UNEVALUABLE.to_owned()),
    }
}

pub(super) fn to_cel(value: &serde_json::Value) -> Value {
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

pub(super) fn show(value: &Value) -> String {
    value.json().map_or_else(
        |_| shorten(&format!("{value:?}"), TOLD),
        |json| shorten(&json.to_string(), TOLD),
    )
}
