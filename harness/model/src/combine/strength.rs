//! How many axes are combined with one another: `strength`, and `stronger` for some of them.

use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    source::Place,
    suggest::did_you_mean,
    yaml::{Kind, Node},
};

/// How many axes are combined with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Every combination of values of each so many axes is in a row.
    Ways(usize),
    /// Every row that the rules allow.
    Full,
}

impl Default for Strength {
    fn default() -> Self {
        Self::Ways(2)
    }
}

/// Some axes with a strength of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stronger {
    /// Indices of axes.
    pub axes: Vec<usize>,
    /// The strength among them.
    pub strength: Strength,
}

impl std::str::FromStr for Strength {
    type Err = String;

    /// Reads a strength: a number, or a word of `--coverage`.
    fn from_str(text: &str) -> Result<Self, String> {
        let ways = match text {
            "full" => return Ok(Self::Full),
            "each" => Some(1),
            "pairwise" => Some(2),
            _ => text.strip_suffix("-wise").unwrap_or(text).parse().ok(),
        };
        match ways {
            Some(ways @ 1..=100) => Ok(Self::Ways(ways)),
            _ => Err(format!("`{text}` is not a strength; it is a number from 1, or `full`")),
        }
    }
}

/// What is told of what is invalid: place, message, label and help.
pub(super) type Tell<'a> = dyn FnMut(Place, String, &str, String) + 'a;

impl Strength {
    /// Reads a strength where it stands in a file. What is invalid is given to `tell`: place, message, label and help.
    pub fn read(node: &Node, mut tell: impl FnMut(Place, String, &str, String)) -> Option<Self> {
        let text = match &node.kind {
            Kind::Scalar { text, .. } => text.as_str(),
            _ => "this",
        };
        let read = text.parse();
        if let Err(message) = &read {
            tell(
                node.place,
                String::clone(message),
                "not a strength",
                "for example `strength: 3`".to_owned(),
            );
        }
        read.ok()
    }
}

/// Reads the key `stronger` of a file with these axes.
pub(super) fn stronger(file: &Node, axes: &IndexMap<String, Vec<Value>>, tell: &mut Tell<'_>) -> Vec<Stronger> {
    let Some(node) = file.get("stronger") else {
        return Vec::new();
    };
    let Kind::Sequence(items) = &node.kind else {
        let message = "`stronger` is a list of sets of axes".to_owned();
        tell(node.place, message, "not a list", example(axes));
        return Vec::new();
    };
    items.iter().filter_map(|item| set(item, axes, tell)).collect()
}

fn example(axes: &IndexMap<String, Vec<Value>>) -> String {
    let names: Vec<&str> = axes.keys().map(String::as_str).take(3).collect();
    let (names, ways) = (names.join(", "), names.len());
    format!("for example `stronger: [{{axes: [{names}], strength: {ways}}}]`")
}

fn set(item: &Node, axes: &IndexMap<String, Vec<Value>>, tell: &mut Tell<'_>) -> Option<Stronger> {
    const KEYS: [&str; 2] = ["axes", "strength"];
    if let Kind::Mapping(entries) = &item.kind {
        for (key, _) in entries.iter().filter(|(key, _)| !KEYS.contains(&key.text.as_str())) {
            let message = format!("unknown key `{}`", key.text);
            tell(key.place, message, "not known here", did_you_mean(&key.text, KEYS));
        }
    }
    let names = item.get("axes").and_then(|names| match &names.kind {
        Kind::Sequence(names) => Some(names),
        _ => None,
    });
    let Some((names, ways)) = names.zip(item.get("strength")) else {
        let message = "a set of axes has `axes`, a list, and `strength`".to_owned();
        tell(item.place, message, "not one", example(axes));
        return None;
    };
    let mut set = Vec::new();
    for name in names {
        let Kind::Scalar { text, .. } = &name.kind else {
            let message = "the name of an axis is a word".to_owned();
            tell(name.place, message, "not a word", example(axes));
            continue;
        };
        match axes.get_index_of(text) {
            Some(axis) => set.push(axis),
            None => {
                let help = did_you_mean(text, axes.keys().map(String::as_str));
                tell(name.place, format!("there is no axis `{text}`"), "unknown axis", help);
            }
        }
    }
    let strength = Strength::read(ways, tell)?;
    Some(Stronger { axes: set, strength })
}
