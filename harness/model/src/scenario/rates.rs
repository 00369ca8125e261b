//! Rates of loads: one, or steps and ramps.

use std::{borrow::Cow, fmt, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use super::{
    check::Check,
    quantity::{Rate, Time},
};
use crate::{source::Place, yaml::At};

/// The rate of a load: one for as long as it runs, or one part after the other. Behind the last part, the rate stays.
#[derive(Debug, Clone, PartialEq)]
pub enum Rates {
    /// One.
    Constant(Rate),
    /// Steps and ramps.
    Stages(Vec<At<RateStage>>),
}

/// A part of the time of a load: `{rate, for}` stays, `{from, to, over}` goes evenly from one rate to the other.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateStage {
    /// The rate of a step.
    pub rate: Option<Rate>,
    /// How long a step takes.
    #[serde(rename = "for")]
    pub for_: Option<Time>,
    /// The rate at the begin of a ramp.
    pub from: Option<Rate>,
    /// The rate at its end.
    pub to: Option<Rate>,
    /// How long a ramp takes.
    pub over: Option<Time>,
}

impl RateStage {
    /// The rates at its begin and at its end, and how long it takes; none of one that is incomplete.
    pub fn stage(&self) -> Option<(Rate, Rate, Duration)> {
        match (self.rate, self.for_, self.from, self.to, self.over) {
            (Some(rate), Some(time), None, None, None) => Some((rate, rate, time.0)),
            (None, None, Some(from), Some(to), Some(time)) => Some((from, to, time.0)),
            _ => None,
        }
    }
}

impl Rates {
    /// The highest rate, in requests a second.
    pub fn highest(&self) -> f64 {
        match self {
            Self::Constant(rate) => rate.0,
            Self::Stages(stages) => stages
                .iter()
                .filter_map(|stage| stage.stage())
                .map(|(from, to, _)| from.0.max(to.0))
                .fold(0.0, f64::max),
        }
    }

    pub(super) fn check(&self, check: &mut Check<'_>, place: Place) {
        let Self::Stages(stages) = self else { return };
        if stages.is_empty() {
            let help = "for example `rate: [{rate: 50/s, for: 5s}, {from: 50/s, to: 200/s, over: 5s}]`";
            check.wrong(place, "a load without any rate", "an empty list", help);
        }
        for stage in stages {
            let help = "a step is `{rate: 50/s, for: 5s}`, and a ramp `{from: 50/s, to: 200/s, over: 5s}`";
            match stage.stage() {
                None => check.wrong(
                    stage.place,
                    "this is neither a step nor a ramp",
                    "not these keys together",
                    help,
                ),
                Some((.., time)) if time.is_zero() => {
                    check.wrong(stage.place, "this takes no time at all", "nothing happens in it", help);
                }
                Some((from, to, _)) if stage.from.is_some() && from == to => {
                    let help = format!("write `{{rate: {from}, for: …}}`");
                    check.wrong(stage.place, "this ramp stays where it is", "no ramp", help);
                }
                Some(_) => {}
            }
        }
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(rate) => write!(f, "{rate}"),
            Self::Stages(stages) => {
                let parts = stages.iter().filter_map(|stage| stage.stage()).map(|(from, to, time)| {
                    let time = Time(time);
                    if from == to {
                        format!("{from} for {time}")
                    } else {
                        format!("{from} to {to} over {time}")
                    }
                });
                f.write_str(&parts.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Rates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Rates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rate such as 200/s, or a list of steps and ramps")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map(Rates::Constant).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut stages = Vec::new();
                while let Some(stage) = seq.next_element()? {
                    stages.push(stage);
                }
                Ok(Rates::Stages(stages))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Rates {
    fn schema_name() -> Cow<'static, str> {
        "Rates".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Rate>();
        let stage = generator.subschema_for::<RateStage>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": stage, "minItems": 1 }] })
    }
}
