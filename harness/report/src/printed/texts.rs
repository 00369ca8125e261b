//! Texts, fit to be printed.

use serde_json::Value;

use super::{commands::harmless, style};
use crate::{
    secrets::Secrets,
    text::{is_hidden, visible},
};

/// `text`, all of which may be a stranger's, fit to be printed. Line breaks and tabs stay.
pub fn plain(text: &str) -> String {
    harmless(&visible(&Secrets::of_this_process().redact(text))).into_owned()
}

/// `text` with colours, fit to be printed. What strangers wrote in it has gone through [`visible`](crate::visible) before, so
/// that all colours are the program's own; of other things that a terminal obeys, nothing is left.
pub fn styled(text: &str) -> String {
    harmless(&style::colours_only(&Secrets::of_this_process().redact(text))).into_owned()
}

/// JSON for programs, which means the same as `value` but for secrets: what is in the way is escaped as JSON has it.
pub fn json(mut value: Value, pretty: bool) -> String {
    Secrets::of_this_process().redact_value(&mut value);
    let text = if pretty {
        format!("{value:#}")
    } else {
        value.to_string()
    };
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        // Outside of its strings, JSON has neither.
        if is_hidden(c) || (c == '#' && before == '#') {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}
