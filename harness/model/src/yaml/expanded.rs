//! What a file with anchors and aliases becomes when each alias is what it stands for.

use std::collections::HashMap;

use yaml_rust2::{
    parser::{Event, Parser},
    scanner::Marker,
};

use crate::{
    limits::grouped,
    source::{Diagnostic, Source},
};

/// Parts of a file once its aliases are written out.
const MOST: u64 = 1_000_000;

/// Lists and mappings in one another.
const DEEPEST: usize = 120;

/// That a file is of a bearable size and depth once its aliases are written out: few lines can stand for more than any memory
/// holds. Reads the file without keeping it.
///
/// # Errors
/// The place where it becomes too large or too deep. That it is no YAML is for its reader to tell; of a file that has aliases
/// and cannot be read here, nobody knows how large it is.
pub fn check_expanded(source: &Source) -> Result<(), Diagnostic> {
    let mut parser = Parser::new_from_str(source.text());
    let mut parts = 0_u64;
    let mut sizes: HashMap<usize, u64> = HashMap::new();
    let mut open: Vec<(usize, u64)> = Vec::new();
    loop {
        let (event, mark) = match parser.next_token() {
            Ok(next) => next,
            Err(error) if source.text().contains('*') && source.text().contains('&') => {
                let text = format!("not YAML: {}", error.info());
                return Err(told(source, *error.marker(), &text, "here", "write the aliases out"));
            }
            Err(_) => return Ok(()),
        };
        match event {
            Event::StreamEnd => return Ok(()),
            Event::Alias(anchor) => {
                let Some(size) = sizes.get(&anchor) else {
                    let text = "an alias that stands for what it is a part of";
                    return Err(told(source, mark, text, "the alias", "write it out"));
                };
                parts = parts.saturating_add(*size);
            }
            Event::Scalar(_, _, anchor, _) => {
                parts += 1;
                sizes.insert(anchor, 1);
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, parts));
                parts += 1;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((anchor, before)) = open.pop() {
                    sizes.insert(anchor, parts - before);
                }
            }
            _ => {}
        }
        if open.len() > DEEPEST {
            let text = "this is nested too deeply";
            let help = format!("up to {DEEPEST} lists and mappings may lie in one another");
            return Err(told(source, mark, text, "one too many", &help));
        }
        if parts > MOST {
            let text = format!(
                "with its aliases written out, the file has more than {} parts",
                grouped(MOST)
            );
            return Err(told(source, mark, &text, "too many", "use fewer aliases of aliases"));
        }
    }
}

fn told(source: &Source, mark: Marker, message: &str, label: &str, help: &str) -> Diagnostic {
    let place = source.place(mark.line(), mark.col() + 1, 1);
    Diagnostic::new(source, place, message, label).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(text: &str) -> String {
        match check_expanded(&Source::new("f.yaml", text)) {
            Ok(()) => String::new(),
            Err(wrong) => format!("{}:{} {}", wrong.place.line, wrong.place.column, wrong.message),
        }
    }

    #[test]
    fn a_file_that_stands_for_more_than_memory_is_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let below = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert_eq!(
            told_of(&laughs),
            "6:45 with its aliases written out, the file has more than 1,000,000 parts"
        );
        let maps: String = (1..40)
            .map(|n| format!("m{n}: &m{n} {{a: *m{}, b: *m{}}}\n", n - 1, n - 1))
            .collect();
        assert!(told_of(&format!("m0: &m0 {{x: y}}\n{maps}")).ends_with("1,000,000 parts"));
        assert_eq!(told_of("a: &a [x]\nb: *a\nc: [*a, *a]\n"), "", "a few are fine");
    }

    #[test]
    fn what_is_nested_without_end_is_refused() {
        for text in [
            "- ".repeat(100_000),
            "[".repeat(100_000),
            "{a: ".repeat(500),
            "? ".repeat(1000),
        ] {
            let told = told_of(&text);
            assert!(told.is_empty() || told.contains("too deeply"), "{told}");
        }
        assert!(told_of(&"- ".repeat(100_000)).contains("too deeply"));
        assert!(told_of(&format!("{}x{}", "[".repeat(200), "]".repeat(200))).contains("too deeply"));
    }

    #[test]
    fn an_alias_of_its_own_whole_is_refused() {
        assert!(told_of("a: &a [*a]\n").contains("a part of"));
    }
}
