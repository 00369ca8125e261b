//! Files for `meshkat cover`: axes, and what is said about their combinations.

use std::collections::HashMap;

use indexmap::IndexMap;
use meshkat_model::{
    combine::{Choice, Combinations, Mark, Strength},
    limits::{PROBLEMS, VALUES},
    scenario::too_many,
    source::{Diagnostic, Place, Source},
    suggest::did_you_mean,
    yaml::{self, Key, Kind as NodeKind, Node},
};
use serde_json::Value;

use super::{
    assemble::{Asked, twice, word},
    problem::Axis,
};

const KEYS: [&str; 7] = [
    "axes",
    "constraints",
    "include",
    "exclude",
    "seeds",
    "strength",
    "stronger",
];

const EXAMPLE: &str = "the smallest file is `axes: {os: [linux, mac], browser: [firefox, chrome]}`";

const OF_AXES: &str = "for example `axes: {os: [linux, {value: mac, weight: 3}, {value: beos, negative: true}]}`";

/// Reads a file. `strength` is taken rather than that of the file, if it is given.
///
/// # Errors
/// Everything that is invalid.
pub fn read(source: &Source, strength: Option<Strength>) -> Result<Asked, Vec<Diagnostic>> {
    let node = yaml::parse(source).map_err(|mut wrong| {
        wrong.help.get_or_insert_with(|| EXAMPLE.to_owned());
        vec![wrong]
    })?;
    let too_many = too_many(source, &node);
    if !too_many.is_empty() {
        return Err(too_many);
    }
    let mut reader = Reader {
        source,
        wrong: Vec::new(),
        marks: Vec::new(),
    };
    let axes = reader.axes(&node);
    let wrong = &mut reader.wrong;
    let own = node.get("strength").and_then(|node| {
        Strength::read(node, |place, message, label, help| {
            wrong.push(Diagnostic::new(source, place, message, label).help(help));
        })
    });
    if !reader.wrong.is_empty() {
        return Err(reader.in_order());
    }
    let combinations = Combinations::read(source, &node, &axes, |_| None)?;
    let combinations = Combinations {
        marks: reader.marks,
        ..combinations
    };
    let axes = axes.into_iter().map(|(name, values)| Axis::new(name, values)).collect();
    let place = node.key("axes").map_or(node.place, |key| key.place);
    let strength = strength.or(own).unwrap_or_default();
    Asked::new(source, place, axes, &combinations, strength)
}

/// Reads a strength: a number, or a word of `--coverage`.
///
/// # Errors
/// What it may be.
pub fn strength(text: &str) -> Result<Strength, String> {
    text.parse()
}

struct Reader<'a> {
    source: &'a Source,
    wrong: Vec<Diagnostic>,
    marks: Vec<Mark>,
}

impl Reader<'_> {
    fn tell(&mut self, place: Place, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.wrong
            .push(Diagnostic::new(self.source, place, message, label).help(help));
    }

    fn in_order(mut self) -> Vec<Diagnostic> {
        self.wrong.sort_by_key(|diagnostic| diagnostic.place.offset);
        self.wrong
    }

    fn axes(&mut self, file: &Node) -> IndexMap<String, Vec<Value>> {
        let NodeKind::Mapping(entries) = &file.kind else {
            self.tell(file.place, "a file for `cover` is a mapping", "not a mapping", EXAMPLE);
            return IndexMap::new();
        };
        for (key, _) in entries.iter().filter(|(key, _)| !KEYS.contains(&key.text.as_str())) {
            self.tell(
                key.place,
                format!("unknown key `{}`", key.text),
                "not known here",
                did_you_mean(&key.text, KEYS),
            );
        }
        let Some(axes) = file.get("axes") else {
            self.tell(file.place, "`axes` is missing", "no axes here", EXAMPLE);
            return IndexMap::new();
        };
        match &axes.kind {
            NodeKind::Mapping(entries) if !entries.is_empty() => {
                let axes = entries.iter();
                axes.map(|(key, values)| (key.text.clone(), self.axis(key, values)))
                    .collect()
            }
            _ => {
                self.tell(
                    axes.place,
                    "`axes` is a mapping of names to lists of values",
                    "not axes",
                    OF_AXES,
                );
                IndexMap::new()
            }
        }
    }

    fn axis(&mut self, key: &Key, values: &Node) -> Vec<Value> {
        let name = &key.text;
        let NodeKind::Sequence(items) = &values.kind else {
            self.tell(
                values.place,
                format!("the axis `{name}` needs a list of values"),
                "not a list",
                OF_AXES,
            );
            return Vec::new();
        };
        let all: Vec<Value> = items.iter().filter_map(|item| self.value(name, item)).collect();
        if items.is_empty() || items.len() > VALUES {
            let message = format!("the axis `{name}` has {} values", items.len());
            self.tell(
                values.place,
                message,
                "not a list of values",
                format!("give it from 1 to {VALUES}"),
            );
        } else if all.len() == items.len() {
            let words: Vec<String> = all.iter().map(word).collect();
            let last: HashMap<&str, usize> = words.iter().enumerate().map(|(at, word)| (word.as_str(), at)).collect();
            for again in twice(words.iter().map(String::as_str)).into_iter().take(PROBLEMS) {
                let at = last.get(again).copied().unwrap_or_default();
                let message = format!("the axis `{name}` has `{again}` twice");
                self.tell(items[at].place, message, "the second one", "remove one of them");
            }
        }
        all
    }

    fn value(&mut self, axis: &str, item: &Node) -> Option<Value> {
        let wrong = &mut self.wrong;
        let choice = Choice::read(item, |place, message, label, help| {
            wrong.push(Diagnostic::new(self.source, place, message, label).help(help));
        })?;
        if matches!(choice.value.kind, NodeKind::Scalar { .. }) {
            self.marks.extend(choice.mark(axis));
            return Some(choice.value.to_json());
        }
        let message = "a value is a word, a number, true or false";
        self.tell(item.place, message, "a list", OF_AXES);
        None
    }
}
