//! A value of an axis, and what is said of it: `mac`, or `{value: mac, weight: 3, negative: true}`.

use serde_json::Value;

use crate::{
    source::Place,
    suggest::did_you_mean,
    yaml::{Kind, Node},
};

const KEYS: [&str; 3] = ["value", "weight", "negative"];

const EXAMPLE: &str =
    "write the value alone, or for example `{value: 3, weight: 2}` or `{value: none, negative: true}`";

/// A value of an axis that is not like the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The axis' name.
    pub axis: String,
    /// The value.
    pub value: Value,
    /// Where the combinations leave a choice, the heaviest value is taken; others have 1.
    pub weight: u32,
    /// Whether it is one that what is tested must refuse: at most one of them is in a combination.
    pub negative: bool,
}

/// A value as it stands in a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice<'a> {
    /// The value itself, which need not be one.
    pub value: &'a Node,
    /// Its weight; 1 by default.
    pub weight: u32,
    /// Whether it is a negative one.
    pub negative: bool,
}

impl<'a> Choice<'a> {
    /// Reads an item of an axis' list. What is invalid is given to `tell`: place, message, label and help.
    pub fn read(item: &'a Node, mut tell: impl FnMut(Place, String, &str, String)) -> Option<Self> {
        let plain = Self {
            value: item,
            weight: 1,
            negative: false,
        };
        let Kind::Mapping(entries) = &item.kind else {
            return Some(plain);
        };
        let mut wrong = false;
        let mut tell = |place: Place, message: &str, label: &str, help: String| {
            wrong = true;
            tell(place, message.to_owned(), label, help);
        };
        for (key, _) in entries.iter().filter(|(key, _)| !KEYS.contains(&key.text.as_str())) {
            let message = format!("unknown key `{}`", key.text);
            tell(key.place, &message, "not known here", did_you_mean(&key.text, KEYS));
        }
        let value = item.get("value").unwrap_or(item);
        if !matches!(value.kind, Kind::Scalar { .. }) {
            tell(
                value.place,
                "`value` is missing, or is none",
                "no value here",
                EXAMPLE.to_owned(),
            );
        }
        let weight = item.get("weight").map_or(Some(1), |node| {
            let weight = node.to_json().as_u64().and_then(|n| u32::try_from(n).ok());
            if weight.is_none() {
                tell(
                    node.place,
                    "`weight` is a whole number",
                    "not a weight",
                    EXAMPLE.to_owned(),
                );
            }
            weight
        });
        let negative = item.get("negative").map_or(Some(false), |node| {
            let negative = node.to_json().as_bool();
            if negative.is_none() {
                tell(node.place, "`negative` is true or false", "neither", EXAMPLE.to_owned());
            }
            negative
        });
        let (weight, negative) = weight.zip(negative)?;
        (!wrong).then_some(Self {
            value,
            weight,
            negative,
        })
    }

    /// What is to be remembered of it as a value of `axis`, if it is not like the others.
    pub fn mark(&self, axis: &str) -> Option<Mark> {
        (self.weight != 1 || self.negative).then(|| Mark {
            axis: axis.to_owned(),
            value: self.value.to_json(),
            weight: self.weight,
            negative: self.negative,
        })
    }
}
