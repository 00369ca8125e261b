//! Times and numbers as they are typed, each with what to type instead.

use std::{ops::RangeInclusive, time::Duration};

use meshkat_model::scenario::quantity::Time;

/// A time with its unit, or 0.
pub(super) fn any(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "0" => Ok(Duration::ZERO),
        text => text.parse().map(|time: Time| time.0),
    }
}

/// Whole seconds, or a time with its unit: from a second to ten minutes.
pub(super) fn up_to_ten_minutes(text: &str) -> Result<Duration, String> {
    seconds(text, 1..=600)
}

/// As [`up_to_ten_minutes`], or 0.
pub(super) fn up_to_ten_minutes_or_none(text: &str) -> Result<Duration, String> {
    seconds(text, 0..=600)
}

fn seconds(text: &str, range: RangeInclusive<u64>) -> Result<Duration, String> {
    let (from, to) = (Duration::from_secs(*range.start()), Duration::from_secs(*range.end()));
    let time = match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => text.trim().parse().ok().map(|time: Time| time.0),
    };
    let time = time.filter(|time| (from..=to).contains(time));
    time.ok_or_else(|| {
        format!(
            "a time from {} s to {} s, such as 30 or 30s",
            range.start(),
            range.end()
        )
    })
}

/// A seed.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("a seed is a whole number from 0 to {}, such as 7", u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_typed_with_their_unit_or_without() {
        for (text, ms) in [
            ("30", 30_000),
            ("30s", 30_000),
            ("1500ms", 1_500),
            ("2m", 120_000),
            (" 1 ", 1_000),
        ] {
            assert_eq!(up_to_ten_minutes(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["0", "601", "11m", "soon", "-1", ""] {
            let told = up_to_ten_minutes(text).unwrap_err();
            assert!(told.contains("such as 30 or 30s"), "{told}");
        }
        assert_eq!(up_to_ten_minutes_or_none("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_seed_is_a_whole_number() {
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        for text in ["1.5", "-1", "x", ""] {
            assert!(seed(text).unwrap_err().contains("such as 7"), "{text}");
        }
    }
}
