//! What is not YAML, or not the YAML that is used here, in words that help.

use marked_yaml::{LoadError, Marker};

use crate::source::{Diagnostic, Place, Source};

/// Lists in lists in lists; a file that people write has a few, and no reader goes down without end.
const DEEPEST: usize = 100;

/// What the loader would not notice.
///
/// # Errors
/// A file without anything in it, one with several documents, and one that is nested without end.
pub(super) fn check(source: &Source) -> Result<(), Diagnostic> {
    source.check_letters()?;
    let mut begun = false;
    let mut ended = false;
    for (index, line) in source.lines().enumerate() {
        let place = |column: usize, len: usize| source.place(index + 1, column, len);
        let is = |mark: &str| {
            line.strip_prefix(mark)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
        };
        let content = line.trim_start_matches([' ', '\t']);
        let says_something = !content.is_empty() && !content.starts_with('#') && !line.starts_with('%');
        if begun && is("---") || ended && says_something && !is("...") {
            return Err(Diagnostic::new(
                source,
                place(1, 3),
                "the file holds a second document",
                "it begins here",
            )
            .help("make two files of it"));
        }
        ended |= is("...");
        begun |= says_something && !is("---");
        let column = content_column(line);
        if column > DEEPEST {
            return Err(Diagnostic::new(
                source,
                place(column + 1, 1),
                "this is nested too deeply",
                "so far to the right",
            )
            .help(format!("up to {DEEPEST} columns may come before the content of a line")));
        }
    }
    if !begun {
        return Err(Diagnostic::new(
            source,
            source.at(0, 1),
            "there is nothing in this file",
            "no key and no value",
        ));
    }
    Ok(())
}

/// The name in `{{ name }}`, which other languages put in for; `text` begins with the inner brace.
fn in_double_braces(text: &str) -> Option<&str> {
    let (name, rest) = text.strip_prefix('{')?.split_once('}')?;
    let name = name.trim();
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    (rest.starts_with('}') && !name.is_empty() && name.chars().all(is_word)).then_some(name)
}

/// The bytes before what a line says: blanks, and the dashes of lists.
fn content_column(line: &str) -> usize {
    let mut rest = line;
    loop {
        let inner = rest.trim_start_matches([' ', '\t']);
        match inner.strip_prefix(['-', '?']) {
            Some(after) if after.starts_with([' ', '\t']) => rest = after,
            _ => return line.len() - inner.len(),
        }
    }
}

/// What the loader says, in words that help.
pub(super) fn explain(source: &Source, error: &LoadError) -> Diagnostic {
    use LoadError as E;
    let at = |mark: &Marker| source.place(mark.line(), mark.column(), 1);
    match error {
        E::TopLevelMustBeMapping(mark) | E::TopLevelMustBeSequence(mark) => Diagnostic::new(
            source,
            at(mark),
            "the file must hold a mapping",
            "expected `key: value` here",
        ),
        E::UnexpectedAnchor(mark) => anchor(source, before(source, at(mark), '&')),
        E::MappingKeyMustBeScalar(mark) => Diagnostic::new(
            source,
            at(mark),
            "a key must be a single word",
            "this key is a list or a mapping",
        )
        .help(in_double_braces(&source.text()[at(mark).offset..]).map_or_else(
            || "quote a key that begins with `{` or `[`".to_owned(),
            |axis| format!("where the value of the axis `{axis}` is meant, write `\"${{{axis}}}\"`"),
        )),
        E::UnexpectedTag(mark) => tag(source, before(source, at(mark), '!')),
        E::DuplicateKey(keys) => {
            let line = |key: &marked_yaml::types::MarkedScalarNode| key.span().start().map_or(0, Marker::line);
            let place = keys.key.span().start().map_or(Place::default(), |mark| {
                source.place(mark.line(), mark.column(), keys.key.as_str().len())
            });
            let message = format!("the key `{}` is there twice", keys.key.as_str());
            Diagnostic::new(source, place, message, "the second one").help(format!(
                "the first one is in line {}; keep one of them",
                line(&keys.prev_key)
            ))
        }
        E::ScanError(mark, scan) => {
            let text = scan.to_string();
            scan_error(source, at(mark), text.split(" at byte").next().unwrap_or(&text))
        }
    }
}

fn anchor(source: &Source, place: Place) -> Diagnostic {
    Diagnostic::new(
        source,
        place,
        "YAML anchors and aliases are not used here",
        "an anchor or an alias",
    )
    .help("write the value out; what varies is an axis; quote a text that begins with `&` or `*`")
}

fn tag(source: &Source, place: Place) -> Diagnostic {
    let line = source.line(place.line);
    let rest = rest_of_line(source, place);
    if ["that:", "when:", "check:"].iter().any(|key| line.contains(key)) {
        return Diagnostic::new(
            source,
            place,
            "YAML takes a text that begins with `!` for a tag",
            "not quoted",
        )
        .help(format!("quote the expression: `{}`", quoted(rest)));
    }
    Diagnostic::new(source, place, "YAML tags are not used here", "a tag")
        .help("remove the word that begins with `!`, or quote the text")
}

/// The word with `sign` before a mark, which the loader puts behind it.
fn before(source: &Source, place: Place, sign: char) -> Place {
    match source.text()[..place.offset].rfind(sign) {
        Some(start) => {
            let word = source.text()[start..]
                .split(char::is_whitespace)
                .next()
                .unwrap_or_default();
            source.at(start, word.len())
        }
        None => place,
    }
}

fn rest_of_line(source: &Source, place: Place) -> &str {
    let line = source.line(place.line);
    let skip: usize = line.chars().take(place.column - 1).map(char::len_utf8).sum();
    line[skip..].trim_end()
}

fn quoted(text: &str) -> String {
    if text.contains('\'') && !text.contains(['"', '\\']) {
        format!("\"{text}\"")
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// The first thing in a line, to its end.
fn content(source: &Source, place: Place) -> Place {
    let line = source.line(place.line);
    let indent = line.len() - line.trim_start().len();
    source.place(place.line, indent + 1, line.trim().len())
}

fn scan_error(source: &Source, place: Place, text: &str) -> Diagnostic {
    let is = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let line = source.line(place.line);
    let tell = |place: Place, message: &str, label: &str, help: String| {
        Diagnostic::new(source, place, message, label).help(help)
    };
    if is(&["tab"]) && !is(&["tag"]) {
        // The mark may be on what the line with the tab seems to go on with.
        let found = [place.line, place.line + 1].into_iter().find_map(|number| {
            let line = source.line(number);
            let at = line.find('\t')?;
            Some(source.place(number, line[..at].chars().count() + 1, 1))
        });
        let tab = found.unwrap_or(place);
        return tell(
            tab,
            "a tab is where spaces belong",
            "a tab",
            "indent with spaces, two for each level".to_owned(),
        );
    }
    // The reader keeps count in a byte.
    if is(&["recursion limit"]) {
        return tell(
            place,
            "this is nested too deeply",
            "one bracket too many",
            format!("up to {DEEPEST} brackets may be open"),
        );
    }
    if is(&["unknown anchor"]) {
        let word = rest_of_line(source, place)
            .split(char::is_whitespace)
            .next()
            .unwrap_or_default();
        return anchor(source, source.at(place.offset, word.len()));
    }
    if is(&["scanning a block scalar, did not find"]) {
        let rest = rest_of_line(source, place);
        let all = source.at(place.offset, rest.len());
        return tell(
            all,
            "YAML takes a text that begins with `>` or `|` for a block of lines",
            "not quoted",
            format!("quote it: `{}`", quoted(rest)),
        );
    }
    if let Some(sign) = text
        .strip_prefix("unexpected character: `")
        .and_then(|rest| rest.chars().next())
    {
        let rest = rest_of_line(source, place);
        let all = source.at(place.offset, rest.len());
        return tell(
            all,
            &format!("a text that begins with `{sign}` needs quotes"),
            "not quoted",
            format!("quote it: `{}`", quoted(rest)),
        );
    }
    if is(&["in quoted scalar", "scanning a quoted scalar, found unexpected"]) {
        return tell(
            place,
            "a quote is not closed",
            "it begins here",
            "close it at the end of the text".to_owned(),
        );
    }
    if let Some(value) = value_in_quotes(line).filter(|start| line[..*start].chars().count() + 1 < place.column) {
        let text = line[value..].trim_end();
        let place = source.place(place.line, line[..value].chars().count() + 1, text.len());
        return tell(
            place,
            "something follows a quoted text",
            "quoted in part",
            format!("quote the whole: `{}`", quoted(text)),
        );
    }
    if is(&["mapping values are not allowed"]) && line.chars().take(place.column - 1).collect::<String>().contains(": ")
    {
        return tell(
            place,
            "a text with a `: ` in it needs quotes",
            "YAML takes it for a key",
            "put quotes around the whole text".to_owned(),
        );
    }
    if is(&["':'", "flow", "',' or", "node content", "mapping values"])
        && let Some((bracket, closing)) = open_bracket(source, place)
    {
        return tell(
            bracket,
            "a bracket is not closed",
            "it begins here",
            format!("close it with `{closing}`"),
        );
    }
    if is(&[
        "'-' indicator",
        "expected key",
        "block sequence entries",
        "mapping values",
    ]) {
        return tell(
            content(source, place),
            "this line does not line up with those before it",
            "its indentation is of no list and no mapping",
            "give it the same indentation as its neighbours".to_owned(),
        );
    }
    // The parser finds it out at the next key, which may be in the next line.
    let near = [place.line, place.line.saturating_sub(1)];
    if let Some((number, at)) = near
        .iter()
        .find_map(|number| Some((*number, key_without_space(source.line(*number))?)))
    {
        return tell(
            source.place(number, at + 1, 1),
            "a space is missing after `:`",
            "a key ends with a colon and a space",
            "write it as `key: value`".to_owned(),
        );
    }
    tell(
        place,
        &format!("not YAML: {text}"),
        "here",
        "look at the indentation and the quotes in this line and in the one before".to_owned(),
    )
}

/// Where in a line the colon of a key stands that nothing separates from its value.
fn key_without_space(line: &str) -> Option<usize> {
    let start = content_column(line);
    let is_key = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    let length = line[start..].find(|letter| !is_key(letter))?;
    let rest = line[start + length..].strip_prefix(':')?;
    let is_run_on =
        length > 0 && !rest.starts_with(['/', ':']) && !rest.is_empty() && !rest.starts_with(char::is_whitespace);
    is_run_on.then(|| line[..start + length].chars().count())
}

/// Where in a line a value begins that begins with a quote.
fn value_in_quotes(line: &str) -> Option<usize> {
    let after = |mark: &str| line.find(mark).map(|at| at + mark.len());
    let start = after(": ").or(after("- "))?;
    let value = start + (line[start..].len() - line[start..].trim_start().len());
    line[value..].starts_with(['"', '\'']).then_some(value)
}

/// The last bracket before a place that begins a value and is not closed, with what would close it.
fn open_bracket(source: &Source, place: Place) -> Option<(Place, char)> {
    // A value in brackets goes over a few lines at the most.
    let first = source.place(place.line.saturating_sub(30).max(1), 1, 0).offset;
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut quote = None;
    let mut last = ':';
    let text = &source.text()[first..place.offset];
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(inside), c) if c == inside => quote = None,
            (Some(_), _) => continue,
            (None, '"' | '\'') if ":-[{,".contains(last) => quote = Some(c),
            (None, '#') if text[..at].ends_with([' ', '\n']) => {
                chars.by_ref().find(|(_, c)| *c == '\n');
            }
            (None, '[' | '{') if ":-[{,".contains(last) => open.push((first + at, if c == '[' { ']' } else { '}' })),
            (None, ']' | '}') if open.last().is_some_and(|(_, closing)| *closing == c) => {
                open.pop();
            }
            _ => {}
        }
        if !c.is_whitespace() {
            last = c;
        }
    }
    open.pop().map(|(at, closing)| (source.at(at, 1), closing))
}
