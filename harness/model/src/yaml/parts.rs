//! What can be read of a file in which something is no YAML: one mistake hides no other.

use std::ops::Range;

use super::node::{Node, load};
use super::syntax;
use crate::source::{Diagnostic, Source};

/// Each part is read alone, with the line of its key and as many empty lines before as it has in the file. If all of these together are
/// more bytes than this, the first mistake is told, and no other.
const MOST: usize = 4 << 20;

/// Reads one YAML document as [`super::parse`] does. `help` is for a file that holds no mapping at all; `misfits` tells what does not fit in
/// what can be read of a file in which something is no YAML.
///
/// # Errors
/// What [`super::parse`] tells, of each part of the file, and the misfits of the others, in the order of the file.
pub(crate) fn parse_or_tell(
    source: &Source,
    help: &str,
    misfits: impl Fn(&Node) -> Vec<Diagnostic>,
) -> Result<Node, Vec<Diagnostic>> {
    parse_partly(source).map_err(|(mut wrong, rest)| {
        for mistake in &mut wrong {
            mistake.help.get_or_insert_with(|| help.to_owned());
        }
        wrong.extend(rest.iter().flat_map(misfits));
        wrong.sort_by_key(|diagnostic| diagnostic.place.offset);
        wrong
    })
}

/// The document; or everything that is no YAML, with what the file holds beside it as far as that can be read.
pub(super) fn parse_partly(source: &Source) -> Result<Node, (Vec<Diagnostic>, Option<Node>)> {
    syntax::check(source).map_err(|wrong| (vec![wrong], None))?;
    load(source, source.text()).map_err(|first| read(source, first))
}

/// What is no YAML in a file whose first mistake is `first`, and what the file holds without the parts that are broken, if
/// that can be read: of a list below a key the item, else all that is below the key.
fn read(source: &Source, first: Diagnostic) -> (Vec<Diagnostic>, Option<Node>) {
    let lines: Vec<&str> = source.lines().collect();
    let parts = parts(&lines);
    let bytes = |lines: &[&str]| lines.iter().map(|line| line.len()).sum::<usize>();
    let cost = |part: &Part| lines[part.key].len() + bytes(&lines[part.lines.clone()]) + part.lines.end;
    if parts.iter().map(cost).sum::<usize>() > MOST {
        return (vec![first], None);
    }
    let alone = |part: &Part, end: usize| {
        let is_out = |number: usize| number != part.key && !(part.lines.start..end).contains(&number);
        // What is told of it looks at nothing else.
        let alone = Source::new(source.name(), without(&lines, is_out));
        load(&alone, alone.text()).map_err(|mistake| Diagnostic {
            source: source.clone(),
            place: source.place(mistake.place.line, mistake.place.column, mistake.place.len),
            ..mistake
        })
    };
    let has_first = |part: &Part| part.lines.contains(&(first.place.line - 1));
    let mut broken: Vec<(usize, Diagnostic)> = Vec::new();
    let mut whole = 0;
    for (at, part) in parts.iter().enumerate() {
        if part.lines.end <= whole {
            continue;
        }
        let Err(mistake) = alone(part, part.lines.end) else {
            continue;
        };
        match parts.get(at + 1).map(|next| next.lines.end) {
            // A text in quotes goes over both.
            Some(end) if alone(part, end).is_ok() => whole = end,
            _ => broken.push((at, mistake)),
        }
    }
    if let [(at, mistake)] = broken.as_mut_slice()
        && has_first(&parts[*at])
    {
        // What stands around it may say more.
        *mistake = first.clone();
    }
    if broken.is_empty() {
        // Each part is well alone: a key is there twice, or a line is in no part.
        let Some(at) = parts.iter().position(has_first) else {
            return (vec![first], None);
        };
        broken.push((at, first));
    }
    let mut out = vec![false; lines.len()];
    for (at, _) in &broken {
        out[parts[*at].lines.clone()].fill(true);
    }
    // A key goes with the last of its items.
    let is_out = |part: &Part| out[part.lines.start];
    let gone: Vec<usize> = parts
        .chunk_by(|one, next| one.key == next.key)
        .filter(|items| items.iter().all(is_out))
        .map(|items| items[0].key)
        .collect();
    for key in gone {
        out[key] = true;
    }
    let rest = load(source, &without(&lines, |number| out[number])).ok();
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
    // A line at the left that is no key belongs to what is before.
    let begins = |number: &usize| {
        let line = lines[*number];
        let starts = !line.starts_with([' ', '\t', '#', '-', '%', '[', ']', '{', '}']);
        starts && (line.contains(": ") || line.contains(":\t") || line.trim_end().ends_with(':'))
    };
    let content = lines
        .iter()
        .find(|line| !line.trim().is_empty() && !line.starts_with('#') && **line != "---");
    if content.is_some_and(|line| line.trim_start().starts_with(['{', '['])) {
        return Vec::new();
    }
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
