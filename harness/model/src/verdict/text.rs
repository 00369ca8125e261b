//! Texts, held against what they have to be.

use super::answer::differs;
use crate::scenario::octets::{TextMatch, shown};

/// Whether a text is what it has to be.
///
/// # Errors
/// What it is instead.
pub(super) fn matches(expected: &TextMatch, actual: &str) -> Result<(), String> {
    let is = match expected {
        TextMatch::Exactly(text) => actual == text,
        TextMatch::Contains(part) => actual.contains(part.as_str()),
        TextMatch::Json(json) => match serde_json::from_str(actual) {
            Ok(actual) => match differs(json, &actual, "") {
                None => true,
                Some(why) => return Err(why),
            },
            Err(_) => return Err(format!("no JSON: {}", shown(actual.as_bytes()))),
        },
    };
    if is { Ok(()) } else { Err(shown(actual.as_bytes())) }
}
