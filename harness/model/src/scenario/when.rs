//! `when`: steps that only some cases have.

use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::{
    expression::{Expression, Variables},
    source::{Diagnostic, Place, Source},
    suggest::did_you_mean,
    yaml::{Kind, Node},
};

const WHEN: &str = "when";

/// Takes out the steps whose `when` is not true of the case's values, and the key itself from the others.
pub(super) fn keep_taken(source: &Source, node: &mut Node, params: &IndexMap<String, Value>) -> Result<(), Diagnostic> {
    let Some(steps) = steps_mut(node) else { return Ok(()) };
    let mut kept = Vec::with_capacity(steps.len());
    for mut step in std::mem::take(steps) {
        if take_condition(&mut step).map_or(Ok(true), |condition| is_true(source, &condition, params))? {
            kept.push(step);
        }
    }
    *steps = kept;
    Ok(())
}

/// The places of the steps that have a condition, each with the condition's own place.
pub(super) fn conditions(node: &Node) -> impl Iterator<Item = (Place, Place)> {
    let steps = match node.get("steps").map(|steps| &steps.kind) {
        Some(Kind::Sequence(steps)) => steps.as_slice(),
        _ => &[],
    };
    steps
        .iter()
        .filter_map(|step| Some((step.place, step.get(WHEN)?.place)))
}

fn steps_mut(node: &mut Node) -> Option<&mut Vec<Node>> {
    let Kind::Mapping(entries) = &mut node.kind else {
        return None;
    };
    let (_, steps) = entries.iter_mut().find(|(key, _)| key.text == "steps")?;
    match &mut steps.kind {
        Kind::Sequence(steps) => Some(steps),
        _ => None,
    }
}

fn take_condition(step: &mut Node) -> Option<Node> {
    let Kind::Mapping(entries) = &mut step.kind else {
        return None;
    };
    let at = entries.iter().position(|(key, _)| key.text == WHEN)?;
    Some(entries.remove(at).1)
}

fn is_true(source: &Source, condition: &Node, params: &IndexMap<String, Value>) -> Result<bool, Diagnostic> {
    let wrong = |message: String, help: String| Diagnostic::new(source, condition.place, message, "here").help(help);
    let example = || "for example `when: params.how == 'killed'`".to_owned();
    let Kind::Scalar { text, .. } = &condition.kind else {
        return Err(wrong("`when` is a CEL expression over the axes".to_owned(), example()));
    };
    let expression = Expression::compile(text)
        .map_err(|error| wrong(format!("not a CEL expression: {}", error.message), example()))?;
    if let Some(unknown) = expression.unknown_variable(&["params"]) {
        let help = format!(
            "a case's steps are chosen before anything runs, so only the axes can be asked; {}",
            example()
        );
        return Err(wrong(format!("`when` has no variable `{unknown}`"), help));
    }
    if let Some(unknown) = expression.unknown_function() {
        return Err(wrong(
            format!("CEL has no function `{unknown}`"),
            did_you_mean(&unknown, Expression::functions()),
        ));
    }
    match expression.holds(&Variables::from([("params".to_owned(), json!(params))])) {
        Ok(()) => Ok(true),
        Err(unheld) if unheld.actual.starts_with("it cannot") || unheld.actual.starts_with("neither") => {
            let axes: Vec<&str> = params.keys().map(String::as_str).collect();
            Err(wrong(
                format!("`when` is {}", unheld.actual),
                format!("the axes are: {}", axes.join(", ")),
            ))
        }
        Err(_) => Ok(false),
    }
}

/// Every kind of step may have a `when`, which is taken out before the step itself is read.
pub(super) fn add_to_schema(schema: &mut Value) {
    let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, definition) in definitions {
        if let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut)
            && name.ends_with("Step")
        {
            let about = "Only in cases of which this CEL expression over `params` is true.";
            properties.insert(WHEN.to_owned(), json!({ "description": about, "type": "string" }));
        }
    }
}
