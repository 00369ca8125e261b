//! Reading the YAML of strangers: in safe Rust, within limits, and with the place of everything.
//!
//! Scalars are what Envoy takes them for: it has no floating point numbers before it knows a field's type, `1.10` is a text
//! until then, and `yes` is a boolean. Keys are texts, whatever they look like.

use std::collections::HashMap;

use serde_yaml::{Mapping, Value};
use yaml_rust2::{
    Event,
    parser::{Parser, Tag},
    scanner::{Marker, ScanError, TScalarStyle},
};

use super::node::{Below, Node};

/// How many values may stand in one another: those who read them call themselves for each.
const DEEPEST: usize = 128;

/// How many values there may be, those that aliases repeat too.
const MOST: usize = 1_000_000;

/// Why a text cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, from 1.
    pub(super) line: usize,
    /// The column, from 1.
    pub(super) column: usize,
    /// What is wrong.
    pub(super) message: String,
}

impl Fault {
    fn at(marker: Marker, message: impl Into<String>) -> Self {
        Self {
            line: marker.line(),
            column: marker.col() + 1,
            message: message.into(),
        }
    }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        Self::at(*error.marker(), error.info())
    }
}

/// Reads the one document that `text` has; a text without any is null. That nothing hides in the text is checked before.
///
/// # Errors
/// It is no YAML, has a second document, a key twice or one that is no scalar, or it is too deep or too large.
pub(super) fn read(text: &str) -> Result<(Value, Node), Fault> {
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut reader = Reader::default();
    loop {
        let (event, marker) = parser.next_token()?;
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart if reader.done.is_some() => {
                return Err(Fault::at(
                    marker,
                    "a second document begins here, and one is all there may be",
                ));
            }
            event => reader.take(event, marker)?,
        }
    }
    Ok(reader.done.unwrap_or((Value::Null, Node::at(1, 1))))
}

/// A list or a mapping that has not ended yet.
struct Open {
    anchor: usize,
    at: (usize, usize),
    content: Content,
}

enum Content {
    List(Vec<Value>, Vec<Node>),
    Fields(Mapping, Vec<(String, Node)>, Option<(Value, Marker)>),
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    anchors: HashMap<usize, (Value, usize)>,
    count: usize,
    done: Option<(Value, Node)>,
}

impl Reader {
    fn take(&mut self, event: Event, marker: Marker) -> Result<(), Fault> {
        let at = (marker.line(), marker.col() + 1);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = match self.open.last().map(|open| &open.content) {
                    Some(Content::Fields(_, _, None)) => key(text, style, tag.as_ref()),
                    _ => scalar(text, style, tag.as_ref()),
                };
                self.put(value, Node::at(at.0, at.1), anchor, marker, 1)
            }
            Event::Alias(anchor) => {
                let (value, size) = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or_else(|| Fault::at(marker, "an alias stands in what it stands for"))?;
                self.put(value, Node::at(at.0, at.1), 0, marker, size)
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, at, Content::List(Vec::new(), Vec::new()), marker),
            Event::MappingStart(anchor, _) => {
                let content = Content::Fields(Mapping::new(), Vec::new(), None);
                self.begin(anchor, at, content, marker)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let (value, below) = match open.content {
                    Content::List(items, places) => (Value::Sequence(items), Below::Items(places)),
                    Content::Fields(fields, places, _) => (Value::Mapping(fields), Below::Fields(places)),
                };
                let node = Node::at(open.at.0, open.at.1).with(below);
                self.put(value, node, open.anchor, marker, 1)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, at: (usize, usize), content: Content, marker: Marker) -> Result<(), Fault> {
        if self.open.len() >= DEEPEST {
            return Err(Fault::at(
                marker,
                format!("more than {DEEPEST} values stand in one another"),
            ));
        }
        self.open.push(Open { anchor, at, content });
        Ok(())
    }

    /// Puts a value that is complete where it belongs. `size` is how many values it newly is.
    fn put(&mut self, value: Value, node: Node, anchor: usize, marker: Marker, size: usize) -> Result<(), Fault> {
        self.count = self.count.saturating_add(size);
        if self.count > MOST {
            return Err(Fault::at(
                marker,
                format!("there are more than {MOST} values, with those of aliases"),
            ));
        }
        if anchor != 0 {
            let all = size_of(&value);
            self.count = self.count.saturating_add(all);
            self.anchors.insert(anchor, (value.clone(), all));
        }
        let depth = self.open.len();
        let Some(open) = self.open.last_mut() else {
            self.done = Some((value, node));
            return Ok(());
        };
        if depth + depth_of(&value) > DEEPEST {
            return Err(Fault::at(
                marker,
                format!("more than {DEEPEST} values stand in one another"),
            ));
        }
        if let Content::Fields(fields, _, None) = &open.content
            && fields.is_empty()
        {
            // The parser has a mapping without braces begin at its first colon, and people at its first key.
            open.at = open.at.min((marker.line(), marker.col() + 1));
        }
        match &mut open.content {
            Content::List(items, places) => {
                items.push(value);
                places.push(node);
            }
            Content::Fields(fields, places, key) => match key.take() {
                None if value.is_mapping() || value.is_sequence() => {
                    return Err(Fault::at(marker, "a key is a text or a number, and no list or mapping"));
                }
                // What an alias stands for may be a number.
                None => *key = Some((Value::String(spelled(&value)), marker)),
                Some((name, at)) => {
                    let spelled = spelled(&name);
                    if fields.contains_key(&name) {
                        return Err(Fault::at(at, format!("duplicate entry with key \"{spelled}\"")));
                    }
                    places.push((spelled, node));
                    fields.insert(name, value);
                }
            },
        }
        Ok(())
    }
}

fn spelled(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        _ => "null".to_owned(),
    }
}

/// How many values it is. No deeper than [`DEEPEST`].
fn size_of(value: &Value) -> usize {
    1 + match value {
        Value::Sequence(items) => items.iter().map(size_of).sum(),
        Value::Mapping(fields) => fields.values().map(size_of).sum(),
        _ => 0,
    }
}

/// How large a value is: how many values it has, 64 bytes of a text being one.
pub(super) fn weight(value: &Value) -> usize {
    1 + match value {
        Value::String(text) => text.len() / 64,
        Value::Sequence(items) => items.iter().map(weight).sum(),
        Value::Mapping(fields) => fields
            .iter()
            .map(|(name, value)| weight(name) - 1 + weight(value))
            .sum(),
        _ => 0,
    }
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Sequence(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Mapping(fields) => 1 + fields.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

/// What Envoy takes a scalar for. A tag of its own, be it `!!str`, makes it look at the text as if it had no quotes.
fn scalar(text: String, style: TScalarStyle, tag: Option<&Tag>) -> Value {
    match tag {
        Some(tag) if is_of_no_type(tag) => Value::String(text),
        Some(_) => typed(text),
        None if style == TScalarStyle::Plain && is_null(&text) => Value::Null,
        None if style == TScalarStyle::Plain => typed(text),
        None => Value::String(text),
    }
}

/// Envoy takes each key for a text, as it is written.
fn key(text: String, style: TScalarStyle, tag: Option<&Tag>) -> Value {
    let is_null = style == TScalarStyle::Plain && tag.is_none() && is_null(&text);
    Value::String(if is_null { "null".to_owned() } else { text })
}

/// `!` alone: a text.
fn is_of_no_type(tag: &Tag) -> bool {
    (tag.handle == "!" && tag.suffix.is_empty()) || (tag.handle.is_empty() && tag.suffix == "!")
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// A number or a boolean, where it looks like one. Numbers that a JavaScript could not tell apart are texts.
fn typed(text: String) -> Value {
    const SAFE: u64 = (1 << 53) - 1;
    match text.as_str() {
        word if is_one_of(word, &["y", "yes", "true", "on"]) => Value::Bool(true),
        word if is_one_of(word, &["n", "no", "false", "off"]) => Value::Bool(false),
        number => match integer(number) {
            Some(number) if number.unsigned_abs() < SAFE => Value::from(number),
            Some(number) => Value::String(number.to_string()),
            None => Value::String(text),
        },
    }
}

/// In small letters, in capitals, or with one at its beginning.
fn is_one_of(word: &str, words: &[&str]) -> bool {
    let all = |text: &str, is: fn(&u8) -> bool| text.bytes().all(|byte| is(&byte));
    let rest = word.get(1..).unwrap_or_default();
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
        && (all(rest, u8::is_ascii_lowercase) || all(word, u8::is_ascii_uppercase))
}

/// As C++ reads an `int64`: `0x1f` and, with a zero before it, `017` too.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| char::from(byte).is_digit(radix)) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -number } else { number }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        read(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}")).0
    }

    fn fault(text: &str) -> (usize, usize, String) {
        let fault = read(text).unwrap_err();
        (fault.line, fault.column, fault.message)
    }

    #[test]
    fn scalars_are_what_envoy_takes_them_for() {
        for (text, json) in [
            ("1.10", r#""1.10""#),
            ("1e3", r#""1e3""#),
            (".inf", r#"".inf""#),
            ("10000", "10000"),
            ("-5", "-5"),
            ("+5", "5"),
            ("0x1F", "31"),
            ("010", "8"),
            ("08", r#""08""#),
            ("1_000", r#""1_000""#),
            // Measured with Envoy 1.40: what it prints of a configuration that it refuses for something else.
            ("9007199254740990", "9007199254740990"),
            ("9007199254740991", r#""9007199254740991""#),
            ("-9007199254740991", r#""-9007199254740991""#),
            ("0x7FFFFFFFFFFFFFFF", r#""9223372036854775807""#),
            ("9223372036854775808", r#""9223372036854775808""#),
            ("-0", "0"),
            ("-0x10", "-16"),
            ("0o17", r#""0o17""#),
            ("2024-01-02", r#""2024-01-02""#),
            (".nan", r#"".nan""#),
            ("1,000", r#""1,000""#),
            ("!!str 1", "1"),
            ("!!str \"yes\"", "true"),
            ("!!int \"5\"", "5"),
            ("!!int abc", r#""abc""#),
            ("!!str ~", r#""~""#),
            ("!!null x", r#""x""#),
            ("!!str", r#""""#),
            ("!other 0x10", "16"),
            ("! 1", r#""1""#),
            ("! yes", r#""yes""#),
            ("|\n  5\n", r#""5\n""#),
            (
                "{1: a, 0x10: b, yes: c, 010: d, ~: e, 1.10: f, 'y': g}",
                r#"{"1":"a","0x10":"b","yes":"c","010":"d","null":"e","1.10":"f","y":"g"}"#,
            ),
            ("{<<: {a: 1}, b: 2}", r#"{"<<":{"a":1},"b":2}"#),
            ("{a: &x 5, *x : 6}", r#"{"a":5,"5":6}"#),
            ("y", "true"),
            ("Off", "false"),
            ("YES", "true"),
            ("yEs", r#""yEs""#),
            ("~", "null"),
            ("", "null"),
            ("'y'", r#""y""#),
            ("\"1\"", r#""1""#),
            ("0.25s", r#""0.25s""#),
            ("é", r#""é""#),
        ] {
            assert_eq!(serde_json::to_string(&value(text)).unwrap(), json, "{text}");
        }
    }

    #[test]
    fn aliases_are_what_they_stand_for() {
        assert_eq!(value("a: &x {b: [1]}\nc: *x\n"), value("{a: {b: [1]}, c: {b: [1]}}"));
        assert_eq!(fault("a: &x [*x]\n").2, "an alias stands in what it stands for");
        assert!(fault("a: *y\n").2.contains("unknown anchor"));
    }

    #[test]
    fn what_would_take_all_memory_is_told() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..10 {
            let all = format!("*a{}, ", n - 1).repeat(9);
            bomb.push_str(&format!("a{n}: &a{n} [{all}]\n"));
        }
        assert!(fault(&bomb).2.starts_with("there are more than 1000000 values"));
        // Here the parser is the first to say so.
        assert_eq!(fault(&"[".repeat(1_000_000)).0, 1);
        assert!(
            fault(&format!("{}{}", "[".repeat(130), "]".repeat(130)))
                .2
                .starts_with("more than 128 values")
        );
        assert!(fault(&"- ".repeat(100_000)).2.starts_with("more than 128 values"));
        let nested = format!("a: &a {0}{1}\nb: {0}*a{1}\n", "[".repeat(100), "]".repeat(100));
        assert!(
            fault(&nested).2.starts_with("more than 128 values"),
            "{:?}",
            fault(&nested)
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        assert_eq!(
            fault("a: 1\nb: 2\na: 3\n"),
            (3, 1, "duplicate entry with key \"a\"".to_owned())
        );
        assert_eq!(
            fault("--- a\n--- b\n").2,
            "a second document begins here, and one is all there may be"
        );
        assert_eq!(
            fault("{[a]: 1}").2,
            "a key is a text or a number, and no list or mapping"
        );
        assert_eq!(fault("a: [\n").0, 2);
    }

    #[test]
    fn a_great_deal_of_anything_comes_to_an_end() {
        for piece in [
            "- ", "? ", "a: ", "{", "[", "a\n", " ", "\"", "'", "|\n", "&a ", "*a ", "!a ", "#", "---\n", "%", "é",
            "\t",
        ] {
            for ending in ["", "\n", ": 1\n", "]"] {
                let _ = read(&format!("{}{ending}", piece.repeat(50_000)));
                let _ = read(&format!("a: {}{ending}", piece.repeat(50_000)));
            }
        }
        let wide: String = (0..50_000).map(|n| format!("k{n}: [{n}, {{a: b}}]\n")).collect();
        assert_eq!(value(&wide).as_mapping().unwrap().len(), 50_000);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(pieces in proptest::collection::vec(proptest::sample::select(vec![
            "a", "b: ", "- ", "? ", ": ", "\n", "\n  ", "  ", "{", "}", "[", "]", ", ", "&x ", "*x", "*x ", "!!str ", "!y ", "!", "|", ">-",
            "\n\n", "'", "\"", "\\", "#", "---\n", "...\n", "%YAML 1.2\n", "%TAG ! x\n", "<<: ", "~", "1.10", "0x", "é", "\u{feff}", "\t",
            "\r", "\\x41", "@", "`",
        ]), 0..60)) {
            let text = pieces.concat();
            if let Ok((value, node)) = read(&text) {
                // What can be read can be told, and what is told has a place.
                let _ = serde_json::to_string(&value);
                proptest::prop_assert!(node.has_place());
            }
        }

        #[test]
        fn any_text_is_read_or_told(text in "\\PC{0,200}") {
            if let Err(fault) = read(&text) {
                proptest::prop_assert!(fault.line >= 1 && fault.column >= 1, "{fault:?}");
            }
        }
    }
}
