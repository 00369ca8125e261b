//! Times, rates and bounds, as people write them.

use std::{borrow::Cow, fmt, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// Implements `Deserialize` through `FromStr` for what is written as one word or number.
macro_rules! from_text {
    ($type:ty, $expecting:literal, $types:tt, $pattern:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        text.parse().map_err(E::custom)
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
                }
                deserializer.deserialize_any(Text)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "description": $expecting, "type": $types, "pattern": $pattern })
            }
        }
    };
}

/// A span of time with its unit: `250ms`, `5s`, `1m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Duration);

from_text!(
    Time,
    "a time with its unit, such as 250ms, 5s or 1m",
    ["string"],
    r"^\s*[0-9.]+\s*(ms|s|m)\s*$"
);

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let split = text
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let factor = match unit.trim() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "" => {
                return Err(format!(
                    "`{text}` is a time without a unit\nwrite `{text}s` or `{text}ms`"
                ));
            }
            other => {
                return Err(format!(
                    "`{other}` is not a unit of time\nuse ms, s or m, such as 250ms"
                ));
            }
        };
        let seconds = number
            .parse::<f64>()
            .map_err(|_| format!("`{text}` is not a time\nfor example 250ms, 5s or 1m"))?;
        let time = Duration::try_from_secs_f64(seconds * factor).map_err(|_| format!("`{text}` is out of range"))?;
        if time > Duration::from_secs(3600) {
            return Err(format!(
                "`{text}` is longer than an hour\na step may take an hour at the most"
            ));
        }
        Ok(Self(time))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Requests a second: `200/s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(pub f64);

from_text!(Rate, "a rate such as 200/s", ["string"], r"^\s*[0-9.]+\s*/\s*s\s*$");

/// A load above this measures this machine and not the mesh.
const MAXIMUM_RATE: f64 = 5000.0;

/// The loads that run at the same time, together: four times the most of one.
pub(crate) const MAXIMUM_RATE_TOGETHER: f64 = 20_000.0;

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate\nwrite it as requests a second, such as 200/s");
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let number = number.trim().parse::<f64>().map_err(|_| wrong())?;
        if unit.trim() != "s" {
            return Err(wrong());
        }
        if !(number > 0.0 && number <= MAXIMUM_RATE) {
            return Err(format!(
                "a rate of `{text}` is out of range\nit may be more than 0/s and up to {MAXIMUM_RATE}/s"
            ));
        }
        Ok(Self(number))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// How a bound compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Comparison {
    fn split(text: &str) -> (Self, &str) {
        let text = text.trim();
        for (sign, comparison) in [
            ("<=", Self::AtMost),
            (">=", Self::AtLeast),
            ("!=", Self::NotEqual),
            ("==", Self::Equal),
            ("<", Self::Less),
            (">", Self::More),
            ("=", Self::Equal),
        ] {
            if let Some(rest) = text.strip_prefix(sign) {
                return (comparison, rest.trim());
            }
        }
        (Self::Equal, text)
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => (left - right).abs() < 1e-9,
            Self::NotEqual => (left - right).abs() >= 1e-9,
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::NotEqual => "!= ",
            Self::Less => "< ",
            Self::AtMost => "<= ",
            Self::More => "> ",
            Self::AtLeast => ">= ",
        }
    }
}

/// A number with a comparison: `0`, `>= 100`, `< 5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// How it compares.
    pub comparison: Comparison,
    /// With what.
    pub value: f64,
}

from_text!(
    Bound,
    "a number, or a comparison with one such as >= 100",
    ["string", "number"],
    r"^\s*([<>]=?|!=|==?)?\s*-?[0-9.]+\s*$"
);

/// What can be said of a bound before anything is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Always {
    /// It holds whatever is seen.
    Holds,
    /// It holds of nothing that can be seen.
    Fails,
}

impl Bound {
    /// Whether the bound says nothing about a number of things, of which there may be `most`.
    pub(crate) fn always(self, most: Option<u32>) -> Option<Always> {
        self.within(most.map_or(f64::INFINITY, f64::from), true)
    }

    /// Whether the bound says nothing about a number from 0 to `most`.
    fn within(self, most: f64, whole: bool) -> Option<Always> {
        let value = self.value;
        let possible = (0.0..=most).contains(&value) && !(whole && value.fract() != 0.0);
        let (holds, fails) = match self.comparison {
            Comparison::Equal => (false, !possible),
            Comparison::NotEqual => (!possible, false),
            Comparison::Less => (value > most, value <= 0.0),
            Comparison::AtMost => (value >= most, value < 0.0),
            Comparison::More => (value < 0.0, value >= most),
            Comparison::AtLeast => (value <= 0.0, value > most),
        };
        if holds {
            Some(Always::Holds)
        } else {
            fails.then_some(Always::Fails)
        }
    }

    /// Whether `seen` is within the bound.
    pub fn holds(self, seen: f64) -> bool {
        self.comparison.holds(seen, self.value)
    }
}

impl std::str::FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (comparison, number) = Comparison::split(text);
        let value = number
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .ok_or_else(|| {
                format!("`{text}` is not a bound\nwrite a number or a comparison, such as 0 or \">= 100\"")
            })?;
        Ok(Self { comparison, value })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.comparison.sign(), self.value)
    }
}

/// A bound on a share or a count of requests: `0`, `<= 5`, `< 1%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The number, in percent if `percent`.
    pub bound: Bound,
    /// Whether it is a share and not a count.
    pub percent: bool,
}

from_text!(
    Share,
    "a number or a share, such as 0, <= 5 or < 1%",
    ["string", "number"],
    r"^\s*([<>]=?|!=|==?)?\s*[0-9.]+\s*%?\s*$"
);

impl Share {
    /// Whether the bound says nothing about a part of all requests.
    pub(crate) fn always(self) -> Option<Always> {
        if self.percent {
            self.bound.within(100.0, false)
        } else {
            self.bound.always(None)
        }
    }

    /// Whether `part` of `whole` is within the bound.
    pub fn holds(self, part: u64, whole: u64) -> bool {
        if self.percent {
            whole > 0 && self.bound.holds(part as f64 * 100.0 / whole as f64)
        } else {
            self.bound.holds(part as f64)
        }
    }
}

impl std::str::FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let (number, percent) = match trimmed.strip_suffix('%') {
            Some(number) => (number, true),
            None => (trimmed, false),
        };
        let bound: Bound = number.parse().map_err(|_: String| {
            format!("`{text}` is neither a count nor a share\nwrite for example 0, \"<= 5\" or \"< 1%\"")
        })?;
        let is_exact = matches!(bound.comparison, Comparison::Equal | Comparison::NotEqual);
        if percent && is_exact && bound.value > 0.0 && bound.value < 100.0 {
            let value = bound.value;
            return Err(format!(
                "`{text}` asks for an exact share\nwrite a bound, such as \"<= {value}%\" or \">= {value}%\""
            ));
        }
        Ok(Self { bound, percent })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.bound, if self.percent { "%" } else { "" })
    }
}

/// A share of all that there is: `20%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(f64);

from_text!(Percent, "a share such as 20%", ["string"], r"^\s*[0-9.]+\s*%\s*$");

impl Percent {
    /// The share: more than 0, and 1 is all.
    pub fn share(self) -> f64 {
        self.0 / 100.0
    }
}

impl std::str::FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let Some(percent) = text.strip_suffix('%') else {
            return Err(match number(text) {
                Some(share) if share >= 1.0 => format!("`{text}` is a share without a percent sign\nwrite `{text}%`"),
                _ => format!("`{text}` is not a share\nwrite it in percent, such as 20%"),
            });
        };
        let share =
            number(percent).ok_or_else(|| format!("`{text}` is not a share\nwrite it in percent, such as 20%"))?;
        if !(share > 0.0 && share <= 100.0) {
            return Err(format!(
                "a share of `{text}` is out of range\nit may be more than 0% and up to 100%"
            ));
        }
        Ok(Self(share))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// A bound on a time: `< 100ms`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeBound {
    comparison: Comparison,
    time: Time,
}

from_text!(
    TimeBound,
    "a comparison with a time, such as < 100ms",
    ["string"],
    r"^\s*([<>]=?)\s*[0-9.]+\s*(ms|s|m)\s*$"
);

impl TimeBound {
    /// Whether the bound says nothing about how long an answer took, which is always some time.
    pub(crate) fn always(self) -> Option<Always> {
        match self.comparison {
            Comparison::More | Comparison::AtLeast if self.time.0.is_zero() => Some(Always::Holds),
            Comparison::Less | Comparison::AtMost if self.time.0.is_zero() => Some(Always::Fails),
            _ => None,
        }
    }

    /// Whether `seen` is within the bound.
    pub fn holds(self, seen: Duration) -> bool {
        self.comparison.holds(seen.as_secs_f64(), self.time.0.as_secs_f64())
    }
}

impl std::str::FromStr for TimeBound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (comparison, rest) = Comparison::split(text);
        if matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            return Err(format!(
                "`{text}` asks for an exact time\nwrite a bound, such as \"< 100ms\""
            ));
        }
        Ok(Self {
            comparison,
            time: rest.parse()?,
        })
    }
}

impl fmt::Display for TimeBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.comparison.sign(), self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit() {
        assert_eq!("250ms".parse(), Ok(Time(Duration::from_millis(250))));
        assert_eq!("1.5s".parse(), Ok(Time(Duration::from_millis(1500))));
        for wrong in ["5", "5h", "", "s", "-1s", "1e99s", "2000m"] {
            assert!(wrong.parse::<Time>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_share_of_all_is_in_percent() {
        let share = |text: &str| text.parse::<Percent>().map(Percent::share);
        assert_eq!(share("20%"), Ok(0.2));
        assert_eq!(share(" 0.5 % "), Ok(0.005));
        assert_eq!(share("100%"), Ok(1.0));
        for wrong in ["0%", "-1%", "101%", "20", "0.2", "%", "< 20%", "NaN%", "inf%", ""] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
        let told = "25".parse::<Percent>().unwrap_err();
        assert!(told.ends_with("write `25%`"), "{told}");
    }

    #[test]
    fn an_answer_takes_some_time() {
        let always = |text: &str| text.parse::<TimeBound>().unwrap().always();
        assert_eq!(always(">= 0ms"), Some(Always::Holds));
        assert_eq!(always("> 0s"), Some(Always::Holds));
        assert_eq!(always("<= 0ms"), Some(Always::Fails));
        assert_eq!(always("> 1ms"), None);
        assert_eq!(always("< 1ms"), None);
    }

    #[test]
    fn bounds_compare() {
        let bound: Bound = ">= 100".parse().unwrap();
        assert!(bound.holds(100.0) && !bound.holds(99.0));
        let share: Share = "< 1%".parse().unwrap();
        assert!(share.holds(0, 10) && !share.holds(1, 100));
        assert!(!share.holds(0, 0), "a share of nothing is not known to be small");
        let time: TimeBound = "< 100ms".parse().unwrap();
        assert!(time.holds(Duration::from_millis(99)) && !time.holds(Duration::from_millis(100)));
        assert!("100ms".parse::<TimeBound>().is_err());
        assert!("0/s".parse::<Rate>().is_err());
    }

    #[test]
    fn a_bound_that_says_nothing_is_known() {
        let bound = |text: &str, most| text.parse::<Bound>().unwrap().always(most);
        for (text, most) in [
            (">= 0", None),
            ("> -1", None),
            ("<= 3", Some(3)),
            ("< 4", Some(3)),
            ("!= 9", Some(3)),
            ("!= 0.5", None),
        ] {
            assert_eq!(bound(text, most), Some(Always::Holds), "{text}");
        }
        for (text, most) in [
            ("< 0", None),
            ("<= -1", None),
            ("4", Some(3)),
            ("> 3", Some(3)),
            (">= 4", Some(3)),
            ("1.5", None),
        ] {
            assert_eq!(bound(text, most), Some(Always::Fails), "{text}");
        }
        for (text, most) in [
            ("0", None),
            (">= 1", None),
            ("3", Some(3)),
            ("< 3", Some(3)),
            (">= 3", Some(3)),
            ("!= 3", Some(3)),
        ] {
            assert_eq!(bound(text, most), None, "{text}");
        }
        let share = |text: &str| text.parse::<Share>().unwrap().always();
        assert_eq!(share("<= 100%"), Some(Always::Holds));
        assert_eq!(share("> 100%"), Some(Always::Fails));
        assert_eq!(share("100%"), None);
        for exact in ["1%", "= 33.3%", "!= 50%"] {
            assert!(
                exact.parse::<Share>().is_err(),
                "{exact}: only chance makes a share exact"
            );
        }
        assert_eq!(share("0%"), None);
        assert_eq!(share("!= 101%"), Some(Always::Holds));
        assert_eq!(share("> 0%"), None);
        assert_eq!(share("< 150"), None);
    }
}
