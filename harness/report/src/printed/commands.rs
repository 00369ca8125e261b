//! Words that CI servers take for commands when they stand in a log.

use std::borrow::Cow;

use super::style::colour;
use crate::text::is_hidden;

/// Anywhere in a line. The backslash comes before the underscore.
const ANYWHERE: [&str; 4] = ["section_start:", "section_end:", "travis_fold:", "travis_time:"];
/// Of a command's name, such as `##vso[task.complete]`.
const LONGEST_NAME: usize = 64;

/// `text` with a backslash in each word that a CI server would obey, so that a person still reads it:
///
/// | word | where | becomes | obeyed by |
/// |---|---|---|---|
/// | `::` | begins a line, after blanks | `\::` | GitHub, Gitea, Forgejo |
/// | `##[`, `##NAME[` | anywhere | `#\#[` | GitHub, Azure, TeamCity |
/// | `section_start:`, `section_end:` | anywhere | `section\_start:` | GitLab |
/// | `travis_fold:`, `travis_time:` | anywhere | `travis\_fold:` | Travis |
/// | `---`, `+++`, `~~~`, `^^^`, and a blank or nothing | begins a line, after blanks | `\---` | Buildkite |
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        for at in marks(line) {
            out.push_str(&text[copied..start + at]);
            out.push('\\');
            copied = start + at;
        }
        start += line.len();
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Where in a line the backslashes go, in order.
fn marks(line: &str) -> Vec<usize> {
    let seen = without_colours(line);
    let mut marks = Vec::new();
    let blank = |c: char| c.is_whitespace() || is_hidden(c);
    let begin = seen.iter().position(|(_, c)| !blank(*c)).unwrap_or(seen.len());
    if let Some((at, _)) = seen.get(begin).filter(|_| begins_command(&seen[begin..])) {
        marks.push(*at);
    }
    for (n, (at, c)) in seen.iter().enumerate() {
        let is_mark = match c {
            '#' => n > 0 && seen[n - 1].1 == '#' && is_named_bracket(&seen[n + 1..]),
            '_' => ANYWHERE.iter().any(|word| is_in(word, &seen, n)),
            _ => false,
        };
        if is_mark {
            marks.push(*at);
        }
    }
    marks
}

/// The characters of a line, each with its place, without what sets colours: a log may lose those later.
fn without_colours(line: &str) -> Vec<(usize, char)> {
    let mut seen = Vec::with_capacity(line.len());
    let mut at = 0;
    while let Some(c) = line[at..].chars().next() {
        match colour(&line[at..]) {
            Some(len) => at += len,
            None => {
                seen.push((at, c));
                at += c.len_utf8();
            }
        }
    }
    seen
}

fn begins_command(seen: &[(usize, char)]) -> bool {
    let c = |n: usize| seen.get(n).map(|(_, c)| *c);
    match c(0) {
        Some(':') => c(1) == Some(':'),
        Some(mark @ ('-' | '+' | '~' | '^')) => {
            c(1) == Some(mark) && c(2) == Some(mark) && c(3).is_none_or(char::is_whitespace)
        }
        _ => false,
    }
}

/// Whether a name, or none, and a bracket follow.
fn is_named_bracket(seen: &[(usize, char)]) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut rest = seen.iter().take(LONGEST_NAME).map(|(_, c)| *c);
    rest.find(|c| !in_name(*c)) == Some('[')
}

/// Whether `word` stands there with its underscore at `n`.
fn is_in(word: &str, seen: &[(usize, char)], n: usize) -> bool {
    let Some(from) = word.find('_').and_then(|before| n.checked_sub(before)) else {
        return false;
    };
    let there = seen[from..].iter().map(|(_, c)| *c);
    there.take(word.len()).eq(word.chars())
}
