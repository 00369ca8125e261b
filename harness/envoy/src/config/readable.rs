//! What no reader of YAML should be given: characters that hide something, and files that are much larger than they look.

use std::path::Path;

use meshkat_model::{source::Source, yaml::check_expanded};

use super::ConfigError;

/// That a text has no such thing.
///
/// # Errors
/// What it has, with its place.
pub(super) fn check(file: &Path, text: &str) -> Result<(), ConfigError> {
    let source = Source::new(file.display().to_string(), text);
    let checked = source.check_letters().and_then(|()| check_expanded(&source));
    checked.map_err(|wrong| ConfigError::NotYaml {
        file: file.to_owned(),
        line: Some(wrong.place.line),
        column: Some(wrong.place.column),
        message: format!("{} ({})", wrong.message, wrong.label),
    })
}

#[cfg(test)]
mod tests {
    use crate::config::{Bootstrap, Overlay};

    #[test]
    fn configurations_and_overlays_that_hide_something_are_refused_at_its_place() {
        let told = |text: &str| {
            let file = "odd.yaml".as_ref();
            let told = Bootstrap::parse(file, text).expect_err("it is refused").to_string();
            assert_eq!(Overlay::parse(file, text).expect_err("it is refused").to_string(), told);
            told
        };
        assert!(told("admin: {}\nnode: \0\n").contains("odd.yaml:2:7: the character U+0000"));
        assert!(told("admin: {}\n# \u{202e}\n").contains("odd.yaml:2:3: the character U+202E"));
        assert!(told("node: {id: \"\u{85}\"}\n").contains("odd.yaml:1:13: the character U+0085"));
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let below = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert!(told(&laughs).contains("more than 1,000,000 parts"));
        assert!(told(&"- ".repeat(100_000)).contains("too deeply"));
    }
}
