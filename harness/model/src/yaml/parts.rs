//! What can be read of a file in which something is no YAML: one mistake hides no other.

use std::ops::Range;

use super::node::{Node, load};
use super::syntax;
use crate::source::{Diagnostic, Source};

/// A file with more lines than this has its first mistake told, and no other: each part is read alone.
const MOST_LINES: usize = 5_000;

/// Reads one YAML document as [`super::parse`] does; of what is no YAML everything, with what the file holds beside it as far as that
/// can be read.
///
/// # Errors
/// What [`super::parse`] tells, of each part.
pub(crate) fn parse_partly(source: &Source) -> Result<Node, (Vec<Diagnostic>, Option<Node>)> {
    syntax::check(source).map_err(|wrong| (vec![wrong], None))?;
    load(source, source.text()).map_err(|first| read(source, first))
}

/// What is no YAML in a file whose first mistake is `first`, and what the file holds without the parts that are broken, if
/// that can be read: of a list below a key the item, else all that is below the key.
fn read(source: &Source, first: Diagnostic) -> (Vec<Diagnostic>, Option<Node>) {
    let lines: Vec<&str> = source.lines().collect();
    if lines.len() > MOST_LINES {
        return (vec![first], None);
    }
    let parts = parts(&lines);
    let has_first = |part: &Part| part.lines.contains(&(first.place.line - 1));
    let mut broken: Vec<(&Part, Diagnostic)> = Vec::new();
    for part in &parts {
        let is_out = |number: usize| number != part.key && !part.lines.contains(&number);
        if let Err(mistake) = load(source, &without(&lines, is_out)) {
            broken.push((part, mistake));
        }
    }
    if let [(part, mistake)] = broken.as_mut_slice()
        && has_first(part)
    {
        // What stands around it may say more.
        *mistake = first.clone();
    }
    if broken.is_empty() {
        // Each part is well alone: a key is there twice, or a line is in no part.
        let part = parts.iter().find(|part| has_first(part));
        broken.extend(part.map(|part| (part, first.clone())));
    }
    let is_broken = |part: &Part| broken.iter().any(|(broken, _)| broken.lines == part.lines);
    let is_out = |number: usize| {
        let is_in = |part: &Part| part.lines.contains(&number) || part.key == number;
        // A key goes with the last of its items.
        parts.iter().any(is_in) && parts.iter().filter(|part| is_in(part)).all(is_broken)
    };
    let out: Vec<bool> = (0..lines.len()).map(is_out).collect();
    let rest = load(source, &without(&lines, |number| out[number])).ok();
    if broken.is_empty() || rest.is_none() {
        return (vec![first], None);
    }
    (broken.into_iter().map(|(_, mistake)| mistake).collect(), rest)
}

/// What can be read alone.
struct Part {
    /// The line of the key that it is below, or begins with, from 0.
    key: usize,
    /// Its lines.
    lines: Range<usize>,
}

/// The text with these lines empty, so that all others stay where they are.
fn without(lines: &[&str], is_out: impl Fn(usize) -> bool) -> String {
    let last = (0..lines.len()).rev().find(|number| !is_out(*number)).unwrap_or(0);
    let lines = lines.iter().enumerate().take(last + 1);
    let kept = lines.map(|(number, line)| if is_out(number) { "" } else { line });
    kept.collect::<Vec<_>>().join("\n")
}

/// Of each key at the left the items of its list, or all that is below it.
fn parts(lines: &[&str]) -> Vec<Part> {
    let begins = |number: &usize| {
        let line = lines[*number];
        !line.is_empty() && !line.starts_with([' ', '\t', '#', '-', '%', ']', '}']) && line != "..."
    };
    let keys: Vec<usize> = (0..lines.len()).filter(begins).collect();
    let ends = keys.iter().skip(1).copied().chain([lines.len()]);
    let of_keys = keys.iter().zip(ends).flat_map(|(&key, end)| {
        let lines = of_key(lines, key..end).into_iter();
        lines.map(move |lines| Part { key, lines })
    });
    of_keys.collect()
}

fn of_key(lines: &[&str], all: Range<usize>) -> Vec<Range<usize>> {
    let has_content = |number: &usize| !matches!(lines[*number].trim_start().chars().next(), None | Some('#'));
    let dash = |number: &usize| {
        let line = lines[*number];
        let rest = line.trim_start_matches(' ').strip_prefix('-')?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| line.len() - rest.len())
    };
    let below = all.start + 1..all.end;
    let Some(column) = below.clone().find(has_content).as_ref().and_then(dash) else {
        return vec![all];
    };
    let items: Vec<usize> = below.filter(|number| dash(number) == Some(column)).collect();
    let ends = items.iter().skip(1).copied().chain([all.end]);
    items.iter().zip(ends).map(|(&item, end)| item..end).collect()
}
