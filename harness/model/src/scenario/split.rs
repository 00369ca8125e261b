//! How requests are to be split over who serves them, as it is written.

use std::{borrow::Cow, fmt};

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use super::quantity::Percent;
use crate::{statistics::Strictness, yaml::At};

/// The most probable that a right split fails, by default: a run of ten thousand cases fails once in a hundred.
const FALSE_ALARM: f64 = 1e-6;
/// From which difference on a split is wrong, in percentage points, by default.
const SHIFT: f64 = 5.0;
/// The most probable that a wrong split passes, by default.
const MISS: f64 = 1e-3;

/// The part of each pod or group of pods; with `evenly`, the pods of a group share equally.
pub type Split = IndexMap<At<String>, Part>;

/// A part of the requests, as a number that is compared with the others, or equal parts for the pods of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// So much; not below 0.
    Of(f64),
    /// As much for each pod of the group.
    Evenly,
}

/// What is wrong with a split, and from when on it is noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Misses {
    /// A share that is off by so many percentage points is wrong; 5 by default.
    pub shift: Option<f64>,
    /// The most probable that it passes all the same; 1e-3 by default.
    pub at: Option<f64>,
}

/// What part of one counter of an Envoy another one is.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CounterShare {
    /// The counter of the part, such as that of requests which were mirrored.
    pub part: At<String>,
    /// The counter of all.
    pub of: At<String>,
    /// How much of all the part is.
    pub is: Percent,
}

/// How sure the judgement of a split is, as a step says it.
pub fn strictness(false_alarm: Option<f64>, misses: Option<Misses>) -> Strictness {
    let misses = misses.unwrap_or_default();
    Strictness {
        false_alarm: false_alarm.unwrap_or(FALSE_ALARM),
        shift: misses.shift.unwrap_or(SHIFT) / 100.0,
        miss: misses.at.unwrap_or(MISS),
    }
}

/// The classes of a split with their shares, which sum up to 1; `pods` gives those of a group. None where the parts sum up
/// to nothing, or where `evenly` is not alone.
pub fn shares(split: &Split, pods: impl Fn(&str) -> Vec<String>) -> Option<Vec<(String, f64)>> {
    if let Some((group, Part::Evenly)) = split.first().filter(|_| split.len() == 1) {
        let pods = pods(group);
        let share = 1.0 / pods.len() as f64;
        return (!pods.is_empty()).then(|| pods.into_iter().map(|pod| (pod, share)).collect());
    }
    let parts: Option<Vec<(String, f64)>> = split
        .iter()
        .map(|(name, part)| match part {
            Part::Of(part) => Some((name.value.clone(), *part)),
            Part::Evenly => None,
        })
        .collect();
    let parts = parts?;
    let sum: f64 = parts.iter().map(|(_, part)| part).sum();
    (sum > 0.0).then(|| parts.into_iter().map(|(name, part)| (name, part / sum)).collect())
}

const EXPECTING: &str = "a part as a number, such as 90, or `evenly` for the pods of a group";

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTING)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Part, E> {
                let number = text.strip_suffix('%').unwrap_or(text).trim();
                match (text, number.parse::<f64>()) {
                    ("evenly", _) => Ok(Part::Evenly),
                    (_, Ok(part)) => self.visit_f64(part),
                    _ => Err(E::custom(format!("`{text}` is not a part\n{EXPECTING}"))),
                }
            }

            fn visit_u64<E: de::Error>(self, part: u64) -> Result<Part, E> {
                self.visit_f64(part as f64)
            }

            fn visit_i64<E: de::Error>(self, part: i64) -> Result<Part, E> {
                self.visit_f64(part as f64)
            }

            fn visit_f64<E: de::Error>(self, part: f64) -> Result<Part, E> {
                if part.is_finite() && part >= 0.0 {
                    Ok(Part::Of(part))
                } else {
                    Err(E::custom(format!(
                        "`{part}` is not a part\nit is 0 or more, and 0 for whoever may get nothing"
                    )))
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Part {
    fn schema_name() -> Cow<'static, str> {
        "Part".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": EXPECTING, "type": ["string", "number"], "pattern": r"^\s*(evenly|[0-9.]+\s*%?)\s*$", "minimum": 0
        })
    }
}
