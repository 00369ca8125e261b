//! How this program was called, for lines that somebody types again.

use std::path::Path;

/// What called it where it was not its own name, such as `just meshkat`.
const CALLED_AS: &str = "MESHKAT_CALLED_AS";
/// Longer ones are not what anybody types.
const LONGEST: usize = 200;

/// The words that begin a command line as this one was begun: what [`CALLED_AS`] says, or the name or path that was typed.
pub(crate) fn name() -> String {
    let fits = |text: &String| !text.trim().is_empty() && text.len() <= LONGEST && !text.contains(char::is_control);
    if let Some(called) = std::env::var(CALLED_AS).ok().filter(fits) {
        return called.trim().to_owned();
    }
    let typed = std::env::args().next().filter(fits);
    typed.map_or_else(|| "meshkat".to_owned(), |typed| quoted(&typed))
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=~".contains(c);
    if word.chars().all(is_plain) && Path::new(word).file_name().is_some() {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_path_is_one_word() {
        for (word, shown) in [
            ("meshkat", "meshkat"),
            ("target/debug/meshkat", "target/debug/meshkat"),
            ("/my bin/meshkat", "'/my bin/meshkat'"),
            ("/it's/meshkat", "'/it'\\''s/meshkat'"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
