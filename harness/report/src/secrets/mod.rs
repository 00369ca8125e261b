//! Secrets of the environment, taken out of all that is written or printed.
//!
//! A run knows its own environment, so it knows what must not be told: the values of variables that are named like secrets,
//! and those that have the form of one. Each is replaced by `[NAME redacted]`, wherever it comes from, in whichever spelling.
//! Reports lose it where events enter them, before anything is cut or put into another form; what is printed loses it in the
//! one place that prints.

mod spellings;
mod view;
mod which;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use meshkat_model::event::{Artifact, Event};
use serde_json::Value;

use view::{Escapes, View};

/// In so many layers of escapes, one around the other, a secret is found. JSON in JSON in a URL has three.
const LAYERS: usize = 4;

/// So many bytes of a secret beside the place at which a text was cut are one, and not a word that begins or ends as it does.
const FEW: usize = 8;

/// How [`meshkat_model::shorten::shorten`], and what reads the end of a log, mark where they cut.
const CUT: &[u8] = "…".as_bytes();

/// What must not be told.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    finder: Option<Finder>,
    /// What stands for each pattern of the finder.
    instead: Vec<String>,
}

/// Finds what must not be told.
#[derive(Debug, Clone)]
struct Finder {
    whole: AhoCorasick,
    /// The first and the last bytes of each that is longer than these.
    beginnings: AhoCorasick,
    ends: AhoCorasick,
    /// Which pattern each of those is of.
    of: Vec<usize>,
    patterns: Vec<Vec<u8>>,
}

impl Secrets {
    /// Those among these variables. Of two with one value, the first by name is told.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables: BTreeMap<String, String> = variables.into_iter().collect();
        let is_path = |value: &str| value.starts_with('/') && Path::new(value).symlink_metadata().is_ok();
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        let mut instead: Vec<String> = Vec::new();
        let mut known: HashSet<Vec<u8>> = HashSet::new();
        for (name, value) in &variables {
            let harmless = |value: &str| is_path(value) || which::is_public(&variables, value);
            for secret in which::values(name, value, &harmless) {
                for spelling in spellings::of(&secret) {
                    if known.insert(spelling.clone()) {
                        patterns.push(spelling);
                        instead.push(format!("[{} redacted]", tellable(name)));
                    }
                }
            }
        }
        if patterns.is_empty() {
            return Self::default();
        }
        Self {
            finder: Some(Finder::new(patterns)),
            instead,
        }
    }

    /// Those of this process's environment, as it was when they were first asked for.
    pub fn of_this_process() -> &'static Self {
        static SECRETS: OnceLock<Secrets> = OnceLock::new();
        SECRETS.get_or_init(|| {
            let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
            Self::of(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
        })
    }

    /// `text` without them.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(finder) = &self.finder else {
            return Cow::Borrowed(text);
        };
        let found = finder.places(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for (place, pattern) in found {
            out.push_str(&text[end..place.start]);
            out.push_str(&self.instead[pattern]);
            end = place.end;
        }
        out.push_str(&text[end..]);
        Cow::Owned(out)
    }

    /// `event` without them.
    pub(crate) fn redact_event<'a>(&self, event: &'a Event) -> Cow<'a, Event> {
        if self.finder.is_none() {
            return Cow::Borrowed(event);
        }
        if let Event::Artifacts { id, round, files } = event {
            // Logs and dumps are large, and nothing in them is to be told apart.
            let file = |file: &Artifact| Artifact {
                path: self.redact(&file.path).into_owned(),
                text: self.redact(&file.text).into_owned(),
            };
            return Cow::Owned(Event::Artifacts {
                id: self.redact(id).into_owned(),
                round: *round,
                files: files.iter().map(file).collect(),
            });
        }
        let Ok(mut value) = serde_json::to_value(event) else {
            return Cow::Borrowed(event);
        };
        if !self.redact_value(&mut value) {
            return Cow::Borrowed(event);
        }
        // A secret that is one of the words that events are made of leaves no event.
        Cow::Owned(serde_json::from_value(value).unwrap_or_else(|_| {
            Event::Warning {
                message: "something that happened is left out: a secret of the environment is a part of how it is told"
                    .to_owned(),
            }
        }))
    }

    /// Takes them out of every text and every name in `value`; gives whether there was any.
    pub fn redact_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => match self.redact(text) {
                Cow::Borrowed(_) => false,
                Cow::Owned(redacted) => {
                    *text = redacted;
                    true
                }
            },
            Value::Array(items) => items.iter_mut().fold(false, |any, item| self.redact_value(item) | any),
            Value::Object(fields) => {
                let mut any = fields
                    .values_mut()
                    .fold(false, |any, field| self.redact_value(field) | any);
                if fields.keys().any(|name| matches!(self.redact(name), Cow::Owned(_))) {
                    any = true;
                    let all = std::mem::take(fields);
                    let named = all
                        .into_iter()
                        .map(|(name, field)| (self.redact(&name).into_owned(), field));
                    fields.extend(named);
                }
                any
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

impl Finder {
    fn new(patterns: Vec<Vec<u8>>) -> Self {
        const BOUNDED: &str = "an environment, which the system bounds, has fewer words than a finder holds";
        let long = |pattern: &&Vec<u8>| pattern.len() > FEW;
        let of = (0..patterns.len()).filter(|at| long(&&patterns[*at])).collect();
        let beginnings = patterns.iter().filter(long).map(|pattern| &pattern[..FEW]);
        let ends = patterns
            .iter()
            .filter(long)
            .map(|pattern| &pattern[pattern.len() - FEW..]);
        let whole = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns);
        Self {
            whole: whole.expect(BOUNDED),
            beginnings: AhoCorasick::new(beginnings).expect(BOUNDED),
            ends: AhoCorasick::new(ends).expect(BOUNDED),
            of,
            patterns,
        }
    }

    /// What is left of those in the middle of which a text was cut, so that only their beginning or their end is there.
    fn cut_off(&self, text: &[u8]) -> Vec<(Range<usize>, usize)> {
        let rest_of = |start: usize, beginning: usize| {
            let pattern = self.of[beginning];
            let same = self.patterns[pattern].iter().zip(&text[start..]);
            let length = same.take_while(|(one, other)| one == other).count();
            let end = start + length;
            text[end..].starts_with(CUT).then_some((start..end, pattern))
        };
        let end_of = |end: usize, last: usize| {
            let pattern = self.of[last];
            let same = self.patterns[pattern].iter().rev().zip(text[..end].iter().rev());
            let start = end - same.take_while(|(one, other)| one == other).count();
            text[..start].ends_with(CUT).then_some((start..end, pattern))
        };
        let beginnings = self.beginnings.find_overlapping_iter(text);
        let beginnings = beginnings.filter_map(|hit| rest_of(hit.start(), hit.pattern().as_usize()));
        let ends = self.ends.find_overlapping_iter(text);
        let ends = ends.filter_map(|hit| end_of(hit.end(), hit.pattern().as_usize()));
        beginnings.chain(ends).collect()
    }

    /// Where in `text` which pattern is, in order, none over another. Each is at the bounds of characters.
    fn places(&self, text: &str) -> Vec<(Range<usize>, usize)> {
        let mut found: Vec<(Range<usize>, usize)> = Vec::new();
        let mut look = |view: &View| {
            let hits = self
                .whole
                .find_iter(view.bytes())
                .map(|hit| (hit.range(), hit.pattern().as_usize()));
            for (range, pattern) in hits.chain(self.cut_off(view.bytes())) {
                let mut place = view.origin(range);
                while !text.is_char_boundary(place.start) {
                    place.start -= 1;
                }
                while !text.is_char_boundary(place.end) {
                    place.end += 1;
                }
                found.push((place, pattern));
            }
        };
        let joined = Rc::new(View::joined(text.as_bytes()));
        look(&joined);
        // All at once for what is escaped in several ways; and each by itself, for what is an escape of one kind may stand for
        // itself in another.
        for escapes in [Escapes::Any, Escapes::Backslash, Escapes::Percent, Escapes::Entity] {
            let mut view = joined.unescaped(escapes);
            for _ in 0..LAYERS {
                let Some(seen) = view else { break };
                look(&seen);
                view = seen.unescaped(escapes);
            }
        }
        found.sort_by_key(|(place, pattern)| (place.start, usize::MAX - place.end, *pattern));
        let mut apart: Vec<(Range<usize>, usize)> = Vec::new();
        for (place, pattern) in found {
            match apart.last_mut() {
                Some((last, _)) if place.start < last.end => last.end = last.end.max(place.end),
                _ => apart.push((place, pattern)),
            }
        }
        apart
    }
}

/// A variable's name, which may be any bytes, as a word.
fn tellable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().take(64).map(plain).collect()
}

#[cfg(test)]
mod tests;
