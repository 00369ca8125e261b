//! What a text of a step refers to of an answer that an earlier step kept: `${first.headers['set-cookie']}`.

use serde_json::Value;

use crate::{shorten::shorten, yaml::Node};

/// So much of a text is told of what is there instead, in characters.
const TOLD: usize = 200;

/// So many keys are told of an object that lacks one.
const KEYS: usize = 20;

/// Keys of steps into which values of earlier answers are put, at any depth below them.
const TAKE_VALUES: [&str; 24] = [
    "get",
    "head",
    "post",
    "put",
    "patch",
    "delete",
    "path",
    "host",
    "headers",
    "body",
    "text",
    "contains",
    "json",
    "response-headers",
    "trailers",
    "received",
    "websocket",
    "raw",
    "message",
    "messages",
    "reply",
    "replies",
    "send",
    "receive",
];

/// The verbs whose steps take values: those that send HTTP, and those that judge what was sent.
const VERBS: [&str; 13] = [
    "get",
    "head",
    "post",
    "put",
    "patch",
    "delete",
    "load",
    "admin",
    "received",
    "grpc",
    "websocket",
    "tcp",
    "raw",
];

/// Whether values of earlier answers may stand somewhere below the key `key` of this step.
pub(crate) fn takes_values(step: &Node, key: &str) -> bool {
    VERBS.iter().any(|verb| step.key(verb).is_some()) && TAKE_VALUES.contains(&key)
}

/// A part of a text that may refer to axes, or to what was kept.
pub(crate) enum Part<'a> {
    /// As it is written.
    Text(&'a str),
    /// What stands between `${` and `}`, and where the dollar is.
    Reference {
        /// In the text.
        at: usize,
        /// Between the braces.
        name: &'a str,
    },
    /// `${` without its brace.
    Unclosed {
        /// In the text.
        at: usize,
    },
}

/// The parts of a text.
pub(crate) fn split(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|start| from + start) {
        parts.push(Part::Text(&text[from..start]));
        let Some(end) = text[start..].find('}').map(|end| start + end) else {
            parts.push(Part::Unclosed { at: start });
            return parts;
        };
        parts.push(Part::Reference {
            at: start,
            name: &text[start + 2..end],
        });
        from = end + 1;
    }
    parts.push(Part::Text(&text[from..]));
    parts
}

/// Whether something below a node refers to axes that have no values, or to what was kept.
pub(crate) fn refers(node: &Node) -> bool {
    let mut found = false;
    node.visit(&mut |text, _| found |= split(text).iter().any(|part| matches!(part, Part::Reference { .. })));
    found
}

/// A part of what was kept under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    /// The name.
    pub(crate) name: &'a str,
    /// The way from there to the part.
    pub(crate) way: Vec<Way<'a>>,
}

/// One step of the way into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way<'a> {
    /// A field of an object.
    Field(&'a str),
    /// An item of a list, from 0.
    Item(usize),
}

/// That a value is not there, and what is there in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// In words.
    pub(crate) instead: String,
}

impl<'a> Reference<'a> {
    /// The name with which a reference begins.
    pub(crate) fn name_of(text: &str) -> &str {
        text.split(['.', '[']).next().unwrap_or_default()
    }

    /// Reads what stands between `${` and `}`: `NAME`, then any number of `.FIELD`, `['FIELD']` and `[NUMBER]`. None if it is
    /// something else.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = Self::name_of(text);
        let mut rest = &text[name.len()..];
        if name.is_empty() || !name.chars().all(is_word) {
            return None;
        }
        let mut way = Vec::new();
        while !rest.is_empty() {
            if let Some(behind) = rest.strip_prefix('.') {
                let end = behind.find(|c| !is_word(c)).unwrap_or(behind.len());
                let (field, after) = behind.split_at(end);
                way.push(Way::Field(Some(field).filter(|field| !field.is_empty())?));
                rest = after;
            } else {
                let inside = rest.strip_prefix('[')?;
                let quote = inside.chars().next().filter(|c| ['\'', '"'].contains(c));
                rest = if let Some(quote) = quote {
                    let (field, after) = inside[1..].split_once(quote)?;
                    way.push(Way::Field(field));
                    after.strip_prefix(']')?
                } else {
                    let (number, after) = inside.split_once(']')?;
                    way.push(Way::Item(number.parse().ok()?));
                    after
                };
            }
        }
        // An answer calls its body `text`.
        if let Some(first @ Way::Field("body")) = way.first_mut() {
            *first = Way::Field("text");
        }
        Some(Self { name, way })
    }

    /// The value in what was kept.
    ///
    /// # Errors
    /// It is not there, or is null.
    pub(crate) fn value<'v>(&self, kept: &'v Value) -> Result<&'v Value, Missing> {
        let mut at = kept;
        let mut here = self.name.to_owned();
        for part in &self.way {
            let next = match part {
                Way::Field(field) => at.get(field),
                Way::Item(number) => at.get(number),
            };
            let Some(next) = next else {
                let what = match part {
                    Way::Field(field) => format!("`{here}` has no `{field}`"),
                    Way::Item(number) => format!("`{here}` has no item {number}"),
                };
                return Err(self.missing(kept, &format!("{what}: {}", told(at))));
            };
            match part {
                Way::Field(field) => here.extend([".", field]),
                Way::Item(number) => here.push_str(&format!("[{number}]")),
            }
            at = next;
            if at.is_null() {
                return Err(self.missing(kept, &format!("`{here}` is null")));
            }
        }
        Ok(at)
    }

    /// Where there was no answer at all, or none of the kind that is asked for, that is what there is instead.
    fn missing(&self, kept: &Value, what: &str) -> Missing {
        let field = |name: &str| kept.get(name).filter(|value| !value.is_null());
        let text = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default();
        let instead = if field("error").is_some() {
            format!("{what}; `{}` had no answer: {}", self.name, text("error"))
        } else if self.way.first() == Some(&Way::Field("json")) && field("json").is_none() {
            let status = field("status").map_or(String::new(), ToString::to_string);
            let body = shorten(text("text").trim(), TOLD);
            format!("{what}: the body of the answer, a {status}, is no JSON: {body}")
        } else {
            what.to_owned()
        };
        Missing { instead }
    }
}

/// A value in a few words.
pub(crate) fn told(value: &Value) -> String {
    match value {
        Value::Object(fields) if fields.is_empty() => "it is empty".to_owned(),
        Value::Object(fields) => {
            let keys: Vec<&str> = fields.keys().take(KEYS).map(String::as_str).collect();
            let more = if fields.len() > KEYS { ", and others" } else { "" };
            format!("there are {}{more}", shorten(&keys.join(", "), TOLD))
        }
        Value::Array(items) => format!("it is a list of {}", items.len()),
        other => format!("it is {}", shorten(&other.to_string(), TOLD)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_is_a_name_and_a_way() {
        let read = Reference::parse("first.headers['set-cookie'].x[2][\"y z\"]").unwrap();
        assert_eq!(read.name, "first");
        let way = [
            Way::Field("headers"),
            Way::Field("set-cookie"),
            Way::Field("x"),
            Way::Item(2),
            Way::Field("y z"),
        ];
        assert_eq!(read.way, way);
        assert_eq!(Reference::parse("first.body").unwrap().way, [Way::Field("text")]);
        assert_eq!(Reference::parse("first").unwrap().way, []);
        for wrong in [
            "",
            ".x",
            "first.",
            "first[",
            "first[x]",
            "first['x'",
            "first.a-b",
            "a b",
            "first x",
            "first[-1]",
        ] {
            assert_eq!(Reference::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let kept = json!({"status": 404, "headers": {"x-a": "1"}, "json": null, "text": "nothing here", "error": null});
        let value = |text: &str| {
            let value = Reference::parse(text).unwrap().value(&kept).cloned();
            value.map_err(|missing| missing.instead)
        };
        assert_eq!(value("first.headers['x-a']"), Ok(json!("1")));
        assert_eq!(value("first.status"), Ok(json!(404)));
        let told = |text: &str| value(text).unwrap_err();
        assert_eq!(
            told("first.headers['x-b']"),
            "`first.headers` has no `x-b`: there are x-a"
        );
        assert_eq!(
            told("first.json.id"),
            "`first.json` is null: the body of the answer, a 404, is no JSON: nothing here"
        );
        assert_eq!(told("first.status[0]"), "`first.status` has no item 0: it is 404");
        let lost = json!({"status": 0, "headers": {}, "json": null, "text": "", "error": "the connection was refused"});
        let missing = Reference::parse("first.headers.x").unwrap().value(&lost).unwrap_err();
        assert_eq!(
            missing.instead,
            "`first.headers` has no `x`: it is empty; `first` had no answer: the connection was refused"
        );
        let items = json!({"json": {"items": [{"id": 7}]}});
        assert_eq!(
            Reference::parse("first.json.items[0].id").unwrap().value(&items),
            Ok(&json!(7))
        );
        let missing = Reference::parse("first.json.items[1]")
            .unwrap()
            .value(&items)
            .unwrap_err();
        assert_eq!(missing.instead, "`first.json.items` has no item 1: it is a list of 1");
    }
}
