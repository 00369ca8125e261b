//! How large a scenario may be.

use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    limits::{AXES, COMBINATIONS, STEPS, STRONGER, VALUES, grouped},
    source::{Diagnostic, Source},
    yaml::{Kind, Node},
};

/// What the cases have no part in once their values are known: what varies, and how it is combined.
const OF_AXES: [&str; 6] = ["axes", "constraints", "include", "exclude", "seeds", "stronger"];

/// What a file with axes has too many of, each told where it is: a scenario, or a file for `meshkat cover`.
pub fn too_many(source: &Source, file: &Node) -> Vec<Diagnostic> {
    let mut wrong = Vec::new();
    let mut of_list = |key: &str, what: &str, most: usize, help: &str| {
        if let Some(node) = file.get(key)
            && node.len() > most
        {
            let message = format!(
                "{} {what} are too many: at most {}",
                grouped(node.len() as u64),
                grouped(most as u64)
            );
            wrong.push(Diagnostic::new(source, node.place, message, "too many").help(help));
        }
    };
    of_list("steps", "steps", STEPS, "make several scenarios of it");
    of_list("allows", "items", STEPS, "leave out what is allowed twice");
    of_list("axes", "axes", AXES, "leave out those that matter least");
    of_list("stronger", "items", STRONGER, "take together what overlaps");
    for key in ["constraints", "include", "exclude", "seeds"] {
        of_list(
            key,
            "items",
            COMBINATIONS,
            "say the same with fewer, as a constraint does",
        );
    }
    let axes = file.get("axes").map(|axes| &axes.kind);
    if let Some(Kind::Mapping(entries)) = axes {
        for (name, values) in entries.iter().filter(|(_, values)| values.len() > VALUES) {
            wrong.push(too_many_values(source, &name.text, values));
        }
    }
    wrong
}

/// That an axis has too many values.
pub(crate) fn too_many_values(source: &Source, name: &str, values: &Node) -> Diagnostic {
    let message = format!(
        "the axis `{name}` has {} values: at most {}",
        grouped(values.len() as u64),
        grouped(VALUES as u64)
    );
    Diagnostic::new(source, values.place, message, "too many").help("choose those that matter")
}

/// The file without what its cases have no part in.
pub(super) fn body(file: &Node) -> Node {
    match &file.kind {
        Kind::Mapping(entries) => Node {
            place: file.place,
            kind: Kind::Mapping(
                entries
                    .iter()
                    .filter(|(key, _)| !OF_AXES.contains(&key.text.as_str()))
                    .cloned()
                    .collect(),
            ),
        },
        _ => file.clone(),
    }
}

/// `12 axes of 10 values are 1,000,000,000,000 cases`, where cases is `what` was found.
pub fn product(axes: &IndexMap<String, Vec<Value>>, found: u128, what: &str) -> String {
    let mut sizes: Vec<usize> = axes.values().map(Vec::len).filter(|size| *size > 1).collect();
    sizes.sort_unstable();
    let axes_are = match (sizes.as_slice(), sizes.len()) {
        ([], _) => "the axes".to_owned(),
        ([only], _) => format!("{} values", grouped(*only as u64)),
        (all, axes) if all[0] == all[axes - 1] => format!("{axes} axes of {} values", grouped(all[0] as u64)),
        (all, axes) => format!(
            "{axes} axes of {} to {} values",
            grouped(all[0] as u64),
            grouped(all[axes - 1] as u64)
        ),
    };
    match found {
        u128::MAX => format!("{axes_are} are more {what} than can be counted"),
        found => format!("{axes_are} are {} {what}", grouped(found)),
    }
}
