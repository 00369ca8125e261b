//! Files for `meshkat cover`: axes, and what is said about their combinations.

use indexmap::IndexMap;
use meshkat_model::{
    combine::Combinations,
    source::{Diagnostic, Place, Source},
    suggest::did_you_mean,
    yaml::{self, Key, Kind as NodeKind, Node},
};
use serde_json::Value;

use super::{
    assemble::{Asked, twice, word},
    problem::{Axis, Choice, Kind, Strength, Stronger},
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

/// Most values of one axis.
const MOST_VALUES: usize = 10_000;

/// Reads a file. `strength` is taken rather than that of the file, if it is given.
///
/// # Errors
/// Everything that does not hold.
pub fn read(source: &Source, strength: Option<Strength>) -> Result<Asked, Vec<Diagnostic>> {
    let node = yaml::parse(source).map_err(|mut wrong| {
        wrong.help.get_or_insert_with(|| EXAMPLE.to_owned());
        vec![wrong]
    })?;
    let mut reader = Reader {
        source,
        wrong: Vec::new(),
    };
    let axes = reader.axes(&node);
    let names: IndexMap<String, Vec<Value>> = axes
        .iter()
        .map(|axis| {
            (
                axis.name.clone(),
                axis.values.iter().map(|choice| choice.value.clone()).collect(),
            )
        })
        .collect();
    let own = node.get("strength").and_then(|node| reader.strength(node));
    let stronger = reader.stronger(&node, &names);
    if !reader.wrong.is_empty() {
        return Err(reader.in_order());
    }
    let combinations = Combinations::read(source, &node, &names, |_| None)?;
    let place = node.key("axes").map_or(node.place, |key| key.place);
    let strength = strength.or(own).unwrap_or_default();
    Asked::new(source, place, axes, &combinations, strength, stronger)
}

/// Reads a strength: a number, or a word of `--coverage`.
///
/// # Errors
/// What it may be.
pub fn strength(text: &str) -> Result<Strength, String> {
    let ways = match text {
        "full" => return Ok(Strength::Full),
        "each" => Some(1),
        "pairwise" => Some(2),
        _ => text.strip_suffix("-wise").unwrap_or(text).parse().ok(),
    };
    match ways {
        Some(ways @ 1..=100) => Ok(Strength::Ways(ways)),
        _ => Err(format!("`{text}` is not a strength; it is a number from 1, or `full`")),
    }
}

struct Reader<'a> {
    source: &'a Source,
    wrong: Vec<Diagnostic>,
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

    fn axes(&mut self, file: &Node) -> Vec<Axis> {
        let NodeKind::Mapping(entries) = &file.kind else {
            self.tell(file.place, "a file for `cover` is a mapping", "not a mapping", EXAMPLE);
            return Vec::new();
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
            return Vec::new();
        };
        match &axes.kind {
            NodeKind::Mapping(entries) if !entries.is_empty() => {
                entries.iter().map(|(key, values)| self.axis(key, values)).collect()
            }
            _ => {
                self.tell(
                    axes.place,
                    "`axes` is a mapping of names to lists of values",
                    "not axes",
                    OF_AXES,
                );
                Vec::new()
            }
        }
    }

    fn axis(&mut self, key: &Key, values: &Node) -> Axis {
        let name = &key.text;
        let mut axis = Axis::new(name, []);
        let NodeKind::Sequence(items) = &values.kind else {
            self.tell(
                values.place,
                format!("the axis `{name}` needs a list of values"),
                "not a list",
                OF_AXES,
            );
            return axis;
        };
        axis.values = items.iter().filter_map(|item| self.choice(item)).collect();
        if items.is_empty() || items.len() > MOST_VALUES {
            let message = format!("the axis `{name}` has {} values", items.len());
            self.tell(
                values.place,
                message,
                "not a list of values",
                format!("give it from 1 to {MOST_VALUES}"),
            );
        } else if axis.values.len() == items.len() {
            let words: Vec<String> = axis.values.iter().map(|choice| word(&choice.value)).collect();
            for again in twice(words.iter().map(String::as_str)) {
                let at = words.iter().rposition(|word| word == again).unwrap_or_default();
                let message = format!("the axis `{name}` has `{again}` twice");
                self.tell(items[at].place, message, "the second one", "remove one of them");
            }
        }
        axis
    }

    fn choice(&mut self, item: &Node) -> Option<Choice> {
        let entries = match &item.kind {
            NodeKind::Scalar { .. } => {
                return Some(Choice {
                    value: item.to_json(),
                    weight: 1,
                    kind: Kind::Positive,
                });
            }
            NodeKind::Sequence(_) => {
                self.tell(
                    item.place,
                    "a value is a word, a number, true or false",
                    "a list",
                    OF_AXES,
                );
                return None;
            }
            NodeKind::Mapping(entries) => entries,
        };
        let before = self.wrong.len();
        let keys = ["value", "weight", "negative"];
        for (key, _) in entries.iter().filter(|(key, _)| !keys.contains(&key.text.as_str())) {
            self.tell(
                key.place,
                format!("unknown key `{}`", key.text),
                "not known here",
                did_you_mean(&key.text, keys),
            );
        }
        let value = match item.get("value").map(|node| (&node.kind, node)) {
            Some((NodeKind::Scalar { .. }, node)) => node.to_json(),
            _ => {
                self.tell(item.place, "`value` is missing, or is none", "no value here", OF_AXES);
                Value::Null
            }
        };
        let weight = item
            .get("weight")
            .map(|node| (node.to_json().as_u64().and_then(|n| u32::try_from(n).ok()), node));
        let weight = match weight {
            None => 1,
            Some((Some(weight), _)) => weight,
            Some((None, node)) => {
                self.tell(node.place, "`weight` is a whole number", "not a weight", OF_AXES);
                1
            }
        };
        let kind = match item.get("negative").map(|node| (node.to_json(), node)) {
            None | Some((Value::Bool(false), _)) => Kind::Positive,
            Some((Value::Bool(true), _)) => Kind::Negative,
            Some((_, node)) => {
                self.tell(node.place, "`negative` is true or false", "neither", OF_AXES);
                Kind::Positive
            }
        };
        (self.wrong.len() == before).then_some(Choice { value, weight, kind })
    }

    fn strength(&mut self, node: &Node) -> Option<Strength> {
        let text = match &node.kind {
            NodeKind::Scalar { text, .. } => text.as_str(),
            _ => "this",
        };
        match strength(text) {
            Ok(strength) => Some(strength),
            Err(message) => {
                self.tell(node.place, message, "not a strength", "for example `strength: 3`");
                None
            }
        }
    }

    fn stronger(&mut self, file: &Node, axes: &IndexMap<String, Vec<Value>>) -> Vec<Stronger> {
        const EXAMPLE: &str = "for example `stronger: [{axes: [os, browser, locale], strength: 3}]`";
        let Some(node) = file.get("stronger") else {
            return Vec::new();
        };
        let NodeKind::Sequence(items) = &node.kind else {
            self.tell(
                node.place,
                "`stronger` is a list of sets of axes",
                "not a list",
                EXAMPLE,
            );
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in items {
            let known = ["axes", "strength"];
            if let NodeKind::Mapping(entries) = &item.kind {
                for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
                    self.tell(
                        key.place,
                        format!("unknown key `{}`", key.text),
                        "not known here",
                        did_you_mean(&key.text, known),
                    );
                }
            }
            let Some((
                Node {
                    kind: NodeKind::Sequence(names),
                    ..
                },
                ways,
            )) = item.get("axes").zip(item.get("strength"))
            else {
                self.tell(
                    item.place,
                    "a set of axes has `axes`, a list, and `strength`",
                    "not one",
                    EXAMPLE,
                );
                continue;
            };
            let mut set = Vec::new();
            for name in names {
                let NodeKind::Scalar { text, .. } = &name.kind else {
                    self.tell(name.place, "the name of an axis is a word", "not a word", EXAMPLE);
                    continue;
                };
                match axes.get_index_of(text) {
                    Some(axis) => set.push(axis),
                    None => {
                        let help = did_you_mean(text, axes.keys().map(String::as_str));
                        self.tell(name.place, format!("there is no axis `{text}`"), "unknown axis", help);
                    }
                }
            }
            if let Some(strength) = self.strength(ways) {
                all.push(Stronger { axes: set, strength });
            }
        }
        all
    }
}
