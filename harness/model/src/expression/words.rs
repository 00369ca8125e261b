//! What is not CEL, in words that help.

use cel::ParseErrors;

use super::problem::Problem;

/// An expression is read once more for each part of it; nobody reads one that is longer.
const LONGEST: usize = 1000;

/// How deep brackets may lie in one another.
const DEEPEST: usize = 30;

const EXAMPLE: &str = "for example `status == 200 && json.pets.size() > 0`";

/// That a text is short and shallow enough: the parser goes down as deep as its brackets do, and must come back.
pub(super) fn readable(text: &str) -> Result<(), Problem> {
    let problem = |at: usize, len: usize, message: String, label: &str, help: &str| {
        Err(Problem {
            at,
            len,
            message,
            label: label.to_owned(),
            help: help.to_owned(),
        })
    };
    if text.trim().is_empty() {
        return problem(0, 1, "the expression is empty".to_owned(), "nothing to hold", EXAMPLE);
    }
    if text.len() > LONGEST {
        let message = format!(
            "an expression has {LONGEST} bytes at the most, and this one has {}",
            text.len()
        );
        return problem(
            0,
            1,
            message,
            "too long",
            "make several expressions of it: `that` takes a list",
        );
    }
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            let message = format!("brackets are up to {DEEPEST} deep");
            return problem(
                at,
                1,
                message,
                "too deep",
                "make several expressions of it: `that` takes a list",
            );
        }
    }
    Ok(())
}

/// What the parser cannot even refuse.
pub(super) fn unreadable(text: &str) -> Problem {
    Problem {
        at: 0,
        len: text.len(),
        message: "not a CEL expression".to_owned(),
        label: "here".to_owned(),
        help: EXAMPLE.to_owned(),
    }
}

/// The first thing that the parser says, in words that help.
pub(super) fn of_parser(text: &str, errors: &ParseErrors) -> Problem {
    let first = errors.errors.iter().find(|error| error.msg.starts_with("Syntax error"));
    let Some(error) = first.or(errors.errors.first()) else {
        return unreadable(text);
    };
    let (line, column) = (error.pos.0.max(1) as usize, error.pos.1.max(1) as usize);
    let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let within: usize = text[before..].chars().take(column - 1).map(char::len_utf8).sum();
    let at = before + within;
    let word = word_at(text, at);
    let said = error.msg.trim_start_matches("Syntax error: ");
    let (message, label, help) = explain(text, at, word, said);
    Problem {
        at,
        len: word.len(),
        message: format!("not a CEL expression: {message}"),
        label: label.to_owned(),
        help: help.to_owned(),
    }
}

fn explain(text: &str, at: usize, word: &str, said: &str) -> (String, &'static str, &'static str) {
    let previous = text[..at]
        .split(|c: char| c.is_whitespace() || c == '(')
        .rfind(|word| !word.is_empty());
    if said.starts_with("token recognition error") {
        return match word.chars().next() {
            Some('=') => (
                "`=` is no operator".to_owned(),
                "one sign is missing",
                "CEL compares with `==`",
            ),
            Some('&') => (
                "`&` is no operator".to_owned(),
                "one sign is missing",
                "CEL joins conditions with `&&`",
            ),
            Some('|') => (
                "`|` is no operator".to_owned(),
                "one sign is missing",
                "CEL joins conditions with `||`",
            ),
            Some('\'' | '"') => (
                "a quote is not closed".to_owned(),
                "it begins here",
                "close it with the sign that opened it",
            ),
            Some('$') => (
                "`$` means nothing".to_owned(),
                "here",
                "the value of an axis is `params.NAME`",
            ),
            _ => (format!("`{word}` means nothing"), "here", EXAMPLE),
        };
    }
    if word.is_empty() {
        return match said {
            "missing ')' at '<EOF>'" => ("a `(` is not closed".to_owned(), "expected `)`", "close it with `)`"),
            _ => ("it ends too early".to_owned(), "something is missing here", EXAMPLE),
        };
    }
    let help = match (word, previous) {
        ("and" | "AND", _) => "CEL joins conditions with `&&`",
        ("or" | "OR", _) => "CEL joins conditions with `||`",
        ("is", _) => "CEL compares with `==`",
        ("not", _) | (_, Some("not" | "NOT")) => "CEL negates with `!`, as in `!(status in [500, 503])`",
        (">", _) if text[..at].ends_with('<') => "CEL has `!=` for what is not equal",
        _ => EXAMPLE,
    };
    match said.strip_prefix("reserved identifier: ") {
        Some(reserved) => (format!("`{reserved}` is a reserved word"), "not a name", help),
        None => (format!("`{word}` cannot stand here"), "not expected", help),
    }
}

/// The word, or else the sign, that begins at `at`.
fn word_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    match rest.chars().next() {
        Some(c) if is_word(c) => &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())],
        Some(c) => &rest[..c.len_utf8()],
        None => "",
    }
}
