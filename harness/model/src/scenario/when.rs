//! `when`: steps that only some cases have.

use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::{
    expression::{Budget, Expression, Known, Variables},
    source::{Diagnostic, Place, Source},
    yaml::{Kind, Node},
};

pub(super) const WHEN: &str = "when";

/// Takes out the steps whose `when` is not true of the case's values, and the key itself from the others. Gives back what
/// is wrong in conditions; the step of such a one stays.
pub(super) fn keep_taken(
    source: &Source,
    node: &mut Node,
    params: &IndexMap<String, Value>,
    budget: &Budget,
) -> Vec<Diagnostic> {
    let mut wrong = Vec::new();
    let Some(steps) = steps_mut(node) else { return wrong };
    steps.retain_mut(|step| {
        let Some(condition) = take_condition(step) else {
            return true;
        };
        is_true(source, &condition, params, budget).unwrap_or_else(|more| {
            wrong.extend(more);
            true
        })
    });
    wrong
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

fn is_true(
    source: &Source,
    condition: &Node,
    params: &IndexMap<String, Value>,
    budget: &Budget,
) -> Result<bool, Vec<Diagnostic>> {
    let axes: Vec<&str> = params.keys().map(String::as_str).collect();
    let example = match axes.first() {
        Some(axis) => format!("for example `when: params.{axis} == …`"),
        None => "this file has no axes, so every case has this step; remove the `when`".to_owned(),
    };
    let wrong = |message: String| vec![Diagnostic::new(source, condition.place, message, "here").help(example.clone())];
    let Kind::Scalar { text, .. } = &condition.kind else {
        return Err(wrong("`when` is a CEL expression over the axes".to_owned()));
    };
    let expression = Expression::compile(text).map_err(|problem| vec![problem.told(source, condition.place, text)])?;
    // Which steps a case has is settled before anything runs, so only the axes can be asked.
    let mut known = Known {
        variables: vec!["params"],
        not_truths: vec!["params"],
        axes,
    };
    if params.is_empty() {
        known.variables.clear();
    }
    let problems = expression.problems(&known);
    if !problems.is_empty() {
        let tell = |mut problem: crate::expression::Problem| {
            if problem.message.starts_with("there is no variable") {
                let axes_alone = format!("`when` can ask the axes alone, as `params.NAME`; {example}");
                problem.help = if params.is_empty() { example.clone() } else { axes_alone };
            }
            problem.told(source, condition.place, text)
        };
        return Err(problems.into_iter().map(tell).collect());
    }
    let variables = Variables::from([("params".to_owned(), json!(params))]);
    expression
        .truth(&variables, budget)
        .map_err(|neither| wrong(format!("`when` is neither true nor false: {}", reason(&neither))))
}

fn reason(neither: &str) -> &str {
    neither.strip_prefix("neither true nor false: ").unwrap_or(neither)
}
